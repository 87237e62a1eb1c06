"""Reading a config out of a checkpoint without running it."""

from __future__ import annotations

import inspect
import json
import sys

import pytest
from mmagic.registry import MODELS

from masasr_mm.apis import MASAInferencer
from masasr_mm.checkpoints.stored_config import stored_config
from masasr_mm.errors import UserError
from masasr_mm.tensor_files import write_tensors
from tests.conftest import MODEL


def of(generator: object) -> dict:
    """A checkpoint as mmengine writes it."""
    return dict(
        meta=dict(cfg=f"work_dir = 'there'\nmodel = dict(type='MASA', generator={generator!r})")
    )


def test_the_generator_of_a_real_config_is_read():
    generator = dict(
        type='MASANet',
        fusion_blocks=(12, 8, 4),
        matching=dict(ref_block_ratio=1.5, dilations=[1, 2]),
        init_cfg=dict(type='Pretrained', checkpoint='start.pth'),
    )
    assert stored_config(of(generator), 'a.pth') == dict(
        type='MASANet',
        fusion_blocks=(12, 8, 4),
        matching=dict(type='MatchExtractionModule', ref_block_ratio=1.5, dilations=[1, 2]),
    )


@pytest.mark.parametrize(
    'text',
    [
        'model = dict(generator=open({!r}, "w"))',
        'open({!r}, "w")\nmodel = __import__("os").system("true")',
        'model = dict(generator=[x for x in ()])',
        'model = dict(generator=dict(type="MASANet", channels=lambda: 8))',
        'model = dict(**globals())',
        'model = (',
        '(' * 5000,
        'x = 1' + '+1' * 100_000,
        ' ' * 10**6 + 'x = 1',
    ],
)
def test_code_is_refused_and_not_run(text, tmp_path):
    target = tmp_path / 'touched'
    with pytest.raises(UserError, match=r'a\.pth: refused, .* cannot be read as plain values'):
        stored_config(dict(meta=dict(cfg=text.replace('{!r}', repr(str(target))))), 'a.pth')
    assert not target.exists()


EVIL = [
    ('a part of another kind', dict(type='os.system', command='true')),
    ('a part of another kind', dict(matching=dict(type='os.system', command='true'))),
    ('a part of another kind', dict(encoder=dict(type='evil.Encoder'))),
    ('a part of another kind', dict(type='evil.MASANet')),
    ('a part of another kind', dict(type='EDSRNet', in_channels=3)),
    ('a part of another kind', dict(type='MASADiscriminator')),
    ('a part of another kind', dict(encoder=dict(type='MASANet'))),
    ('a part of another kind', dict(adaptation=dict(type='DualResidualAggregationModule'))),
    ('a part of another kind', dict(type=['MASANet'])),
    ('a part of another kind', dict(type=None)),
    ('no part at all', dict(encoder=[dict(_scope_='evil')])),
    ('no part at all', dict(encoder='MASAEncoder')),
    ('no such argument', dict(_scope_='evil')),
    ('no such argument', dict(encoder=dict(_scope_='this'))),
    ('no such argument', dict(encoder=dict(type='MASAEncoder', _scope_='evil'))),
    ('no such argument', dict(adaptation=dict(_delete_=True, type='NoAdaptation'))),
    ('no such argument', dict(adaptation=dict(type='NoAdaptation', halo=3))),
    ('no such argument', dict(matching=dict(encoder=dict(_scope_='evil')))),
    ('no such argument', {'x' * 10**5: 1}),
    ('no such argument', {'two\nlines': 1}),
    ('no plain value', dict(fusion_blocks=[dict(type='MASANet', _scope_='evil'), 1, 1])),
    ('no plain value', dict(matching=dict(dilations=[[dict(_scope_='evil')]]))),
    ('no plain value', dict(channels=dict(_scope_='evil'))),
    ('no plain value', dict(with_cp=dict(type='evil.Wrapper'))),
    ('no plain value', dict(encoder=dict(in_channels=dict(type='os.system')))),
    ('no plain value', dict(matching=dict(search='auto' * 10**5))),
    ('too many', dict(fusion_blocks=[1] * 10**5)),
    ('too large', dict(channels=4096)),
    ('too large', dict(fusion_blocks=(12, 5000, 4))),
    ('too large', dict(encoder=dict(num_blocks=10**9))),
    ('too large', dict(matching=dict(dilations=(1, 2, 10**6)))),
    ('too large', dict(matching=dict(max_elements=1e9))),
]
WORDS = {
    'a part of another kind': 'which is no part of MASA-SR that goes there',
    'no part at all': 'in the place of a MASAEncoder',
    'no such argument': 'which it does not have',
    'no plain value': 'which is no plain value',
    'too many': 'more than 64',
    'too large': 'more than 1024',
}


@pytest.fixture
def evil_module(tmp_path, monkeypatch):
    """A module ``evil`` in the working directory, which leaves a file where it is imported."""
    mark = tmp_path / 'imported'
    (tmp_path / 'evil.py').write_text(f'open({str(mark)!r}, "w")\nclass Encoder: ...\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    assert not mark.exists()
    assert not {'evil', 'this'} & set(sys.modules)


@pytest.mark.usefixtures('evil_module')
@pytest.mark.parametrize(('kind', 'changes'), EVIL)
def test_nothing_but_parts_of_ours_and_plain_values(kind, changes):
    generator = {**MODEL['generator'], **changes}
    for checkpoint in (of(generator), dict(meta=dict(generator=generator))):
        with pytest.raises(UserError, match=WORDS[kind]) as caught:
            stored_config(checkpoint, 'a.pth')
        line = str(caught.value)
        assert line.startswith('a.pth: refused')
        assert len(line) < 250


@pytest.mark.usefixtures('evil_module')
@pytest.mark.parametrize(
    'changes',
    [
        dict(_scope_='evil'),
        dict(encoder=dict(_scope_='this')),
        dict(type='evil.Encoder'),
        dict(matching=dict(dilations=[dict(type='evil.Encoder', _scope_='evil')])),
    ],
)
def test_no_file_imports_a_module(changes, tmp_path, small_model):
    generator, weights = {**MODEL['generator'], **changes}, small_model.state_dict()
    folder = tmp_path / 'folder'
    network = {name.removeprefix('generator.'): value for name, value in weights.items()}
    write_tensors(dict(state_dict=network), folder / 'model.safetensors')
    (folder / 'config.json').write_text(json.dumps(generator))
    files = [tmp_path / name for name in ('text.pth', 'dict.pth', 'text.safetensors')]
    write_tensors(dict(of(generator), state_dict=weights), files[0])
    write_tensors(dict(state_dict=weights, meta=dict(generator=generator)), files[1])
    write_tensors(dict(of(generator), state_dict=weights), files[2])
    ways = [(MASAInferencer, path) for path in (*files, folder)]
    for load, path in (*ways, (MASAInferencer.from_pretrained, folder)):
        with pytest.raises(UserError, match='refused, the config inside'):
            load(path, device='cpu')


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
        have = stored_config(of({**generator, 'adaptation': defaults(kind)}), 'a.pth')
        assert have['matching']['max_elements'] == 2**23
        net = MODELS.build(have)
        assert sum(weight.numel() for weight in net.parameters()) > 3_800_000
