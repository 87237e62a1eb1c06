"""Pipelines in these tests are built as a config with ``default_scope = 'mmagic'`` builds them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mmengine.registry import DefaultScope


@pytest.fixture(autouse=True)
def mmagic_scope() -> Iterator[None]:
    with DefaultScope.overwrite_default_scope('mmagic'):
        yield
