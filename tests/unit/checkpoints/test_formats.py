"""Published formats, made from the networks by names that are written down here."""

from __future__ import annotations

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
RDN_NAMES = {
    'sfe1': 'SFENet1',
    'sfe2': 'SFENet2',
    **{
        f'rdbs.{block}.layers.{layer}.conv': f'RDBs.{block}.convs.{layer}.conv.0'
        for block in range(2)
        for layer in range(2)
    },
    'rdbs.0.lff': 'RDBs.0.LFF',
    'rdbs.1.lff': 'RDBs.1.LFF',
    'gff.0': 'GFF.0',
    'gff.1': 'GFF.1',
    'upscale.0': 'UPNet.0',
    'upscale.2': 'UPNet.2',
    'output': 'UPNet.4',
}
DENSE = [(block, rdb, conv) for block in range(2) for rdb in (1, 2, 3) for conv in range(1, 6)]
ESRGAN_NAMES = {
    'conv_first': 'conv_first',
    **{f'body.{b}.rdb{r}.conv{c}': f'RRDB_trunk.{b}.RDB{r}.conv{c}' for b, r, c in DENSE},
    'conv_body': 'trunk_conv',
    'conv_up1': 'upconv1',
    'conv_up2': 'upconv2',
    'conv_hr': 'HRconv',
    'conv_last': 'conv_last',
}
OLD_ESRGAN_NAMES = {
    'conv_first': 'model.0',
    **{f'body.{b}.rdb{r}.conv{c}': f'model.1.sub.{b}.RDB{r}.conv{c}.0' for b, r, c in DENSE},
    'conv_body': 'model.1.sub.2',
    'conv_up1': 'model.3',
    'conv_up2': 'model.6',
    'conv_hr': 'model.8',
    'conv_last': 'model.10',
}
TTSR_NAMES = {
    'sfe.conv_first': 'SFE.conv_head',
    'sfe.body.0.conv1': 'SFE.RBs.0.conv1',
    'sfe.body.0.conv2': 'SFE.RBs.0.conv2',
    'sfe.body.1.conv1': 'SFE.RBs.1.conv1',
    'sfe.body.1.conv2': 'SFE.RBs.1.conv2',
    'sfe.conv_last': 'SFE.conv_tail',
    'conv_first1': 'conv11_head',
    'res_block1.0.conv1': 'RB11.0.conv1',
    'res_block1.0.conv2': 'RB11.0.conv2',
    'conv_last1': 'conv11_tail',
    'up1.upsample_conv': 'conv12',
    'conv_first2': 'conv22_head',
    'csfi2.conv1to2': 'ex12.conv12',
    'csfi2.conv2to1': 'ex12.conv21',
    'csfi2.conv_merge1': 'ex12.conv_merge1',
    'csfi2.conv_merge2': 'ex12.conv_merge2',
    **{
        f'res_block2_{branch}.0.conv{conv}': f'RB2{branch}.0.conv{conv}'
        for branch in (1, 2)
        for conv in (1, 2)
    },
    'conv_last2_1': 'conv21_tail',
    'conv_last2_2': 'conv22_tail',
    'up2.upsample_conv': 'conv23',
    'conv_first3': 'conv33_head',
    'csfi3.conv1to2': 'ex123.conv12',
    'csfi3.conv1to4': 'ex123.conv13',
    'csfi3.conv2to1': 'ex123.conv21',
    'csfi3.conv2to4': 'ex123.conv23',
    'csfi3.conv4to1_1': 'ex123.conv31_1',
    'csfi3.conv4to1_2': 'ex123.conv31_2',
    'csfi3.conv4to2': 'ex123.conv32',
    'csfi3.conv_merge1': 'ex123.conv_merge1',
    'csfi3.conv_merge2': 'ex123.conv_merge2',
    'csfi3.conv_merge4': 'ex123.conv_merge3',
    **{
        f'res_block3_{branch}.{block}.conv{conv}': f'RB3{branch}.{block}.conv{conv}'
        for branch in (1, 2, 3)
        for block in (0, 1)
        for conv in (1, 2)
    },
    'conv_last3_1': 'conv31_tail',
    'conv_last3_2': 'conv32_tail',
    'conv_last3_3': 'conv33_tail',
    'merge_features.conv1to4': 'merge_tail.conv13',
    'merge_features.conv2to4': 'merge_tail.conv23',
    'merge_features.conv_merge': 'merge_tail.conv_merge',
    'merge_features.conv_last1': 'merge_tail.conv_tail1',
    'merge_features.conv_last2': 'merge_tail.conv_tail2',
}


def editor(name: str, seed: int):
    torch.manual_seed(seed)
    config = dict(type='PeerEditor', generator=GENERATORS[name], pixel_loss=dict(type='L1Loss'))
    model = MODELS.build(config).eval()
    for parameter in model.generator.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def renamed(weights: dict, names: dict[str, str]) -> dict:
    """Exchange the names of layers; every one must be there."""
    found = {}
    for key, value in weights.items():
        layer, _, kind = key.rpartition('.')
        found[f'{names[layer]}.{kind}'] = value
    return found


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
