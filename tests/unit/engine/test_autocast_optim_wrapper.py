"""Forward passes under bfloat16, without a loss scaler, on a CPU too."""

from __future__ import annotations

import torch
from mmagic.registry import OPTIM_WRAPPERS
from torch import nn


def test_the_forward_pass_alone_is_in_bfloat16():
    model = nn.Linear(4, 4)
    wrapper = OPTIM_WRAPPERS.build(
        dict(type='AutocastOptimWrapper', optimizer=torch.optim.SGD(model.parameters(), lr=1.0))
    )
    with wrapper.optim_context(model):
        result = model(torch.ones(1, 4))
    assert result.dtype == torch.bfloat16
    assert model(torch.ones(1, 4)).dtype == torch.float32
    before = model.weight.detach().clone()
    wrapper.update_params(result.float().sum())
    assert model.weight.dtype == torch.float32
    torch.testing.assert_close(before - model.weight, torch.ones(4, 4))
