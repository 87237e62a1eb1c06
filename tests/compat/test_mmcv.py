"""mmagic beside mmcv-lite, and without any mmcv."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from masasr_mm import compat
from masasr_mm.errors import UserError

from .alone import COMPAT_ALONE, run_python


class TestProvideMMCVOps:
    @pytest.mark.skipif(
        importlib.util.find_spec('mmcv._ext') is not None, reason='this mmcv has its operators'
    )
    def test_mmagic_models_import_with_mmcv_lite(self):
        result = run_python(
            COMPAT_ALONE
            + """
assert compat.provide_mmcv_ops() is True
assert compat.provide_mmcv_ops() is False
compat.provide_numpy_bool8()
import mmagic.models
import mmcv.ops, torch, importlib.util
assert 'mmcv._ext' not in sys.modules
assert importlib.util.find_spec('mmcv._ext') is None
try:
    mmcv.ops.nms(torch.rand(2, 4), torch.rand(2), 0.5)
except ImportError as error:
    print(error)
"""
        )
        assert result.returncode == 0, result.stderr
        assert 'nms' in result.stdout
        assert 'pip install mmcv>=2.0,<2.2' in result.stdout

    def test_real_operators_are_left_alone(self, tmp_path):
        operators = tmp_path / 'mmcv' / 'ops'
        operators.mkdir(parents=True)
        (tmp_path / 'mmcv' / '__init__.py').write_text('')
        (tmp_path / 'mmcv' / '_ext.py').write_text('nms = 42')
        (operators / '__init__.py').write_text('from mmcv._ext import nms')
        code = 'import mmcv.ops; print(compat.provide_mmcv_ops(), mmcv.ops.nms)'
        for order in ('', 'assert not compat.provide_mmcv_ops()\n'):
            result = run_python(COMPAT_ALONE + order + code, PYTHONPATH=str(tmp_path))
            assert result.stdout.split() == ['False', '42'], result.stderr

    def test_no_mmcv_at_all(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'mmcv', None)
        with pytest.raises(UserError, match='masasr_mm needs mmcv-lite or full mmcv: pip install'):
            compat.require_mmcv()
