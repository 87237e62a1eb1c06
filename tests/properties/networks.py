"""Tiny networks of many kinds, and images to put into them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st
from mmagic.registry import MODELS
from mmengine.registry import DefaultScope
from PIL import Image

import masasr_mm  # noqa: F401

MODES = ('RGB', 'L', 'RGBA', 'LA', 'P', '1', 'CMYK', 'I;16')
CONTENTS = ('noise', 'smooth', 'black', 'white', 'stripes')


class Kind(NamedTuple):
    """What a network is made of."""

    scale: int = 4
    block_size: int = 8
    ref_block_ratio: float = 1.5
    patch_size: int = 3
    dilations: tuple[int, ...] = (1, 2, 3)


KINDS = st.builds(
    Kind,
    scale=st.sampled_from([2, 4]),
    block_size=st.sampled_from([1, 4, 7, 8, 12]),
    ref_block_ratio=st.sampled_from([0.5, 1.5, 2.5]),
    patch_size=st.sampled_from([1, 3, 5]),
    dilations=st.sampled_from([(1,), (2, 3), (1, 2, 3), (1, 2, 3, 4)]),
)


def editor_config(kind: Kind) -> dict:
    """Return the config of an editor with a tiny network."""
    generator = dict(
        type='MASANet',
        scale=kind.scale,
        channels=4,
        fusion_blocks=(1,) * kind.scale.bit_length(),
        encoder=dict(num_blocks=1),
        matching=dict(
            block_size=kind.block_size,
            ref_block_ratio=kind.ref_block_ratio,
            patch_size=kind.patch_size,
            dilations=kind.dilations,
        ),
    )
    return dict(
        type='MASA',
        generator=generator,
        pixel_loss=dict(type='L1Loss'),
        data_preprocessor=dict(type='DataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
    )


@cache
def editor(kind: Kind) -> torch.nn.Module:
    """Return an editor with random weights that change the picture."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmagic'):
        model = MODELS.build(editor_config(kind)).eval()
    for module in model.generator.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight, std=(2 / module.weight[0].numel()) ** 0.5)
    return model


def pixels(height: int, width: int, content: str, seed: int) -> np.ndarray:
    """Return an image, shape (height, width, 3), uint8."""
    rng = np.random.default_rng(seed)
    if content == 'noise':
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if content == 'smooth':
        y, x = np.mgrid[:height, :width]
        return np.stack([y * 5 % 256, x * 3 % 256, (x + y) % 256], 2).astype(np.uint8)
    if content == 'stripes':
        return np.broadcast_to(np.arange(width)[:, None] % 2 * 255, (height, width, 3)).astype('u1')
    return np.full((height, width, 3), 255 * (content == 'white'), np.uint8)


@st.composite
def pictures(draw, largest: int) -> Image.Image:
    """Pillow images of any size up to ``largest``, mode and content."""
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    array = pixels(height, width, draw(st.sampled_from(CONTENTS)), draw(st.integers(0, 99)))
    mode = draw(st.sampled_from(MODES))
    if mode == 'I;16':
        return Image.fromarray(array[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(array).convert(mode)


def tensor(height: int, width: int, content: str, seed: int, count: int = 1) -> torch.Tensor:
    """Return images as the network takes them, shape (count, 3, height, width), in [0, 1]."""
    arrays = [pixels(height, width, content, seed + 1000 * index) for index in range(count)]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255
