"""The discriminator: sizes, and mmagic's own where both exist."""

from __future__ import annotations

import pytest
import torch
from mmagic.models.editors.srgan import ModifiedVGG

from masasr_mm.models import MASADiscriminator


def test_at_128_it_is_esrgans():
    torch.manual_seed(0)
    theirs, ours = ModifiedVGG(3, 8), MASADiscriminator(mid_channels=8, in_size=128)
    ours.load_state_dict(theirs.state_dict())
    for training in (True, False):
        image = torch.rand(2, 3, 128, 128)
        torch.testing.assert_close(ours.train(training)(image), theirs.train(training)(image))


@pytest.mark.parametrize('size', [32, 96, 160])
def test_any_multiple_of_32(size):
    scores = MASADiscriminator(mid_channels=4, in_size=size)(torch.rand(2, 3, size, size))
    assert scores.shape == (2, 1)


@pytest.mark.parametrize('size', [0, 100, -32])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match='multiple of 32'):
        MASADiscriminator(in_size=size)


def test_an_image_of_another_size_is_told():
    with pytest.raises(ValueError, match=r'160×160 .* 128×160'):
        MASADiscriminator(mid_channels=4)(torch.rand(1, 3, 128, 160))
