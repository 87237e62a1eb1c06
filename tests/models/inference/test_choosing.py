"""Whole or tiles, or not at all."""

from __future__ import annotations

import pytest
import torch

from masasr_mm.errors import UserError
from masasr_mm.models import MASANet
from masasr_mm.models.inference import choosing
from masasr_mm.models.inference.any_size import super_resolve
from tests.models.inference.test_tiled import images, network


def shapes(h, w, ref_h, ref_w):
    """Images without pixels, of any size."""
    return [torch.empty(1, 3, *size, device='meta') for size in ((h, w), (ref_h, ref_w))]


@pytest.fixture
def free(monkeypatch):
    return lambda size: monkeypatch.setattr(choosing, 'free_memory', lambda device: size)


def test_tiles_where_the_whole_would_not_fit(free):
    net, (lq, ref) = MASANet(), shapes(256, 256, 1024, 1024)
    needed = choosing.needed_whole(net, lq, ref)
    free(needed / 0.79)
    assert choosing.choose_tile(net, lq, ref) is None
    free(needed / 0.81)
    assert choosing.choose_tile(net, lq, ref) == choosing.DEFAULT_TILE


def test_what_tiles_take_hardly_grows_with_the_photo():
    net = MASANet()
    small, large = (
        choosing.needed_in_tiles(net, *shapes(h, w, 512, 512), 128)
        for h, w in ((512, 512), (1024, 1024))
    )
    assert small < large < 1.5 * small
    whole = choosing.needed_whole(net, *shapes(3000, 4000, 3000, 4000))
    assert choosing.needed_in_tiles(net, *shapes(3000, 4000, 3000, 4000), 128) < 12e9 < whole


@pytest.mark.parametrize(
    ('tile', 'told'), [(8, 'in tiles, .* smaller tiles'), (None, 'as a whole, .*--tile auto')]
)
def test_what_cannot_fit_is_refused_before_it_starts(free, monkeypatch, tile, told):
    net, inputs = network(), images(24, 32, 16, 16)
    monkeypatch.setattr(net.encoder, 'forward', lambda *_, **__: pytest.fail('it has started'))
    free(1000)
    with pytest.raises(UserError, match=f'32×24 .* 64×64 .*{told}') as caught:
        super_resolve(net, *inputs, dict(tile=tile))
    assert '\n' not in str(caught.value)
