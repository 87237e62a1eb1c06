"""The stages that the network names while it runs."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from masasr_mm.benchmark.timing import REST, Clock, StageTimer
from masasr_mm.benchmark.unfolded_matching import UnfoldedMatching
from masasr_mm.models import MASANet
from masasr_mm.models.inference.tiled import TiledMASANet
from masasr_mm.models.inference.whole import WholeMASANet
from masasr_mm.models.stages import stages_marked_by

NAMES = [
    *('encode LR', 'encode Ref↓', 'coarse matching', 'fine matching', 'similarity'),
    *('LR pyramid', 'encode Ref'),
    *('extract 1×', 'fuse 1×', 'extract 2×', 'fuse 2×', 'extract 4×', 'fuse 4×'),
    'to image',
]
WAYS = dict(
    network=lambda net: net,
    whole=WholeMASANet,
    tiled=lambda net: TiledMASANet(net, 8),
)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return MASANet(channels=4, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1)).eval()


def images(ref_size: int = 96):
    ref = torch.rand(1, 3, ref_size, ref_size)
    return torch.rand(1, 3, 24, 24), ref, F.avg_pool2d(ref, 4)


@pytest.mark.parametrize('way', WAYS)
# Of a reference smaller than the photo the features are kept, of a larger one the texture.
@pytest.mark.parametrize('ref_size', [64, 128])
@torch.no_grad()
def test_a_clock_sees_every_stage_however_the_network_runs(net, way, ref_size):
    given, runner = images(ref_size), WAYS[way](net)
    expected, _ = runner.super_resolve(*given)
    timer = StageTimer(Clock(torch.device('cpu')))
    with stages_marked_by(timer.stage), timer.whole():
        have, _ = runner.super_resolve(*given)
    assert torch.equal(have, expected)
    seconds = timer.seconds()
    assert sorted(seconds) == sorted([*NAMES, REST])
    assert all(value > 0 for value in seconds.values())
    if way == 'network':
        assert list(seconds) == [*NAMES, REST]


@torch.no_grad()
def test_matching_of_another_kind_has_the_same_stages(net):
    net.matching = UnfoldedMatching.like(net.matching)
    timer = StageTimer(Clock(torch.device('cpu')))
    with stages_marked_by(timer.stage), timer.whole():
        net(*images())
    assert list(timer.seconds()) == [*NAMES, REST]


@torch.no_grad()
def test_torchs_profiler_shows_the_stages(net):
    with profile(activities=[ProfilerActivity.CPU]) as found:
        net(*images())
    events = {event.name: event.time_range for event in found.events() if event.name in NAMES}
    assert sorted(events, key=lambda name: events[name].start) == NAMES
    convolutions = [event for event in found.events() if event.name == 'aten::conv2d']
    encoder = events['encode LR']
    inside = [event for event in convolutions if encoder.start <= event.time_range.start]
    inside = [event for event in inside if event.time_range.end <= encoder.end]
    assert len(inside) == 3 * 3  # of three levels with one residual block each


class Hands(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self):
        super().__init__(torch.device('cpu'))
        self.now = 0

    def mark(self):
        return self.now

    def move(self, seconds):
        self.now += seconds


@torch.no_grad()
def test_time_counts_for_the_stage_that_it_passes_in(net):
    clock = Hands()
    net.matching.register_forward_pre_hook(lambda *_: clock.move(1))
    net.encoder.levels[1][0].register_forward_hook(lambda *_: clock.move(10))
    timer = StageTimer(clock)
    with stages_marked_by(timer.stage), timer.whole():
        net(*images())
    # Level 2 is run on the LR and the reference; what MEM does outside its stages is left over.
    seconds = {name: value for name, value in timer.seconds().items() if value}
    assert seconds == {'encode LR': 10, 'encode Ref': 10, REST: 1}


@torch.no_grad()
def test_afterwards_nobody_is_told(net):
    timer = StageTimer(Clock(torch.device('cpu')))
    with pytest.raises(ValueError, match='stop'), stages_marked_by(timer.stage):
        raise ValueError('stop')
    with timer.whole():
        net(*images())
    assert list(timer.seconds()) == [REST]


@torch.no_grad()
@pytest.mark.parametrize('trace', ['compile', 'export'])
def test_nothing_is_left_in_a_traced_network(net, trace):
    given, told = images(), []

    def marker(name):
        told.append(name)
        raise AssertionError(name)

    with stages_marked_by(marker):
        if trace == 'export':
            have = torch.export.export(net, given, strict=False).module()(*given)
        else:
            have = torch.compile(net, fullgraph=True, backend='eager')(*given)
    assert not told
    assert torch.equal(have, net(*given))
