"""The demo's modules, which are no package, and the small network."""

from __future__ import annotations

import sys

import pytest

from tests.apis.conftest import photos, small_checkpoint, small_model  # noqa: F401
from tests.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def _demo_on_the_path(monkeypatch):
    """Import demo/*.py as demo/app.py does."""
    monkeypatch.syspath_prepend(str(REPOSITORY / 'demo'))
    yield
    for name in ('service', 'slider', 'examples', 'sweeping', 'page'):
        sys.modules.pop(name, None)
