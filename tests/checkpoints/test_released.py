"""The authors' checkpoint format, both ways."""

from __future__ import annotations

import pytest
import torch

from masasr_mm.checkpoints.released import from_released, is_released, to_released
from masasr_mm.errors import UserError
from masasr_mm.models import MASANet


@pytest.fixture(scope='module')
def ours():
    torch.manual_seed(0)
    return {f'generator.{key}': value for key, value in MASANet().state_dict().items()}


@pytest.fixture(scope='module')
def released(ours):
    return to_released(ours)


def test_the_keys_are_the_released_ones(released):
    """A hand-written choice of released names and shapes; the whole list has 210."""
    expected = {
        'enc.conv_L1.weight': (64, 3, 3, 3),
        'enc.blk_L3.3.conv2.bias': (64,),
        'decoder.conv_L2.weight': (64, 128, 3, 3),
        'decoder.blk_L1.1.conv1.weight': (64, 64, 3, 3),
        'decoder.merge_warp_x1.weight': (64, 128, 3, 3),
        'decoder.blk_x1.11.conv2.weight': (64, 64, 3, 3),
        'decoder.blk_x2.7.conv2.weight': (64, 64, 3, 3),
        'decoder.blk_x4.3.conv2.weight': (64, 64, 3, 3),
        'decoder.dram_x2.conv_down_a.weight': (64, 64, 3, 3),
        'decoder.dram_x4.conv_up_b.bias': (64,),
        'decoder.dram_x4.conv_cat.weight': (64, 128, 3, 3),
        'decoder.conv_out.weight': (3, 64, 3, 3),
        'decoder.pAda.conv_shared.0.weight': (64, 128, 3, 3),
        'decoder.pAda.conv_gamma.weight': (64, 64, 3, 3),
        'decoder.pAda.conv_beta.bias': (64,),
    }
    for key, shape in expected.items():
        assert tuple(released[key].shape) == shape
    assert len(released) == 210
    assert sum(value.numel() for value in released.values()) == 4_028_291


def test_there_and_back_is_exact(ours, released):
    back = from_released(released)
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[key], ours[key]) for key in ours)


def test_red_and_blue_change_places_only_where_images_are_seen(ours, released):
    first, last = 'generator.encoder.levels.0.0.weight', 'generator.to_image'
    assert torch.equal(released['enc.conv_L1.weight'][:, 0], ours[first][:, 2])
    assert torch.equal(released['decoder.conv_out.weight'][0], ours[f'{last}.weight'][2])
    assert torch.equal(released['decoder.conv_out.bias'][[0, 1]], ours[f'{last}.bias'][[2, 1]])
    middle = 'generator.refinements.1.3.conv1.weight'
    assert torch.equal(released['decoder.blk_x2.3.conv1.weight'], ours[middle])


def test_branches_of_dram_are_told_apart(ours, released):
    for letter, branch in (('a', 'ref_branch'), ('b', 'lr_branch')):
        for direction in ('down', 'up'):
            key = f'generator.aggregations.1.{branch}.{direction}.weight'
            assert torch.equal(
                released[f'decoder.dram_x4.conv_{direction}_{letter}.weight'], ours[key]
            )


def test_the_prefix_of_data_parallel_is_taken_off(ours, released):
    wrapped = {f'module.{key}': value for key, value in released.items()}
    assert is_released(wrapped)
    back = from_released(wrapped)
    assert all(torch.equal(back[key], ours[key]) for key in ours)


def test_ours_are_not_taken_for_theirs(ours):
    assert not is_released(ours)


def test_the_first_key_that_does_not_fit_is_named(released):
    without = dict(released)
    del without['decoder.blk_x2.3.conv1.bias']
    with pytest.raises(UserError, match=r"no key 'decoder\.blk_x2\.3\.conv1\.bias'"):
        from_released(without)
    with pytest.raises(UserError, match=r"'enc\.conv_L1\.weight' has shape \(64, 1, 3, 3\)"):
        from_released({**released, 'enc.conv_L1.weight': torch.zeros(64, 1, 3, 3)})
    with pytest.raises(UserError, match=r"unknown key 'decoder\.extra'"):
        from_released({**released, 'decoder.extra': torch.zeros(1)})


def test_another_network_of_ours_cannot_be_released():
    small = MASANet(channels=4, fusion_blocks=(1, 1, 1))
    state = {f'generator.{key}': value for key, value in small.state_dict().items()}
    with pytest.raises(UserError, match='has shape'):
        to_released(state)
