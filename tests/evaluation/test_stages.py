"""The stages that the benchmark tells apart."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from masasr_mm.evaluation.stages import network_stages
from masasr_mm.evaluation.timing import REST, Clock, StageTimer
from masasr_mm.models import MASANet
from masasr_mm.models.inference.tiled import TiledMASANet

NAMES = [
    *('encode LR', 'encode Ref↓', 'coarse matching', 'fine matching', 'similarity'),
    *('LR pyramid', 'encode Ref'),
    *('extract 1×', 'fuse 1×', 'extract 2×', 'fuse 2×', 'extract 4×', 'fuse 4×'),
    *('to image', REST),
]


@pytest.fixture(scope='module')
def net():
    torch.manual_seed(0)
    return MASANet(channels=4, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1)).eval()


@pytest.fixture(scope='module')
def images():
    ref = torch.rand(1, 3, 96, 96)
    return torch.rand(1, 3, 24, 24), ref, F.avg_pool2d(ref, 4)


@pytest.mark.parametrize('tile', [None, 8])
@torch.no_grad()
def test_every_stage_is_seen_whole_and_in_tiles(net, images, tile):
    forward = TiledMASANet(net, tile).super_resolve if tile else net.super_resolve
    expected, _ = forward(*images)
    timer = StageTimer(Clock(torch.device('cpu')))
    with network_stages(net, timer), timer.whole():
        have, _ = forward(*images)
    assert torch.equal(have, expected)
    seconds = timer.seconds()
    assert sorted(seconds) == sorted(NAMES)
    assert all(value > 0 for value in seconds.values())
    if not tile:
        assert list(seconds) == NAMES


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
def test_time_counts_for_the_stage_that_it_passes_in(net, images):
    clock = Hands()
    hooks = [
        net.matching.register_forward_pre_hook(lambda *_: clock.move(1)),
        net.encoder.levels[1][0].register_forward_hook(lambda *_: clock.move(10)),
    ]
    timer = StageTimer(clock)
    with network_stages(net, timer), timer.whole():
        net(*images)
    for hook in hooks:
        hook.remove()
    # Level 2 is run on the LR and the reference; what MEM does outside its stages is left over.
    seconds = {name: value for name, value in timer.seconds().items() if value}
    assert seconds == {'encode LR': 10, 'encode Ref': 10, REST: 1}


def test_the_network_is_given_back(net, images):
    timer = StageTimer(Clock(torch.device('cpu')))
    with network_stages(net, timer):
        pass
    with torch.no_grad(), timer.whole():
        net(*images)
    assert list(timer.seconds()) == [REST]
