"""Counting operations: the paper's numbers, a count by hand, and the tool."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from PIL import Image

from masasr_mm.models import MASANet
from tests.conftest import REPOSITORY
from tests.scripts import call_tool, load_tool

tool = load_tool('analysis_tools/complexity.py')
measuring = load_tool('analysis_tools/measuring.py')
CONFIG = 'configs/masa-rec_x4_cufed5.py'


@pytest.fixture(scope='module')
def paper() -> list:
    """The costs of Table 2's case."""
    return tool.costs(MASANet(), (128, 128), (512, 512))


def conv(pixels: int, channels_in: int = 64, channels_out: int = 64) -> int:
    return pixels * 9 * channels_in * channels_out


def levels(pixels: int, count: int = 3) -> int:
    """Multiply-adds of the encoder's first levels for an image of so many pixels."""
    first = conv(pixels, 3) + 8 * conv(pixels)
    return first + sum(9 * conv(pixels // 4**level) for level in range(1, count))


def test_every_module_against_a_count_by_hand(paper):
    lr, x2, x4 = 128**2, 256**2, 512**2
    by_hand = {
        'encoder': levels(lr) + levels(lr, 1) + levels(x4),
        'adaptation': (2 + 1 + 1) * conv(lr + x2 + x4),
        'lr_pyramid': 5 * conv(lr // 16) + (6 * conv(lr // 4) + 6 * conv(lr)),
        'merge': conv(lr, 128),
        'aggregations': sum(4 * conv(pixels) + conv(4 * pixels, 128) for pixels in (lr, x2)),
        'refinements': 24 * conv(lr) + 16 * conv(x2) + 8 * conv(x4),
        'to_image': conv(x4, 64, 3),
    }
    found = {cost.name: cost.as_run for cost in paper if not cost.name.startswith('matching')}
    assert found == by_hand
    formula = {cost.name: cost.formula for cost in paper}
    assert formula['encoder'] == 2 * levels(lr) + levels(x4)
    assert {name: formula[name] for name in by_hand if name != 'encoder'} == {
        name: count for name, count in by_hand.items() if name != 'encoder'
    }


def test_the_matching_against_a_count_by_hand(paper):
    coarse, fine = paper[1:3]
    assert coarse.formula == 256 * 128**2 * 9 * 64 * 3
    assert fine.formula == 128**2 * 13**2 * 9 * 64
    # The norms of Ref↓'s patches are convolutions of one channel.
    assert coarse.as_run == coarse.formula + 3 * 128**2 * 9
    # Pixels of rimmed blocks: 10×10 of the LR by 15×15 of Ref↓; and the norms of Ref↓'s patches.
    assert fine.as_run == 256 * 10**2 * 15**2 * 64 + 128**2 * 9


PEERS = dict(
    srcnn=(20_099, 5.243),
    mdsr=(6_654_211, 116.513),
    rdn=(22_271_107, 372.399),
    rcan=(15_592_379, 260.799),
    han=(16_071_769, 268.933),
    srgan=(1_517_571, 41.552),
    enet=(852_867, 34.304),
    esrgan=(16_697_987, 293.713),
    crossnet=(30_616_369, 169.360),
    srntt=(5_967_503, 1178.777),
    ttsr=(6_729_615, 1043.285),
)
"""Parameters, and multiply-adds in G at an LR of 128×128 with a reference of 512×512."""


def costs_of(name: str, **network) -> Counter:
    """Parameters, multiply-adds and those of the matching, of a config of a peer."""
    config = REPOSITORY / 'configs' / 'peers' / f'{name}_x4_cufed5.py'
    options = {f'model.generator.network.{key}': value for key, value in network.items()}
    costs = tool.costs(measuring.build_network(str(config), options), (128, 128), (512, 512))
    assert all(cost.formula == cost.as_run for cost in costs)
    whole = tool.total(costs)
    matching = sum(cost.as_run for cost in costs if cost.name == 'matching')
    return Counter(parameters=whole.parameters, as_run=whole.as_run, matching=matching)


@pytest.mark.parametrize('name', PEERS)
def test_peers(name):
    if name in ('rcan', 'han'):  # 20 blocks in each group take long to count one by one
        one, two = (costs_of(name, n_resblocks=count) for count in (1, 2))
        found = {key: one[key] + 19 * (two[key] - one[key]) for key in one}
    else:
        found = costs_of(name)
    parameters, operations = PEERS[name]
    assert found['parameters'] == parameters
    assert found['as_run'] / 1e9 == pytest.approx(operations, abs=5e-4)
    # Each of 128² patches of 3×3×256 with each other one; Table 2: 618.48 G for TTSR.
    assert found['matching'] == (128**4 * 9 * 256 if name in ('srntt', 'ttsr') else 0)


def test_table_2_and_figure_5(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('COLUMNS', '200')
    assert not call_tool(tool, monkeypatch, CONFIG, '--sweep', '--out', tmp_path)
    printed = capsys.readouterr().out
    for text in (
        '4,028,291',
        '350.7141',
        'matching by the formulas: 8.8426 G',
        'encoder: 1.6987 G fewer',
        'matching, Stage 2: 1.2261 G fewer',
        'Table 2: matching 8.84 G, total 367.93 G (with element-wise work), 4.03 M parameters',
        '(a) LR block',
    ):
        assert text in printed
    content = json.loads((tmp_path / 'complexity.json').read_text('utf-8'))
    assert content['matching'] == 8_842_641_408
    whole = content['modules'].pop()
    assert whole['name'] == 'total'
    for key in ('parameters', 'formula', 'as_run'):
        assert sum(row[key] for row in content['modules']) == whole[key]
    assert {setting['panel'] for setting in content['sweep']} == {'a', 'b', 'c'}
    assert Image.open(tmp_path / 'complexity.png').width > 800


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('configs/peers/enet_x4_cufed5.py', '--sweep'), 'Fig. 5 is of MASANet'),
        ((CONFIG, '--lq', 100, 128), 'multiples of 8, such as 104×128'),
        ((CONFIG, '--ref', 0, 126), 'multiples of 4 from 12 up, such as 12×128'),
        (('configs/none.py',), 'config not found: configs/none.py'),
        (('configs/_base_/evaluation.py',), 'model.generator is no MASANet'),
    ],
)
def test_mistakes(monkeypatch, capsys, arguments, message):
    assert call_tool(tool, monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
