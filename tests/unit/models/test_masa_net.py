"""The wiring of the generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmagic.registry import MODELS
from torch import nn
from torch.nn import functional as F

from masasr_mm.models import MASAEncoder, MASANet
from masasr_mm.models.inference.super_resolve import TiledMASANet
from masasr_mm.models.masa_net import build_part
from tests.small_networks import TINY, images, network

SIZES = (16, 16, 16, 24)


def test_forward_is_the_wiring_of_figure_2a():
    """The same modules called by hand, in the order of design and figure."""
    net, (lq, ref, ref_down) = network(std=0.1), images(*SIZES)
    with torch.no_grad():
        have = net(lq, ref, ref_down)
        lr1, lr2, lr3 = net.encoder(lq)
        ref4, ref2, ref1 = net.encoder(ref)
        matches = net.matching(lr1, net.encoder(ref_down)[0])
        f0 = net.lr_pyramid([lr1, lr2, lr3])
        textures = net.matching.textures([ref4, ref2, ref1], matches)
        r = net.adaptation(f0, next(textures))
        merge = net.merge[0]
        merged = F.conv2d(torch.cat((r, f0), 1), merge.weight, merge.bias, padding=1).relu()
        f = net.refinements[0](merged)
        for index, texture in enumerate(textures):
            enlarged = F.interpolate(f, scale_factor=2, mode='bilinear')
            r = net.adaptation(enlarged, texture)
            f = net.refinements[index + 1](net.aggregations[index](f, r))
        need = net.to_image(f) + F.interpolate(lq, scale_factor=4, mode='bicubic')
    torch.testing.assert_close(have, need, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('tile', [None, 8])
@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_convolutions_choose_channels_last_for_one_image_of_numpys(tile, dtype):
    """Strides of (0, 1, 3·W, 3) pass for channels last, but convolutions do not take them so."""
    net, lying = MASANet(channels=8), set()
    pixels = np.random.default_rng(0).random((16, 16, 3), np.float32)
    lq = torch.from_numpy(pixels.transpose(2, 0, 1)[None])
    ref = torch.from_numpy(pixels.repeat(4, 0).repeat(4, 1).transpose(2, 0, 1)[None])
    assert lq.stride(0) == 0
    assert lq.is_contiguous(memory_format=torch.channels_last)
    # Before the hooks: tiles first try copies of the parts, with inputs of other strides.
    forward = net if tile is None else TiledMASANet(net, tile).super_resolve
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(lambda *given: lying.add(given[-1].stride(1)))
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16, enabled=dtype == 'bfloat16'):
        forward(lq, ref, lq)
    assert lying == {1}


def test_sizes_that_do_not_fit_are_told():
    net, (lq, ref, ref_down) = network(), images(*SIZES)
    with pytest.raises(ValueError, match=r'lq is 15×16; .* multiples of 8'):
        net(lq[:, :, 1:], ref, ref_down)
    with pytest.raises(ValueError, match='ref is 60×96 but must be 4 times ref_down, 64×96'):
        net(lq, ref[:, :, 4:], ref_down)


@pytest.mark.parametrize(('scale', 'parameters'), [(2, 2_957_507), (4, 4_028_291), (8, None)])
def test_other_scales_follow_from_the_argument(scale, parameters):
    """×2 lacks an encoder level, a pyramid level and the fusion at 4×: 1,070,784 parameters."""
    if parameters:
        assert sum(weight.numel() for weight in MASANet(scale).parameters()) == parameters
    net = MASANet(scale, **{**TINY, 'fusion_blocks': (1,) * scale.bit_length()})
    lq, ref, ref_down = images(*SIZES, scale=scale)
    image = net(lq, ref, ref_down)
    assert image.shape == (1, 3, 16 * scale, 16 * scale)
    image.mean().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize(
    'arguments',
    [dict(scale=3), dict(scale=1), dict(scale=8, fusion_blocks=(1, 1, 1)), dict(scale=0)],
)
def test_scales_that_cannot_work_are_told(arguments):
    with pytest.raises(ValueError, match='the scale must be 2, 4, 8'):
        MASANet(**arguments)


def test_a_part_that_is_not_there_cannot_be_checkpointed():
    with pytest.raises(ValueError, match='the parts are encoder, adaptation, aggregations'):
        MASANet(with_cp=('matching',))


def saved_bytes(net: MASANet, inputs) -> tuple[int, torch.Tensor]:
    """Run a network; return the memory that its forward keeps for the backward, and the output."""
    kept = {}

    def keep(tensor):
        kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = net(*inputs)
    return sum(kept.values()), out


@pytest.mark.parametrize(
    ('with_cp', 'share'), [(True, 0.5), (('adaptation', 'aggregations'), 0.8), (['encoder'], 0.9)]
)
def test_gradient_checkpointing_gives_the_same_gradients_in_less_memory(with_cp, share):
    config = dict(channels=4, fusion_blocks=(2, 2, 2), encoder=dict(num_blocks=2))
    nets = [MODELS.build(dict(type='MASANet', **config, with_cp=cp)) for cp in (False, with_cp)]
    torch.manual_seed(0)  # with others all four channels of a block may be dead
    for parameter in nets[0].parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    nets[1].load_state_dict(nets[0].state_dict())
    inputs = images(*SIZES, n=2)
    memory = []
    for net in nets:
        kept, out = saved_bytes(net, inputs)
        memory.append(kept)
        out.square().mean().backward()
    assert memory[1] < share * memory[0]
    for (name, plain), checkpointed in zip(nets[0].named_parameters(), nets[1].parameters()):
        assert plain.grad.abs().max() > 0, name
        torch.testing.assert_close(checkpointed.grad, plain.grad, msg=name)


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.bfloat16, 0.04), (torch.float16, 0.005)])
@torch.no_grad()
def test_autocast_changes_little(dtype, tolerance, monkeypatch):
    """Of what the network adds to the enlarged LR, where the matches are the same."""
    net, inputs = network(std=0.1, channels=16), images(32, 32, 32, 24)
    exact, matches = net.super_resolve(*inputs)
    with torch.autocast('cpu', dtype):
        # Features are rounded before they are matched, so that near-ties may fall the other way.
        own = net.super_resolve(*inputs)[1]
        monkeypatch.setattr(net.matching, 'forward', lambda *_: matches)
        half = net(*inputs)
    assert (own.position == matches.position).float().mean() > 0.9
    learned = exact - net.enlarge(inputs[0])
    error = (half - exact).square().mean().sqrt() / learned.square().mean().sqrt()
    assert 0 < error < tolerance


def test_a_class_or_a_name_of_mmagics_serves_as_well():
    assert isinstance(build_part(dict(type=MASAEncoder, channels=4)), MASAEncoder)
    assert type(build_part(dict(type='L1Loss'))) is MODELS.get('L1Loss')
    with pytest.raises(KeyError, match='NoSuchPart'):
        build_part(dict(type='NoSuchPart'))
