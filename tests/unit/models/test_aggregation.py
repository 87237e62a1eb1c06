"""DRAM and Table 4's models against Eq. 12-13 written out."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from masasr_mm.models import DualResidualAggregationModule


@pytest.mark.parametrize('ref_branch', [True, False])
@pytest.mark.parametrize('lr_branch', [True, False])
def test_aggregation_follows_the_paper(ref_branch, lr_branch):
    torch.manual_seed(0)
    module = DualResidualAggregationModule(3, ref_branch, lr_branch).double()
    lr = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    ref = torch.randn(2, 3, 8, 10, dtype=torch.float64)

    refined_ref, refined_lr = ref, F.interpolate(lr, scale_factor=2, mode='bilinear')
    if ref_branch:  # Eq. 12
        residual = module.ref_branch.down(ref).relu() - lr
        refined_ref = ref + module.ref_branch.up(residual).relu()
    if lr_branch:  # Eq. 13
        residual = lr - module.lr_branch.down(ref).relu()
        refined_lr = module.lr_branch.up(lr + residual).relu()
    both, merge = torch.cat((refined_ref, refined_lr), 1), module.merge
    expected = F.conv2d(both, merge.weight, merge.bias, padding=1).relu()
    copies = lr.clone(), ref.clone()
    with torch.no_grad():
        torch.testing.assert_close(module(lr, ref), expected)
    assert torch.equal(lr, copies[0])
    assert torch.equal(ref, copies[1])
