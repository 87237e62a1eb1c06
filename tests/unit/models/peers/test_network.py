"""What the peers have in common."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from masasr_mm.errors import UserError
from masasr_mm.models.inference.super_resolve import InferenceOptions, super_resolve
from masasr_mm.models.peers.network import PeerNetwork, built_on_cpu, enlarge


class Nearest(PeerNetwork):
    size_divisor = 4

    def forward(self, lq, ref, ref_down):
        self.size = tuple(lq.shape[2:])
        return nn.functional.interpolate(lq, scale_factor=4)


def test_enlarging_is_pillows():
    image = torch.rand(1, 1, 9, 7, generator=torch.Generator().manual_seed(0))
    expected = Image.fromarray(image[0, 0].numpy()).resize((28, 36), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(enlarge(image)[0, 0], np.asarray(expected), atol=1e-6)


def test_any_size_is_padded_for_it_and_cut_again():
    net, lq = Nearest(), torch.rand(2, 3, 9, 10)
    sr, matches = super_resolve(net, lq, torch.rand(2, 3, 20, 20), torch.rand(2, 3, 5, 5))
    assert net.size == (12, 12)
    assert torch.equal(sr, nn.functional.interpolate(lq, scale_factor=4))
    assert matches == [None, None]


def test_tiles_are_masas():
    images = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 32, 32), torch.rand(1, 3, 8, 8)
    super_resolve(Nearest(), *images, InferenceOptions(tile='auto'))
    with pytest.raises(UserError, match=r'tile=16: Nearest has no tiles'):
        super_resolve(Nearest(), *images, InferenceOptions(tile=16))


def test_what_cannot_be_built_without_memory_is_moved_there():
    def build() -> nn.Module:
        layer = nn.Conv2d(1, 1, 1)
        layer.bias.data = torch.Tensor([3])  # as mmagic and super-image set their means
        return layer

    with torch.device('meta'):
        assert built_on_cpu(build).bias.is_meta
    assert built_on_cpu(build).bias.item() == 3
