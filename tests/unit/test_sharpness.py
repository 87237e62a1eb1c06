"""Sharpness: weights between two sets."""

from __future__ import annotations

import pytest
import torch

from masasr_mm.apis import MASAInferencer
from masasr_mm.checkpoints.loading import read_checkpoint
from masasr_mm.errors import UserError


def own(name: str) -> dict[str, torch.Tensor]:
    weights = read_checkpoint(name)['state_dict']
    return {key.removeprefix('generator.'): value.float() for key, value in weights.items()}


@pytest.mark.parametrize('checkpoint', ['photos', 'sharp'])
def test_weights_lie_between_photos_and_sharp(checkpoint):
    infer = MASAInferencer(checkpoint, device='cpu', sharpness=0.25)
    photos, sharp = own('photos'), own('sharp')
    for share in (0.25, 0, 1):
        infer.sharpness = share
        for name, weight in infer.generator.state_dict().items():
            between = (1 - share) * photos[name] + share * sharp[name]
            torch.testing.assert_close(weight, between, rtol=0, atol=1e-6)


@pytest.mark.parametrize('share', [-0.1, 1.5, float('nan')])
def test_no_share_beyond_the_ends(share):
    with pytest.raises(UserError, match='from 0 to 1'):
        MASAInferencer('photos', device='cpu', sharpness=share)


def test_other_weights_have_their_own():
    with pytest.raises(UserError, match='between the weights photos and sharp'):
        MASAInferencer('bicubic', device='cpu', sharpness=0.5)
