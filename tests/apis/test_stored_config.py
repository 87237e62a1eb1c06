"""Reading a config out of a checkpoint without running it."""

from __future__ import annotations

from mmengine.config import Config

from masasr_mm.apis.stored_config import stored_generator_config


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
                    init_cfg=None,
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
        init_cfg=None,
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


def test_nothing_stored_is_none():
    assert stored_generator_config({}) is None
    assert stored_generator_config(dict(meta={})) is None
    assert stored_generator_config(dict(meta=dict(cfg='train_cfg = dict()'))) is None
