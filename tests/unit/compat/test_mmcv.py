"""mmagic beside mmcv-lite, and without any mmcv."""

from __future__ import annotations

import importlib.util
import sys
from unittest import mock

import pytest
import torch

from masasr_mm import compat
from masasr_mm.errors import UserError


@pytest.mark.skipif(
    importlib.util.find_spec('mmcv._ext') is not None, reason='this mmcv has its operators'
)
def test_operators_that_are_missing_say_so():
    import mmagic.models  # noqa: F401
    import mmcv.ops

    assert 'mmcv._ext' not in sys.modules
    assert compat.provide_mmcv_ops() is False  # a second time
    with pytest.raises(ImportError, match=r"nms is .*'pip install mmcv>=2\.0,<2\.2'"):
        mmcv.ops.nms(torch.rand(2, 4), torch.rand(2), 0.5)


def test_real_operators_are_left_alone(tmp_path, monkeypatch):
    operators = tmp_path / 'mmcv' / 'ops'
    operators.mkdir(parents=True)
    (tmp_path / 'mmcv' / '__init__.py').touch()
    (tmp_path / 'mmcv' / '_ext.py').write_text('nms = 42')
    (operators / '__init__.py').write_text('from mmcv._ext import nms')
    monkeypatch.syspath_prepend(tmp_path)
    with mock.patch.dict(sys.modules):
        for name in list(sys.modules):
            if name.partition('.')[0] == 'mmcv':
                del sys.modules[name]
        assert not compat.provide_mmcv_ops()
        import mmcv.ops

        assert mmcv.ops.nms == 42


def test_no_mmcv_at_all(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmcv', None)
    with pytest.raises(UserError, match='masasr_mm needs mmcv-lite or full mmcv: pip install'):
        compat.require_mmcv()
