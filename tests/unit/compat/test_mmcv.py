"""mmagic beside mmcv-lite."""

from __future__ import annotations

import importlib.util
import sys

import pytest
import torch

from masasr_mm import compat


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
