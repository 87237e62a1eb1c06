"""The stages that the benchmark tells apart."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from masasr_mm.evaluation.stages import network_stages
from masasr_mm.evaluation.timing import REST, Clock, StageTimer
from masasr_mm.models import MASANet
from masasr_mm.models.tiling import TiledMASANet

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


@torch.no_grad()
def test_a_slow_part_is_found(net, images):
    import time

    hook = net.matching.register_forward_pre_hook(lambda *_: time.sleep(0.1))
    slow = net.encoder.levels[1].register_forward_hook(lambda *_: time.sleep(0.3))
    timer = StageTimer(Clock(torch.device('cpu')))
    with network_stages(net, timer), timer.whole():
        net(*images)
    hook.remove()
    slow.remove()
    seconds = timer.seconds()
    # Level 2 is run on the LR and the reference; what MEM does outside its stages is left over.
    slowest = sorted(seconds, key=seconds.get)[-3:]
    assert set(slowest) == {'encode LR', 'encode Ref', REST}
    assert min(seconds['encode LR'], seconds['encode Ref']) >= 0.3
    assert seconds['encode Ref↓'] < 0.3


def test_the_network_is_given_back(net, images):
    timer = StageTimer(Clock(torch.device('cpu')))
    with network_stages(net, timer):
        pass
    with torch.no_grad(), timer.whole():
        net(*images)
    assert list(timer.seconds()) == [REST]
