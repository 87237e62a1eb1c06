"""Sharpness: weights between two sets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from masasr_mm.apis import MASAInferencer
from masasr_mm.checkpoints.loading import read_checkpoint
from masasr_mm.demo.service import Job, Limits, Service
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


@pytest.mark.parametrize(
    ('checkpoint', 'config'), [('bicubic', None), ('photos', 'configs/masa-rec_x4_cufed5.py')]
)
def test_other_networks_have_their_own(checkpoint, config, tmp_path):
    with pytest.raises(UserError, match='between the weights photos and sharp'):
        MASAInferencer(checkpoint, config, device='cpu', sharpness=0.5)
    assert not Service(checkpoint, config, tmp_path, Limits()).has_sharpness


def test_the_page_gives_what_the_weights_give(tmp_path):
    scene = data.astronaut()[:96, 180:276]
    photo, ref = (str(tmp_path / name) for name in ('photo.png', 'ref.png'))
    Image.fromarray(scene).resize((24, 24), Image.Resampling.BICUBIC).save(photo)
    Image.fromarray(scene).save(ref)
    service = Service('photos', None, tmp_path, Limits())
    for share, name in ((1, 'sharp'), (0, 'photos')):
        result = service.super_resolve(Job(photo, [ref], sharpness=share))
        expected = MASAInferencer(name, device='cpu')(photo, ref)
        np.testing.assert_array_equal(result.image, expected)
