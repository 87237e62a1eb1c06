"""What the peers have in common."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import nn

from masasr_mm.models.peers.network import built_on_cpu, enlarge


def test_enlarging_is_pillows():
    image = torch.rand(1, 1, 9, 7, generator=torch.Generator().manual_seed(0))
    expected = Image.fromarray(image[0, 0].numpy()).resize((28, 36), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(enlarge(image)[0, 0], np.asarray(expected), atol=1e-6)


def test_what_cannot_be_built_without_memory_is_moved_there():
    def build() -> nn.Module:
        layer = nn.Conv2d(1, 1, 1)
        layer.bias.data = torch.Tensor([3])  # as mmagic and super-image set their means
        return layer

    with torch.device('meta'):
        assert built_on_cpu(build).bias.is_meta
    assert built_on_cpu(build).bias.item() == 3
