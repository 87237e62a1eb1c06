"""Initialisation as released."""

from __future__ import annotations

import math

import torch

from masasr_mm.models.blocks import convolution, initialize, residual_blocks


def test_weights_have_the_released_deviation():
    torch.manual_seed(0)
    plain, inside = convolution(64, 64), residual_blocks(64, 1)
    transposed = torch.nn.ConvTranspose2d(64, 64, 3)
    initialize(torch.nn.ModuleList([plain, inside, transposed]))
    deviation = 0.5 * math.sqrt(2 / (9 * 64))
    for layer, expected in (
        (plain, deviation),
        (transposed, deviation),
        (inside[0].conv1, 0.1 * deviation),
        (inside[0].conv2, 0.1 * deviation),
    ):
        assert abs(layer.weight.std().item() / expected - 1) < 0.02
        assert not layer.bias.any()


def test_a_residual_block_leaves_its_input_alone():
    block = residual_blocks(4, 1)
    feature = torch.randn(1, 4, 5, 5)
    copy = feature.clone()
    with torch.no_grad():
        block(feature)
    assert torch.equal(feature, copy)
