"""Every config file that comes with the code."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from mmagic.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
    VISUALIZERS,
)
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from PIL import Image

from tests.conftest import REPOSITORY
from tests.scripts import load_tool

FOLDER = REPOSITORY / 'configs'
complexity = load_tool('analysis_tools/complexity.py')
NAMES = sorted(
    path.relative_to(FOLDER).as_posix()
    for path in FOLDER.rglob('*.py')
    if '_base_' not in path.parts
)
PEERS = [name for name in NAMES if name.startswith('peers/')]
OURS = [name for name in NAMES if name not in PEERS]
SAM = 'SpatialAdaptationModule'
PARTS = dict(encoder='MASAEncoder', matching='MatchExtractionModule', adaptation=SAM)
TABLES = {
    'masa-rec_x4_cufed5': (4_028_291, SAM, True, True),
    'masa_x4_cufed5': (4_028_291, SAM, True, True),
    'ablations/table3_baseline': (3_880_643, 'NoAdaptation', True, True),
    'ablations/table3_adain': (3_880_643, 'AdaptiveInstanceNormalization', True, True),
    'ablations/table3_spade': (3_991_427, 'SpatiallyAdaptiveNormalization', True, True),
    'ablations/table3_sam': (4_028_291, SAM, True, True),
    'ablations/table4_model1': (3_732_867, SAM, False, False),
    'ablations/table4_model2': (3_880_579, SAM, False, True),
    'ablations/table4_model3': (3_880_579, SAM, True, False),
    'ablations/table4_model4': (4_028_291, SAM, True, True),
}
"""Parameters, adaptation, and whether DRAM has its branches for the reference and the LR."""
INITIALIZERS = ('kaiming_uniform_', 'kaiming_normal_', 'uniform_', 'normal_', 'zeros_')


@cache
def config_of(name: str) -> Config:
    return Config.fromfile(FOLDER / name)


@cache
def model_of(name: str):
    """The editor without memory for its weights, and without the time to draw them."""
    keep = dict.fromkeys(INITIALIZERS, lambda weight, *_, **__: weight)
    with torch.device('meta'), mock.patch.multiple(torch.nn.init, **keep):
        return MODELS.build(dict(config_of(name).model, perceptual_loss=None))


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


def check_registered(registry, *configs: dict) -> None:
    for config in configs:
        assert registry.get(config['type']) is not None, config['type']


@pytest.mark.parametrize('name', OURS)
def test_builds_the_network_of_the_paper(name):
    model = model_of(name)
    assert type(model).__name__ == 'MASA'
    net = model.generator
    assert type(net).__name__ == 'MASANet'
    if not name.startswith('ablations/table3'):
        assert {part: type(getattr(net, part)).__name__ for part in PARTS} == PARTS
    kinds = {type(part).__name__ for part in net.aggregations}
    assert kinds == {'DualResidualAggregationModule'}
    levels = {'_x2_': 2, '_x8_': 4}.get(name[8:12], 3)
    assert [len(blocks) for blocks in net.refinements] == [12, 8, 4, 2][:levels]
    assert net.scale == 2 ** (levels - 1)
    has_discriminator = model.discriminator is not None
    assert has_discriminator == (name in ('masa_x4_cufed5.py', 'masa_x4_photos.py'))


PEERS_OF_THE_TABLES = {
    **dict.fromkeys(('srcnn', 'mdsr', 'rdn', 'rcan', 'han'), 'SingleImageNetwork'),
    **dict.fromkeys(('srgan', 'enet', 'esrgan'), 'SingleImageNetwork'),
    **dict.fromkeys(('srntt', 'srntt-rec'), 'SRNTT'),
    **dict.fromkeys(('ttsr', 'ttsr-rec'), 'TTSRNetwork'),
    'crossnet': 'CrossNet',
}
ADVERSARIAL = ('srgan', 'enet', 'esrgan', 'srntt', 'ttsr')


def test_benchmarks_are_tested_as_each_by_itself():
    loaders = copy.deepcopy(config_of('masa_x4_benchmarks.py').test_dataloader)
    for loader, name in zip(loaders, ('cufed5', 'sun80', 'urban100')):
        alone = config_of(f'masa_x4_{name}.py').test_dataloader
        assert loader.dataset.pop('metainfo').dataset_type.lower() == name
        assert loader == alone


@pytest.mark.parametrize(('peer', 'network'), PEERS_OF_THE_TABLES.items())
def test_peers_have_masas_data_protocol_and_losses(peer, network):
    config = config_of(f'peers/{peer}_x4_cufed5.py')
    assert config.model.generator.type == network
    assert config.model.type == ('MASA' if peer == 'esrgan' else 'PeerEditor')
    ours = config_of('masa_x4_cufed5.py' if peer in ADVERSARIAL else 'masa-rec_x4_cufed5.py')
    for key in ('train_dataloader', 'train_cfg', 'test_evaluator', 'inference_pipeline'):
        assert config[key] == ours[key]
    assert ('param_scheduler' in config) == ('param_scheduler' in ours)
    if peer != 'crossnet':
        assert config.test_dataloader == ours.test_dataloader
    else:
        assert config.test_dataloader.dataset.level == 1
    losses = ('pixel_loss', 'perceptual_loss', 'gan_loss', 'discriminator', 'train_cfg')
    assert all(config.model.get(key) == ours.model.get(key) for key in losses)


@pytest.mark.parametrize('peer', [name for name in PEERS_OF_THE_TABLES if '-' not in name])
def test_peers_can_be_trained_as_the_ablations_are_from_the_enlargement(peer):
    config = config_of(f'peers/{peer}_x4_photos.py')
    ours = Config.fromfile(FOLDER / 'ablations' / 'photos.py')
    generator = config.model.generator
    if peer not in ('srgan', 'enet'):  # which enlarge themselves
        assert generator.type == 'FromBicubic'
        generator = generator.network
    assert generator == config_of(f'peers/{peer}_x4_cufed5.py').model.generator
    assert config.model.pixel_loss == ours.model.pixel_loss
    losses = ('discriminator', 'gan_loss', 'perceptual_loss')
    assert not any(config.model.get(key) for key in losses)
    schedule = ('optim_wrapper', 'param_scheduler', 'randomness')
    for key in ('train_dataloader', 'train_cfg', *schedule):
        assert config[key] == ours[key]


def test_ttsrs_extractor_learns_at_a_tenth_of_the_rate():
    config = config_of('peers/ttsr-rec_x4_cufed5.py')
    generator = dict(config.model.generator, num_blocks=(1, 1, 1, 1))
    model = MODELS.build(dict(config.model, generator=generator))
    optimizer = build_optim_wrapper(model, copy.deepcopy(config.optim_wrapper))['generator']
    rates = {id(group['params'][0]): group['lr'] for group in optimizer.param_groups}
    for name, parameter in model.generator.named_parameters():
        if parameter.requires_grad:
            expected = 1e-5 if name.startswith('extractor') else 1e-4
            assert rates[id(parameter)] == pytest.approx(expected), name


@pytest.mark.parametrize('name', NAMES)
def test_names_only_what_is_registered(name):
    config = config_of(name)
    assert config.default_scope == 'mmagic'
    assert config.custom_imports['imports'] == ['masasr_mm']
    for kind in ('train', 'val', 'test'):
        for loader in as_list(config.get(f'{kind}_dataloader', [])):
            check_registered(DATASETS, loader.dataset)
            check_registered(TRANSFORMS, *loader.dataset.pipeline)
            check_registered(DATA_SAMPLERS, loader.sampler)
        for evaluator in as_list(config.get(f'{kind}_evaluator', [])):
            check_registered(METRICS, *evaluator.metrics)
        if f'{kind}_cfg' in config:
            check_registered(LOOPS, config[f'{kind}_cfg'])
    check_registered(TRANSFORMS, *config.inference_pipeline)
    check_registered(HOOKS, *config.custom_hooks, *config.default_hooks.values())
    check_registered(VISUALIZERS, config.visualizer)
    if 'train_cfg' in config:
        check_registered(PARAM_SCHEDULERS, *as_list(config.get('param_scheduler', [])))
        assert config.optim_wrapper.constructor in OPTIM_WRAPPER_CONSTRUCTORS


@pytest.mark.parametrize('name', TABLES)
def test_tables_2_to_4(name):
    net = model_of(f'{name}.py').generator
    parameters, adaptation, *branches = TABLES[name]
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert type(net.adaptation).__name__ == adaptation
    for part in net.aggregations:
        assert [part.ref_branch is not None, part.lr_branch is not None] == branches


FIGURE_5 = {
    # With blocks of 1×1 there is one candidate, whatever the ratio.
    'a_lr-block-1': dict(block_size=1),
    **{
        f'a_lr-block-{size}': dict(block_size=size, ref_block_ratio=12 / size)
        for size in complexity.LR_BLOCKS[1:]
    },
    **{f'b_ref-block-{size}': dict(ref_block_ratio=size / 8) for size in complexity.REF_BLOCKS},
    **{
        f'c_dilations-{"-".join(map(str, rates))}': dict(dilations=rates)
        for rates in complexity.DILATIONS
    },
}


@pytest.mark.parametrize(('name', 'change'), FIGURE_5.items())
def test_figure_5(name, change):
    matching = model_of(f'ablations/fig5{name}.py').generator.matching
    paper = dict(block_size=8, ref_block_ratio=1.5, dilations=(1, 2, 3), patch_size=3)
    assert {key: getattr(matching, key) for key in paper} == {**paper, **change}


@pytest.fixture(scope='module')
def pair(tmp_path_factory) -> Path:
    """A training pair as CUFED has them, beside a patch as make_photos.py makes them."""
    root = tmp_path_factory.mktemp('CUFED')
    for seed, folder in enumerate(('input', 'ref')):
        (root / folder).mkdir()
        pixels = np.random.default_rng(seed).integers(0, 256, (160, 160, 3), np.uint8)
        Image.fromarray(pixels).save(root / folder / '0.png')
    Image.fromarray(pixels).resize((256, 256)).save(root / 'patch.png')
    return root


OTHERWISE = ('sample', 'custom', 'fig5b', 'fig5c', 'table3', 'table4')
"""Configs with data of their own, and those that change nothing of the data."""


@pytest.mark.parametrize('name', [n for n in NAMES if not any(part in n for part in OTHERWISE)])
def test_training_makes_lr_images_that_the_network_takes(name, pair):
    config = config_of(name)
    if 'train_dataloader' not in config:
        assert 'test_dataloader' in config
        return
    item = DATASETS.build(dict(config.train_dataloader.dataset, data_root=str(pair)))[0]
    net = model_of(name).generator
    sample = item['data_samples']
    pipeline = config.train_dataloader.dataset.pipeline
    cropped = next((step.crop_size[0] for step in pipeline if step.type == 'FixedCrop'), 160)
    side = cropped // net.scale // net.size_divisor * net.size_divisor
    assert tuple(item['inputs'].shape) == tuple(sample.ref_down.shape) == (3, side, side)
    for image in (sample.gt_img, sample.ref_img):
        assert tuple(image.shape) == (3, net.scale * side, net.scale * side)


@pytest.mark.parametrize('scale', [2, 4, 8])
def test_the_five_values_of_the_custom_config_decide_the_rest(scale, tmp_path):
    values = dict(data=str(tmp_path / 'sharp'), references=str(tmp_path / 'others'))
    values.update(scale=scale, iterations=500, batch=3)
    for folder in ('sharp', 'others'):
        (tmp_path / folder).mkdir()
        for index in range(11):
            Image.new('RGB', (330, 321), (index, 0, 0)).save(tmp_path / folder / f'{index}.jpg')
    text = (FOLDER / 'masa-rec_x4_custom.py').read_text()
    for name, value in values.items():
        text = re.sub(rf'^{name} = .*?( #.*)?$', f'{name} = {value!r}', text, flags=re.MULTILINE)
    text = text.replace("'./masa-rec", f"'{FOLDER}/masa-rec")
    (tmp_path / 'mine.py').write_text(text)
    config = Config.fromfile(tmp_path / 'mine.py')

    train, val = (DATASETS.build(config[f'{kind}_dataloader'].dataset) for kind in ('train', 'val'))
    assert (len(train), len(val)) == (9, 2)
    assert not {train.get_data_info(i)['key'] for i in range(9)} & {
        val.get_data_info(i)['key'] for i in range(2)
    }
    side = 40 * scale
    for item, gt in ((train[0], (3, side, side)), (val[0], (3, 321, 330))):
        sample = item['data_samples']
        assert tuple(sample.gt_img.shape) == gt
        assert sample.ref_img.shape[1] == scale * sample.ref_down.shape[1]
        padded = item['inputs'].shape
        assert all(-(-length // scale) <= small for length, small in zip(gt[1:], padded[1:]))
    assert tuple(train[0]['inputs'].shape) == (3, 40, 40)
    net = MODELS.build(dict(config.model.generator, channels=4))
    assert net.scale == scale
    assert all(length % net.size_divisor == 0 for length in padded[1:])
    assert config.train_dataloader.batch_size == config.auto_scale_lr.base_batch_size == 3
    assert config.train_cfg.max_iters == 500
