"""The direction of imports between packages, by the layers in pyproject.toml."""

from __future__ import annotations

from importlinter.cli import lint_imports

from tests.conftest import REPOSITORY


def test_packages_import_from_those_below_them(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    assert lint_imports(no_cache=True) == 0
