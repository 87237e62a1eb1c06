"""What large images will need is told before they are run."""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from masasr_mm.models import MASANet
from masasr_mm.models.inference import any_size
from masasr_mm.models.inference import plan as planning
from masasr_mm.models.inference.choosing import needed_in_tiles, needed_whole
from masasr_mm.models.inference.encoded_lr import encode_lr
from masasr_mm.models.inference.plan import Plan, Speed, measured_speed, plan
from masasr_mm.models.inference.rooms import Rooms
from masasr_mm.models.inference.tiled import TiledMASANet
from tests.models.inference.test_choosing import shapes
from tests.models.inference.test_tiled import images, network


def _count(seen: Counter, name: object, image: torch.Tensor) -> bool:
    seen[name] += image.shape[2:].numel()
    return True


@pytest.fixture
def speed(monkeypatch):
    """Set how fast the machine is, with images of any size."""
    for name, value in dict(WORTH_A_PROBE=1, SLOWER_WHOLE=1, STATISTICS=0).items():
        monkeypatch.setattr(planning, name, value)
    return lambda *seconds: monkeypatch.setattr(
        planning, 'measured_speed', lambda net, like: Speed(*seconds)
    )


def test_small_images_are_not_worth_it(monkeypatch):
    monkeypatch.setattr(planning, 'measured_speed', lambda *_: pytest.fail('it was measured'))
    assert plan(network(), *shapes(256, 256, 1024, 1024), 128) is None


