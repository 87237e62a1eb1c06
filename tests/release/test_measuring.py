"""What is measured is what the variant says, and the released matching comes to the same."""

from __future__ import annotations

import time

import pytest
import torch
from torch.profiler import record_function

from masasr_mm.errors import UserError
from masasr_mm.models import MatchExtractionModule
from tests.scripts import load_tool
from tests.small_networks import images, network

measuring = load_tool('analysis_tools/measuring.py')
UnfoldedMatching = measuring.UnfoldedMatching
CPU = torch.device('cpu')


def test_each_moment_counts_for_the_innermost_stage():
    def run():
        time.sleep(0.02)
        for _ in range(2):
            with record_function('outer'):
                time.sleep(0.04)
                with record_function('inner'):
                    time.sleep(0.16)

    seconds = measuring.stage_seconds(run, CPU)
    assert list(seconds) == ['outer', 'inner', measuring.REST]
    # A busy machine sleeps longer, never shorter.
    assert seconds['outer'] >= 0.08
    assert seconds['inner'] >= 0.32
    assert seconds['inner'] > seconds['outer'] > seconds[measuring.REST] >= 0.02


def test_a_child_that_dies_is_told_in_a_line():
    """And one that lives gives its result, in a process of its own."""
    assert measuring.in_child(len, 'abc', keep_freed=False) == 3
    with pytest.raises(UserError, match='was killed, most likely for lack of memory'):
        measuring.in_child(eval, '__import__("os")._exit(1)', keep_freed=False)


@pytest.mark.parametrize('sizes', [(40, 24, 30, 52), (8, 16, 5, 40), (16, 16, 16, 16)])
@torch.no_grad()
def test_the_released_matching_agrees(sizes):
    net, given = network(), images(*sizes, n=2)
    have, matches = net.super_resolve(*given)
    net.matching = UnfoldedMatching.like(net.matching)
    expected, others = net.super_resolve(*given)
    for one, other in zip(matches[:3], others[:3]):
        assert torch.equal(one, other)
    torch.testing.assert_close(have, expected, rtol=1e-4, atol=1e-5)


def test_gradients_of_the_released_matching_agree():
    torch.manual_seed(0)
    lr, ref_down = (torch.rand(1, 3, 16, 16, requires_grad=True) for _ in range(2))
    ref = torch.rand(1, 3, 32, 32, requires_grad=True)
    gradients = []
    for matching in (MatchExtractionModule(), UnfoldedMatching()):
        texture = matching.extract(ref, matching(lr, ref_down))
        loss = (texture * torch.linspace(0, 1, 32)).sum()
        gradients.append(torch.autograd.grad(loss, (lr, ref_down, ref)))
    for ours, theirs in zip(*gradients):
        assert theirs.abs().max() > 0
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def peaks(*sizes: int) -> list[int | None]:
    """What tensors of so many bytes, freed at once, are said to add."""
    return [
        measuring.added_peak_memory(lambda size=size: torch.ones(size // 4), CPU) for size in sizes
    ]


def test_memory_is_that_of_the_peak():
    small, *large = measuring.in_child(peaks, 4, 2**26, 2**27, keep_freed=False)
    if small is None:
        pytest.skip('this system does not report it')
    assert small < 2**24
    assert large == [pytest.approx(2**26, rel=0.2), pytest.approx(2**27, rel=0.2)]
