"""What a tool writes is none of the files that it reads: one line, and nothing is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mmengine.config import Config
from PIL import Image
from skimage import data

from tests.conftest import MODEL
from tests.scripts import call_tool, load_tool


@pytest.fixture
def here(tmp_path, small_config, small_checkpoint, monkeypatch) -> Path:
    """A folder that everything lies in: configs, weights, pairs, the data of a test."""
    monkeypatch.chdir(tmp_path)
    for name in ('small.pth', 'small.bin', 'work/iter_2.pth'):
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy(small_checkpoint, name)
    config = Config.fromfile(small_config)
    Path('data').symlink_to(config.test_dataloader.dataset.data_root)
    for name in ('small.py', 'robustness.json', 'benchmark.json', 'complexity.json'):
        config.dump(name)
    Config(dict(model=MODEL)).dump('comparison.json')
    Path('child').mkdir()
    Path('child/small.py').write_text("_base_ = '../small.py'\n")
    Path('pairs').mkdir()
    Path('weights').mkdir()
    for name in ('config.json', 'model.safetensors'):
        Path('weights', name).write_text('precious')
    for number, top in enumerate((0, 4, 300)):
        Image.fromarray(data.astronaut()[top : top + 64, 200:264]).save(f'pairs/a_{number}.png')
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    """Everything below a folder, behind links to folders, too."""
    files = [*folder.rglob('*'), *(folder / 'data').iterdir()]
    return {path: path.read_bytes() for path in files if path.is_file()}


EXPORT = ('deployment/export.py', 'small.py')
COMPARE = ('analysis_tools/compare.py', 'pairs', '--methods', 'mine', '--runs', 0)
REAL_PAIRS = ('analysis_tools/real_pairs.py', 'pairs', '--checkpoints', 'small.pth', '--out')
OVER = 'would be written over'


@pytest.mark.parametrize(
    ('command', 'message'),
    [
        (('model_converters/official_to_mmagic.py', 'small.pth', 'work/../small.pth'), OVER),
        ((*EXPORT, 'small.pth', '--format', 'safetensors', '--out', 'small.pth'), OVER),
        (
            (*EXPORT, 'weights', '--format', 'safetensors', '--out', 'weights/model.safetensors'),
            'weights/model.safetensors is read',
        ),
        ((*EXPORT, 'small.pth', '--format', 'onnx', '--out', 'small.py'), OVER),
        ((*EXPORT, 'small.bin', '--format', 'openvino', '--out', 'small.xml'), 'small.bin is read'),
        (('train.py', 'small.py', '--work-dir', '.'), 'small.py is read'),
        (('train.py', 'child/small.py', '--work-dir', '.'), 'small.py is read'),
        (
            ('train.py', 'small.py', '--work-dir', 'work', '--load-from', 'work/iter_2.pth'),
            'work/iter_2.pth lies in the work directory, whose checkpoints a new training replaces',
        ),
        (('test.py', 'small.py', 'small.pth', '--work-dir', '.'), 'small.py is read'),
        (
            ('test.py', 'small.py', 'small.pth', '--work-dir', 'new', '--out', 'data'),
            'data/000_0.png is read',
        ),
        (
            (*COMPARE, '--configs', 'mine=comparison.json', '--out', '.'),
            'comparison.json is read',
        ),
        ((*REAL_PAIRS, 'pairs/a_1.png'), 'pairs/a_1.png is read'),
        (('analysis_tools/complexity.py', 'complexity.json', '--out', '.'), OVER),
        (('analysis_tools/benchmark.py', 'benchmark.json', '--runs', 1, '--out', '.'), OVER),
        (('analysis_tools/robustness.py', 'robustness.json', 'small.pth', '--out', '.'), OVER),
    ],
)
def test_nothing_that_is_read_is_written(here, monkeypatch, capsys, command, message):
    before = contents(here)
    tool = load_tool(command[0])
    assert call_tool(tool, monkeypatch, *command[1:]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1, error
    assert contents(here) == before
