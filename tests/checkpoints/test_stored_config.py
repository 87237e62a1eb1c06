"""Reading a config out of a checkpoint without running it."""

from __future__ import annotations

import inspect

import pytest
from mmagic.registry import MODELS
from mmengine.config import Config

import masasr_mm  # noqa: F401
from masasr_mm.checkpoints.stored_config import stored_generator_config
from masasr_mm.errors import UserError


def test_the_generator_of_a_real_config_is_read():
    config = Config(
        dict(
            work_dir='somewhere',
            model=dict(
                type='MASA',
                generator=dict(
                    type='MASANet',
                    fusion_blocks=(12, 8, 4),
                    matching=dict(ref_block_ratio=1.5, dilations=[1, 2]),
                    init_cfg=dict(type='Constant', val=0),
                ),
                perceptual_loss=dict(layer_weights={'34': 1.0}),
            ),
        )
    )
    have = stored_generator_config(dict(meta=dict(cfg=config.pretty_text)))
    assert have == dict(
        type='MASANet',
        fusion_blocks=(12, 8, 4),
        matching=dict(ref_block_ratio=1.5, dilations=[1, 2]),
    )


def test_code_is_not_run(tmp_path):
    target = tmp_path / 'touched'
    for text in (
        f"model = dict(generator=open({str(target)!r}, 'w'))",
        f"open({str(target)!r}, 'w')\nmodel = __import__('os').system('true')",
        'model = dict(generator=[x for x in ()])',
        'model = dict(**globals())',
        'model = (',
        '(' * 5000,
    ):
        assert stored_generator_config(dict(meta=dict(cfg=text))) is None
    assert not target.exists()


@pytest.mark.parametrize(
    'generator',
    [
        dict(type='os.system', command='true'),
        dict(type='MASANet', matching=dict(type='os.system', command='true')),
        dict(type='EDSRNet', in_channels=3),
        dict(type=['MASANet']),
    ],
)
def test_only_parts_of_ours_are_let_through(generator):
    """mmengine's registries take any dotted name as a type, and call it."""
    config = Config(dict(model=dict(type='MASA', generator=generator)))
    with pytest.raises(UserError, match='no part of MASA-SR'):
        stored_generator_config(dict(meta=dict(cfg=config.pretty_text)))


def test_nothing_stored_is_none():
    assert stored_generator_config({}) is None
    assert stored_generator_config(dict(meta={})) is None
    assert stored_generator_config(dict(meta=dict(cfg='train_cfg = dict()'))) is None


def defaults(kind: str) -> dict:
    """The config of a part with every argument that has a default written out."""
    arguments = inspect.signature(MODELS.get(kind)).parameters.values()
    given = {item.name: item.default for item in arguments if item.default is not item.empty}
    return dict(type=kind, **given)


def test_defaults_of_every_part_may_be_written_out():
    """A checkpoint of a network that is the default one can be used without its config."""
    generator = defaults('MASANet')
    for name, kind in (
        ('encoder', 'MASAEncoder'),
        ('matching', 'MatchExtractionModule'),
        ('aggregation', 'DualResidualAggregationModule'),
    ):
        generator[name] = defaults(kind)
    for kind in (
        'SpatialAdaptationModule',
        'NoAdaptation',
        'AdaptiveInstanceNormalization',
        'SpatiallyAdaptiveNormalization',
    ):
        config = Config(dict(model=dict(generator={**generator, 'adaptation': defaults(kind)})))
        have = stored_generator_config(dict(meta=dict(cfg=config.pretty_text)))
        assert have['matching']['max_elements'] == 2**23
        net = MODELS.build(have)
        assert sum(weight.numel() for weight in net.parameters()) > 3_800_000


@pytest.mark.parametrize(
    'generator',
    [
        dict(channels=4096),
        dict(fusion_blocks=(12, 5000, 4)),
        dict(encoder=dict(num_blocks=10**9)),
        dict(matching=dict(dilations=(1, 2, 10**6))),
        dict(matching=dict(max_elements=1e9)),
    ],
)
def test_absurd_sizes_are_refused(generator):
    config = Config(dict(model=dict(generator=dict(type='MASANet', **generator))))
    with pytest.raises(UserError, match='more than 1024'):
        stored_generator_config(dict(meta=dict(cfg=config.pretty_text)))
