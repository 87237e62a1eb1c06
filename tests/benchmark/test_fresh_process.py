"""A process of its own."""

from __future__ import annotations

import os

import pytest

from masasr_mm.benchmark.fresh_process import in_child
from masasr_mm.errors import UserError


def to_root() -> None:
    """Leave the folder."""
    os.chdir('/')


def test_a_fresh_process():
    assert in_child(os.getpid) != os.getpid()
    assert in_child(os.getcwd, first=to_root) == '/'
    with pytest.raises(UserError, match='was killed, most likely for lack of memory'):
        in_child(os._exit, 9)
