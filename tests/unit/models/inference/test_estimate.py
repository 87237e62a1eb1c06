"""What large images will take is told before they are run."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from masasr_mm.models import MASANet
from masasr_mm.models.inference import estimate
from masasr_mm.models.inference.super_resolve import InferenceOptions, TiledMASANet, super_resolve
from masasr_mm.models.layers import autocast
from tests.small_networks import images, network, shapes

SIZES = (480, 640, 500, 750)


@pytest.fixture
def _speed(monkeypatch):
    """One operation a second, with images of any size."""
    monkeypatch.setattr(estimate, 'WORTH_A_PROBE', 1)
    monkeypatch.setattr(estimate, 'measured_speed', lambda net, like: 1.0)


def test_small_images_are_not_worth_it(monkeypatch):
    monkeypatch.setattr(estimate, 'measured_speed', lambda *_: pytest.fail('it was measured'))
    assert estimate.estimate(network(), *shapes(256, 256, 1024, 1024), 128) is None


def test_operations_are_those_of_the_paper():
    """Table 2's case: 8.84 G of matching, all convolutions 350.71 G but the released encoder's."""
    counts = estimate.operations(MASANet(), *shapes(128, 128, 512, 512), None)
    patch = 9 * 64
    stage_1 = 16 * 16 * 128**2 * 3 * patch
    stage_2 = 128**2 * (10 * 10 / 64) * (15 * 15) * 64  # as run: pixels of blocks with margins
    levels = [9 * 64 * (3 + 8 * 64), patch * 9 * 64 / 4, patch * 9 * 64 / 16]
    expected = stage_1 + stage_2 + 128**2 * levels[0]
    assert counts['matching'] / 2 == pytest.approx(expected, rel=0.01)
    assert counts['encoding the reference'] / 2 == pytest.approx(512**2 * sum(levels))
    assert sum(counts.values()) / 2e9 == pytest.approx(350.71, rel=0.01)


def test_a_network_whose_weights_are_cast_does_as_much():
    net, sizes = network(), shapes(64, 64, 64, 64)
    with autocast(net, torch.device('cpu'), torch.bfloat16) as low:
        counts = estimate.operations(low, *sizes, 16)
    assert counts == estimate.operations(net, *sizes, 16)


def test_tiles_encode_and_fuse_their_halos_as_well(monkeypatch):
    """As many pixels as the network is seen to get."""
    net, inputs, seen = network(), images(72, 104, 60, 20), Counter()
    encode, fuse = net.encode, net.fuse

    def counted_encode(image, **options):
        seen['encode'] += image.shape[2:].numel() if options == {} else 0
        return encode(image, **options)

    def counted_fuse(index, part, texture):
        seen[index] += texture.shape[2:].numel()
        return fuse(index, part, texture)

    monkeypatch.setattr(net, 'encode', counted_encode)
    monkeypatch.setattr(net, 'fuse', counted_fuse)
    run = TiledMASANet(net, 4)
    run._encode_lr(inputs[0])
    seen['photo'] = seen['encode']
    run.super_resolve(*inputs)
    monkeypatch.undo()
    whole, tiles = (estimate.operations(net, *inputs[:2], tile) for tile in (None, 4))
    name = 'encoding the photo'
    assert tiles[name] / whole[name] == pytest.approx(seen['photo'] / (72 * 104))
    for index in range(3):
        name, times = f'fusing at {2**index}×', seen[index] / (72 * 104 * 4**index)
        assert times > 1
        assert tiles[name] / whole[name] == pytest.approx(times)


@pytest.mark.usefixtures('_speed')
@pytest.mark.parametrize('tile', [None, 16])
def test_the_steps_are_those_that_progress_is_reported_of(tile):
    steps = estimate.estimate(network(), *shapes(640, 640, 2560, 2560), tile).steps
    reported = set()
    track = lambda tiles, description: reported.add(description) or tiles  # noqa: E731
    super_resolve(network(), *images(72, 32, 72, 32), InferenceOptions(tile=tile, track=track))
    assert {name for name in reported if not name.startswith('statistics')} == set(steps)


@pytest.mark.usefixtures('_speed')
def test_an_ensemble_takes_eight_times_as_long():
    net, sizes = network(), shapes(64, 64, 64, 64)
    once, ensemble = (estimate.estimate(net, *sizes, 16, ensemble=flag) for flag in (False, True))
    assert ensemble.seconds == 8 * once.seconds == 8 * sum(once.steps.values())
