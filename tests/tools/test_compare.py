"""compare.py: a row a method, files, pictures, and what is missing named."""

from __future__ import annotations

import csv

import pytest
import torch
from mmagic.registry import MODELS
from PIL import Image
from skimage import data

from tests.scripts import call_tool, load_tool

compare = load_tool('analysis_tools/compare.py')


@pytest.fixture
def pairs(tmp_path):
    folder = tmp_path / 'pairs'
    folder.mkdir()
    photo = data.astronaut()
    for number, top in enumerate((0, 4, 300)):
        Image.fromarray(photo[top : top + 64, 200:264]).save(folder / f'a_{number}.png')
    return folder


@pytest.fixture
def srcnn(tmp_path):
    """A checkpoint as mmagic publishes them."""
    torch.manual_seed(0)
    network = MODELS.build(dict(type='SRCNNNet'))
    weights = {f'generator.{key}': value for key, value in network.state_dict().items()}
    torch.save(dict(state_dict=weights), tmp_path / 'srcnn.pth')
    return tmp_path / 'srcnn.pth'


def test_a_row_a_method(pairs, srcnn, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('COLUMNS', '200')
    out = tmp_path / 'out'
    arguments = [pairs, '--methods', 'srcnn', 'enet', 'masa-rec', '--checkpoints',
                 f'srcnn={srcnn}', 'masa-rec=bicubic', '--device', 'cpu', '--out', out,
                 '--size', 16, 16, '--runs', 0]  # fmt: skip
    assert not call_tool(compare, monkeypatch, *arguments)
    printed = capsys.readouterr().out
    assert 'no checkpoint, so no quality: enet' in printed
    with (out / 'comparison.csv').open(newline='') as file:
        rows = {row['method']: row for row in csv.DictReader(file)}
    assert list(rows) == ['bicubic', 'srcnn', 'enet', 'masa-rec']
    assert rows['enet']['PSNR'] == rows['bicubic']['parameters (M)'] == ''
    assert rows['enet']['parameters (M)'] == '0.85'
    # Trained weights do better than plain enlargement, random ones do not.
    psnr = {name: float(rows[name]['PSNR']) for name in ('bicubic', 'srcnn', 'masa-rec')}
    assert psnr['srcnn'] < psnr['bicubic'] < psnr['masa-rec']
    assert rows['masa-rec']['time (s)'] == ''
    assert all(row['PSNR'] in printed for row in rows.values())
    assert Image.open(out / 'crops_pairs_a.png').height > 160
    assert {path.name for path in out.iterdir()} == {
        'comparison.csv', 'comparison.json', 'comparison.md', 'crops_pairs_a.png'
    }  # fmt: skip


MINE = """
model = dict(
    type='PeerEditor',
    generator=dict(
        type='SingleImageNetwork', network=dict(type='ENetGenerator', channels=8, num_blocks=1)
    ),
    pixel_loss=dict(type='L1Loss'),
)
"""


def test_a_method_of_ones_own(pairs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('COLUMNS', '200')
    (tmp_path / 'mine.py').write_text(MINE)
    network = MODELS.build(dict(type='ENetGenerator', channels=8, num_blocks=1))
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    weights = {f'generator.network.{name}': value for name, value in network.state_dict().items()}
    torch.save(dict(state_dict=weights), tmp_path / 'mine.pth')
    arguments = [pairs, '--methods', 'mine', '--configs', f'mine={tmp_path / "mine.py"}',
                 '--checkpoints', f'mine={tmp_path / "mine.pth"}', '--device', 'cpu', '--out',
                 tmp_path / 'out', '--size', 16, 16, '--runs', 0, '--align', 'auto']  # fmt: skip
    assert not call_tool(compare, monkeypatch, *arguments)
    with (tmp_path / 'out' / 'comparison.csv').open(newline='') as file:
        rows = {row['method']: row for row in csv.DictReader(file)}
    # Without weights that are other than 0 it is the enlargement that it adds to.
    assert float(rows['mine']['PSNR']) == pytest.approx(float(rows['bicubic']['PSNR']), abs=0.02)
    assert float(rows['mine']['parameters (M)']) == pytest.approx(
        sum(parameter.numel() for parameter in network.parameters()) / 1e6, abs=0.005
    )


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('--methods', 'vdsr'), '--methods vdsr'),
        (('--methods', 'enet', '--checkpoints', 'han=a.pt'), 'han is none of enet'),
        (('--methods', 'enet', '--checkpoints', 'enet=none.pt'), 'none.pt'),
        (('--methods', 'mine', '--configs', 'mine=none.py'), 'none.py'),
        (('pairs', '--methods', 'enet'), 'two folders of one name'),
    ],
)
def test_mistakes(pairs, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(pairs.parent)
    assert call_tool(compare, monkeypatch, pairs, *arguments, '--out', tmp_path / 'out') == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
