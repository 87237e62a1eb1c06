"""Whole or tiles, or not at all."""

from __future__ import annotations

import gc

import pytest
import torch

from masasr_mm.errors import UserError
from masasr_mm.models import MASANet
from masasr_mm.models.inference import choosing
from masasr_mm.models.inference.any_size import super_resolve
from masasr_mm.models.inference.self_ensemble import SelfEnsemble
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


class CountsMemory:
    """A network that remembers the most bytes of tensors that were held while it ran."""

    def __init__(self) -> None:
        self.most = 0

    def super_resolve(self, lq, ref, ref_down):
        gc.collect()
        tensors = [found for found in gc.get_objects() if isinstance(found, torch.Tensor)]
        storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
        self.most = max(self.most, sum(storages.values()))
        return torch.zeros(1, 3, *(4 * size for size in lq.shape[2:])), None


@pytest.mark.parametrize('tile', [None, 64])
def test_an_ensemble_holds_more_images(free, tile):
    """What the estimate adds is what is held beside the images while the network runs."""
    lq, ref, ref_down = (torch.zeros(1, 3, *size) for size in ((96, 80), (512, 640), (128, 160)))
    once, eight_times = CountsMemory(), CountsMemory()
    once.super_resolve(lq, ref, ref_down)
    SelfEnsemble(eight_times).super_resolve(lq, ref, ref_down)
    alone, ensemble = (choosing.needed(MASANet(), lq, ref, tile, flag) for flag in (False, True))
    assert ensemble - alone == eight_times.most - once.most > 0
    free(alone)
    with pytest.raises(UserError, match='photo of 80×96'):
        choosing.check_memory(MASANet(), lq, ref, tile, ensemble=True)
    choosing.check_memory(MASANet(), lq, ref, tile)
