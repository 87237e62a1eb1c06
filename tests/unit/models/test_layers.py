"""Layers: as released at the start, side by side, in residual blocks."""

from __future__ import annotations

import math
import weakref

import torch

from masasr_mm.models.layers import (
    JointConvolution,
    autocast,
    convolution,
    initialize,
    residual_blocks,
)
from tests.small_networks import images, network


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


def test_a_joint_convolution_holds_one_feature_at_a_time():
    made = []

    def features():
        for _ in range(2):
            assert all(feature() is None for feature in made)
            feature = torch.rand(1, 4, 5, 5)
            made.append(weakref.ref(feature))
            yield feature
            del feature

    with torch.no_grad():
        JointConvolution(4)(features())
    assert len(made) == 2


@torch.no_grad()
def test_weights_that_are_cast_together_are_those_of_autocast_as_they_are_now():
    net, given = network(), images(16, 16, 16, 16)
    for change in (
        lambda: None,
        lambda: [weight.data.mul_(0.9) for weight in net.parameters()],
        lambda: setattr(net, 'to_image', torch.nn.Conv2d(4, 3, 1)),
        lambda: setattr(net.matching, 'max_elements', 100),
        lambda: net.encoder.register_forward_hook(lambda module, inputs, out: [f * 2 for f in out]),
    ):
        change()
        with torch.autocast('cpu', torch.bfloat16):
            expected = net(*given)
        with autocast(net, torch.device('cpu'), torch.bfloat16) as low:
            assert torch.equal(low(*given), expected)
        assert {weight.dtype for weight in net.parameters()} == {torch.float32}
