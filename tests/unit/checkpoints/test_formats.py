"""Published formats, made from the networks by names that are written down here."""

from __future__ import annotations

import re
from functools import reduce

import pytest
import torch
from mmagic.registry import MODELS

from masasr_mm.checkpoints.formats import from_released, in_our_format, to_released
from masasr_mm.checkpoints.loading import load_generator
from masasr_mm.errors import UserError
from masasr_mm.models import MASANet

RDN = dict(type='RDNNet', in_channels=3, out_channels=3, mid_channels=4, channel_growth=4,
           num_blocks=2, num_layers=2)  # fmt: skip
RRDB = dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=4, growth_channels=2,
            num_blocks=2)  # fmt: skip
ATTENTION = dict(type='SuperImageNetwork', n_resgroups=10, n_resblocks=1, n_feats=16, scale=4)
GENERATORS = dict(
    rdn=dict(type='SingleImageNetwork', network=RDN),
    esrgan=dict(type='SingleImageNetwork', network=RRDB),
    rcan=dict(type='SingleImageNetwork', network=dict(ATTENTION, model='Rcan'), value_range=255),
    han=dict(type='SingleImageNetwork', network=dict(ATTENTION, model='Han'), value_range=255),
    ttsr=dict(type='TTSRNetwork', num_blocks=(2, 1, 1, 2)),
)
# From mmagic's names, which are ours, to those of the authors, by patterns in order.
RDN_NAMES = (
    ('^sfe', 'SFENet'),
    (r'^rdbs.(\d).layers.(\d).conv', r'RDBs.\1.convs.\2.conv.0'),
    (r'^rdbs.(\d).lff', r'RDBs.\1.LFF'),
    ('^gff', 'GFF'),
    ('^upscale', 'UPNet'),
    ('^output', 'UPNet.4'),
)
ESRGAN_NAMES = (
    (r'^body.(\d).rdb', r'RRDB_trunk.\1.RDB'),
    ('^conv_body', 'trunk_conv'),
    ('^conv_up', 'upconv'),
    ('^conv_hr', 'HRconv'),
)
OLD_ESRGAN_NAMES = (
    (r'^body.(\d).rdb(\d).conv(\d)', r'model.1.sub.\1.RDB\2.conv\3.0'),
    ('^conv_first', 'model.0'),
    ('^conv_body', 'model.1.sub.2'),
    ('^conv_up1', 'model.3'),
    ('^conv_up2', 'model.6'),
    ('^conv_hr', 'model.8'),
    ('^conv_last', 'model.10'),
)
TTSR_NAMES = (
    ('^sfe.conv_first', 'SFE.conv_head'),
    ('^sfe.body', 'SFE.RBs'),
    ('^sfe.conv_last', 'SFE.conv_tail'),
    (r'^conv_first(\d)', r'conv\1\1_head'),
    ('^res_block1', 'RB11'),
    (r'^res_block(\d)_(\d)', r'RB\1\2'),
    ('^conv_last1', 'conv11_tail'),
    (r'^conv_last(\d)_(\d)', r'conv\1\2_tail'),
    ('^up1.upsample_conv', 'conv12'),
    ('^up2.upsample_conv', 'conv23'),
    (r'^csfi2.conv(\d)to(\d)', r'ex12.conv\1\2'),
    ('^csfi2', 'ex12'),
    # 4× is the third size there.
    ('^(csfi3|merge_features)(.*)4', r'\1\g<2>3'),
    (r'^csfi3.conv(\d)to(\d)', r'ex123.conv\1\2'),
    ('^csfi3', 'ex123'),
    (r'^merge_features.conv(\d)to(\d)', r'merge_tail.conv\1\2'),
    ('^merge_features.conv_last', 'merge_tail.conv_tail'),
    ('^merge_features', 'merge_tail'),
)


def editor(name: str, seed: int):
    torch.manual_seed(seed)
    config = dict(type='PeerEditor', generator=GENERATORS[name], pixel_loss=dict(type='L1Loss'))
    model = MODELS.build(config).eval()
    for parameter in model.generator.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def renamed(weights: dict, names: tuple) -> dict:
    return {
        reduce(lambda name, pair: re.sub(*pair, name), names, key): value
        for key, value in weights.items()
    }


def assert_loaded(target, source, file) -> None:
    """All weights of one editor come into another from a file."""
    load_generator(target, file)
    expected = source.generator.state_dict()
    for key, value in target.generator.state_dict().items():
        assert torch.equal(value, expected[key]), key


def official(name: str, weights: dict) -> dict:
    """What the authors' file would hold."""
    if name == 'rdn':
        scaled = {key: 255 * v if key.endswith('bias') else v for key, v in weights.items()}
        return renamed(scaled, RDN_NAMES)
    if name in ('esrgan', 'old esrgan'):
        return renamed(weights, ESRGAN_NAMES if name == 'esrgan' else OLD_ESRGAN_NAMES)
    return weights


