"""What large images will need is told before they are run."""

from __future__ import annotations

import time

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from masasr_mm.models import MASANet
from masasr_mm.models.inference import any_size
from masasr_mm.models.inference import plan as planning
from masasr_mm.models.inference.choosing import needed_in_tiles, needed_whole
from masasr_mm.models.inference.plan import Plan, Speed, measured_speed, plan
from tests.models.inference.test_choosing import shapes
from tests.models.inference.test_tiled import images, network


@pytest.fixture
def speed(monkeypatch):
    """Set how fast the machine is, with images of any size."""
    for name in ('WORTH_A_PROBE', 'SLOWER_IN_TILES', 'SLOWER_WHOLE'):
        monkeypatch.setattr(planning, name, 1)
    return lambda *seconds: monkeypatch.setattr(
        planning, 'measured_speed', lambda net, like: Speed(*seconds)
    )


def test_small_images_are_not_worth_it(monkeypatch):
    monkeypatch.setattr(planning, 'measured_speed', lambda *_: pytest.fail('it was measured'))
    assert plan(network(), *shapes(256, 256, 1024, 1024), 128) is None


@pytest.mark.parametrize('tile', [None, 128])
def test_encoding_and_searching_grow_as_the_paper_says(speed, tile):
    """Every pixel is encoded once; all K blocks are compared with all n places of Ref↓ (Eq. 1)."""
    net, sizes = network(matching=dict(search='exact')), shapes(480, 640, 2000, 3000)
    speed(1, 0, 0)
    assert plan(net, *sizes, tile).seconds == 480 * 640 + 2000 * 3000
    speed(0, 1, 0)
    exact = plan(net, *sizes, tile).seconds
    assert exact == (480 // 8) * (640 // 8) * 500 * 750
    net.matching.search = 'pruned'
    assert plan(net, *sizes, tile).seconds < exact / 10


def test_large_images_are_slower_than_the_probe(speed, monkeypatch):
    net, sizes = network(), shapes(640, 640, 2560, 2560)
    speed(1, 0, 0)
    monkeypatch.setattr(planning, 'SLOWER_IN_TILES', 3)
    monkeypatch.setattr(planning, 'SLOWER_WHOLE', 2)
    pixels = 640 * 640 + 2560 * 2560
    assert plan(net, *sizes, 128).seconds == 3 * pixels
    assert plan(net, *sizes, None).seconds == 2 * pixels


def test_scales_take_their_shares_of_the_fusing(speed):
    """Those of the multiplications that torch counts."""
    net, sizes = MASANet(), shapes(640, 640, 2560, 2560)
    speed(0, 0, 1)
    steps = plan(net, *sizes, None).steps
    counted = []
    for index in range(3):
        side = 16 * 2**index
        before = torch.rand(1, 64, side // 2 if index else side, side // 2 if index else side)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net.fuse(index, before, torch.rand(1, 64, side, side))
        counted.append(counter.get_total_flops())
    for index, flops in enumerate(counted):
        share = steps[f'fusing at {2**index}×'] / (640 * 640)
        assert share == pytest.approx(flops / sum(counted), rel=0.2)


def test_tiles_fuse_their_halos_as_well(speed):
    net, sizes = network(), shapes(640, 640, 2560, 2560)
    speed(0, 0, 1)
    whole, large, small = (plan(net, *sizes, tile).seconds for tile in (None, 128, 32))
    assert whole == pytest.approx(640 * 640)
    assert whole < large < 1.3 * whole
    assert 1.3 * whole < small < 4 * whole


def test_what_comes_is_what_the_progress_bar_is_told(speed):
    told = set()
    speed(1, 1, 1)
    steps = plan(network(), *shapes(640, 640, 2560, 2560), 128).steps
    track = lambda tiles, description: told.add(description) or tiles  # noqa: E731
    inputs = images(72, 32, 72, 32)
    any_size.super_resolve(network(), *inputs, dict(tile=16, track=track))
    assert set(steps) <= told
    assert all(name.startswith('statistics') for name in told - set(steps))


def test_memory_is_what_large_images_are_refused_by(speed):
    net, sizes = network(), shapes(640, 640, 2560, 2560)
    speed(1, 1, 1)
    assert plan(net, *sizes, None).memory == needed_whole(net, *sizes)
    assert plan(net, *sizes, 64).memory == needed_in_tiles(net, *sizes, 64)


def test_what_is_fused_is_what_neither_matches_nor_encodes(monkeypatch):
    took = iter([2.0, 3.0, 5.0, 17.0])  # encoding, searching, matching and its encoding, everything
    monkeypatch.setattr(planning, '_seconds', lambda run: next(took))
    assert measured_speed(network(), torch.zeros(1)) == Speed(
        2 / 256**2, 3 / (8 * 8 * 64**2), (17 - 5 - 2) / 64**2
    )


@pytest.mark.parametrize(('block_size', 'side'), [(8, 64), (12, 72)])
def test_the_speed_is_this_machines(block_size, side):
    """The parts that are measured take no longer than all of them do."""
    net = network(matching=dict(block_size=block_size))
    state, start = torch.get_rng_state(), time.perf_counter()
    measured = measured_speed(net, torch.zeros(1))
    took = time.perf_counter() - start
    assert torch.equal(torch.get_rng_state(), state)
    assert 0 < measured.encoding * (4 * side) ** 2 < took
    assert 0 < measured.searching * (side // block_size) ** 2 * side**2 < took
    assert 0 <= measured.fusing * side**2 < took


@pytest.mark.parametrize(('options', 'runs'), [({}, 1), (dict(ensemble=True), 8)])
def test_it_is_announced_before_anything_is_run(monkeypatch, speed, options, runs):
    net, inputs, told = network(), images(24, 24, 24, 24), []
    speed(1, 0, 0)
    monkeypatch.setattr(net.encoder, 'forward', lambda *_, **__: pytest.fail('it has started'))

    def announce(what):
        told.append(what)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        any_size.super_resolve(net, *inputs, dict(tile=16, announce=announce, **options))
    [what] = told
    assert isinstance(what, Plan)
    assert what.tile == 16
    assert what.seconds == runs * (24 * 24 + 96 * 96)