@pytest.mark.parametrize('tile', [None, 512])
def test_encoding_and_searching_grow_as_the_paper_says(speed, tile):
    """Every pixel is encoded once; all K blocks are compared with all n places of Ref↓ (Eq. 1)."""
    net, sizes = network(matching=dict(search='exact')), shapes(480, 640, 2000, 3000)
    speed(1, 0, 0, 0)
    assert plan(net, *sizes, tile).seconds == 480 * 640 + 2000 * 3000
    speed(0, 1, 0, 0)
    exact = plan(net, *sizes, tile).seconds
    assert exact == (480 // 8) * (640 // 8) * 500 * 750
    net.matching.search = 'pruned'
    assert plan(net, *sizes, tile).seconds < exact / 10
    speed(0, 0, 1, 0)
    assert plan(net, *sizes, tile).seconds == 480 * 640


def test_large_images_are_slower_than_the_probe(speed, monkeypatch):
    net, sizes = network(), shapes(640, 640, 2560, 2560)
    speed(1, 0, 0, 0)
    monkeypatch.setattr(planning, 'SLOWER_WHOLE', 2)
    assert plan(net, *sizes, None).seconds == 2 * (640 * 640 + 2560 * 2560)


def test_statistics_take_a_share_of_the_fusing(speed, monkeypatch):
    net, sizes = network(), shapes(640, 640, 2560, 2560)
    speed(1, 1, 1, 1)
    monkeypatch.setattr(planning, 'STATISTICS', 0.25)
    steps = plan(net, *sizes, 64).steps
    for scale in (1, 2, 4):
        assert steps[f'statistics at {scale}×'] == steps[f'fusing at {scale}×'] / 4
    assert not any('statistics' in name for name in plan(net, *sizes, None).steps)


def test_scales_take_their_shares_of_the_fusing(speed):
    """Those of the multiplications that torch counts."""
    net, sizes = MASANet(), shapes(640, 640, 2560, 2560)
    speed(0, 0, 0, 1)
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


def test_tiles_encode_and_fuse_their_halos_as_well(speed, monkeypatch):
    """As many pixels as the network is seen to get."""
    net, inputs, seen = network(), images(72, 104, 60, 20), Counter()
    encode, fuse = net.encode, net.fuse
    monkeypatch.setattr(net, 'encode', lambda image: _count(seen, 'lq', image) and encode(image))
    encode_lr(net, inputs[0], 16, Rooms())
    monkeypatch.setattr(net, 'encode', encode)
    monkeypatch.setattr(
        net,
        'fuse',
        lambda index, part, texture: _count(seen, index, texture) and fuse(index, part, texture),
    )
    TiledMASANet(net, 4).super_resolve(*inputs)
    speed(1, 0, 0, 1)
    whole, tiles = (plan(net, *inputs[:2], tile).steps for tile in (None, 4))
    assert tiles['encoding the photo'] == pytest.approx(seen['lq'])
    for index in range(3):
        name = f'fusing at {2**index}×'
        times = seen[index] / (72 * 104 * 4**index)
        assert times > 1
        assert tiles[name] / whole[name] == pytest.approx(times)


def test_what_comes_is_what_the_progress_bar_is_told(speed):
    told = set()
    speed(1, 1, 1, 1)
    steps = plan(network(), *shapes(640, 640, 2560, 2560), 128).steps
    track = lambda tiles, description: told.add(description) or tiles  # noqa: E731
    inputs = images(72, 32, 72, 32)
    any_size.super_resolve(network(), *inputs, dict(tile=16, track=track))
    assert set(steps) == told


def test_memory_is_what_large_images_are_refused_by(speed):
    net, sizes = network(), shapes(640, 640, 2560, 2560)
    speed(1, 1, 1, 1)
    assert plan(net, *sizes, None).memory == needed_whole(net, *sizes)
    assert plan(net, *sizes, 64).memory == needed_in_tiles(net, *sizes, 64)


def test_what_is_fused_is_what_neither_matches_nor_encodes(monkeypatch):
    # encoding, searching, matching, matching with its encoding, everything
    took = iter([2.0, 3.0, 3.5, 5.0, 17.0])
    monkeypatch.setattr(planning, '_seconds', lambda run: next(took))
    assert measured_speed(network(), torch.zeros(1)) == Speed(
        2 / 256**2, 3 / (8 * 8 * 64**2), 0.5 / 64**2, (17 - 5 - 2) / 64**2
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
    assert 0 <= measured.comparing * side**2 < took
    assert 0 <= measured.fusing * side**2 < took


@pytest.mark.parametrize(
    ('runs', 'best', 'number'),
    [
        ([0.02, 0.02, 0.05], 0.02, 3),
        ([0.09, 0.06, 0.07, 0.02, 0.05, 0.021], 0.02, 6),  # other programs run beside it
        ([1.5, 0.9, 0.7], 0.7, 3),  # a slow machine is not kept longer
    ],
)
def test_runs_that_other_programs_hold_up_do_not_count(monkeypatch, runs, best, number):
    clock = chain.from_iterable((10.0 * i, 10.0 * i + took) for i, took in enumerate(runs))
    monkeypatch.setattr(planning.time, 'perf_counter', lambda: next(clock))
    done = []
    run = lambda: done.append(1) or torch.zeros(1)  # noqa: E731
    assert planning._seconds(run) == pytest.approx(best)
    assert len(done) == number + 1


@pytest.mark.parametrize('options', [{}, dict(ensemble=True)], ids=['once', 'ensemble'])
@pytest.mark.parametrize('tile', [16, None])
def test_matches_are_examined_once_before_they_are_used(tile, options):
    net, inputs, seen = network(), images(20, 24, 24, 24), []
    config = dict(tile=tile, examine=seen.append, **options)
    _, [told] = any_size.super_resolve(net, *inputs, config)
    [[maps]] = seen
    assert (maps.position == told.position).all()

    def refuse(_):
        raise KeyboardInterrupt

    net.fuse = lambda *_: pytest.fail('it goes on')
    with pytest.raises(KeyboardInterrupt):
        any_size.super_resolve(net, *inputs, dict(config, examine=refuse))


@pytest.mark.parametrize(('options', 'runs'), [({}, 1), (dict(ensemble=True), 8)])
def test_it_is_announced_before_anything_is_run(monkeypatch, speed, options, runs):
    net, inputs, told = network(), images(24, 24, 24, 24), []
    speed(1, 0, 0, 0)
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