@pytest.mark.parametrize('name', ['rdn', 'esrgan', 'old esrgan', 'rcan', 'han'])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_official_files_give_the_network_that_they_are_of(name, prefix, tmp_path):
    source, target = (editor(name.removeprefix('old '), seed) for seed in (1, 2))
    weights = official(name, source.generator.network.state_dict())
    torch.save({prefix + key: value for key, value in weights.items()}, tmp_path / 'a.pt')
    load_generator(target, tmp_path / 'a.pt')
    lq = torch.rand(1, 3, 6, 5)
    with torch.no_grad():
        torch.testing.assert_close(target.generator(lq), source.generator(lq))


def test_ttsrs_official_file(tmp_path):
    source, target = editor('ttsr', 1), editor('ttsr', 2)
    main = renamed(source.generator.network.state_dict(), TTSR_NAMES)
    extractor = {
        key.replace('img_normalize', 'sub_mean'): value
        for key, value in source.generator.extractor.state_dict().items()
    }
    weights = {f'MainNet.{key}': value for key, value in main.items()}
    for copy in ('LTE', 'LTE_copy'):
        weights.update({f'{copy}.{key}': value for key, value in extractor.items()})
    torch.save(weights, tmp_path / 'TTSR.pt')
    assert_loaded(target, source, tmp_path / 'TTSR.pt')


@pytest.mark.parametrize('name', ['rdn', 'esrgan', 'ttsr'])
def test_mmagics_files(name, tmp_path):
    source, target = editor(name, 1), editor(name, 2)
    parts = dict(generator=source.generator.network)
    if name == 'ttsr':
        parts['extractor'] = parts['extractor_copy'] = source.generator.extractor
    weights = {
        f'{part}.{key}': value
        for part, module in parts.items()
        for key, value in module.state_dict().items()
    }
    weights['discriminator.conv.weight'] = torch.zeros(1)
    torch.save(dict(state_dict=weights, meta=dict(mmedit_version='0.9')), tmp_path / 'a.pth')
    assert_loaded(target, source, tmp_path / 'a.pth')


def test_ours_go_in_as_they_are_and_others_are_told(tmp_path):
    source, target = editor('rdn', 1), editor('rdn', 2)
    torch.save(dict(state_dict=source.state_dict()), tmp_path / 'ours.pth')
    assert_loaded(target, source, tmp_path / 'ours.pth')
    with pytest.raises(UserError, match=r'ours\.pth does not fit .* is missing in the file'):
        load_generator(editor('esrgan', 1), tmp_path / 'ours.pth')
    assert in_our_format(source.state_dict(), 'ours') is None


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


def test_released_weights_have_their_places_here(ours, released):
    """Red and blue change places where images are seen; branches of DRAM are told apart."""
    first, last = 'generator.encoder.levels.0.0.weight', 'generator.to_image'
    assert torch.equal(released['enc.conv_L1.weight'][:, 0], ours[first][:, 2])
    assert torch.equal(released['decoder.conv_out.weight'][0], ours[f'{last}.weight'][2])
    assert torch.equal(released['decoder.conv_out.bias'][[0, 1]], ours[f'{last}.bias'][[2, 1]])
    middle = 'generator.refinements.1.3.conv1.weight'
    assert torch.equal(released['decoder.blk_x2.3.conv1.weight'], ours[middle])
    for letter, branch in (('a', 'ref_branch'), ('b', 'lr_branch')):
        for direction in ('down', 'up'):
            key = f'generator.aggregations.1.{branch}.{direction}.weight'
            assert torch.equal(
                released[f'decoder.dram_x4.conv_{direction}_{letter}.weight'], ours[key]
            )


def test_the_first_key_that_does_not_fit_is_named(released):
    without = dict(released)
    del without['decoder.blk_x2.3.conv1.bias']
    with pytest.raises(UserError, match=r"no key 'decoder\.blk_x2\.3\.conv1\.bias'"):
        from_released(without)
    with pytest.raises(UserError, match=r"'enc\.conv_L1\.weight' has shape \(64, 1, 3, 3\)"):
        from_released({**released, 'enc.conv_L1.weight': torch.zeros(64, 1, 3, 3)})
    broken = {**released, 'enc.conv_L1.bias': torch.full((64,), torch.nan)}
    with pytest.raises(
        UserError, match=r"refused, 'enc\.conv_L1\.bias' has values that are no num"
    ):
        from_released(broken)
    with pytest.raises(UserError, match=r"unknown key 'decoder\.extra'"):
        from_released({**released, 'decoder.extra': torch.zeros(1)})
