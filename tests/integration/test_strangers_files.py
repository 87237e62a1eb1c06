"""Checkpoints from strangers, at every entry point: refused in one line, and nothing is run."""

from __future__ import annotations

import resource
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from mmengine.config import Config

from masasr_mm.apis import MASAInferencer
from masasr_mm.demo.service import Limits, Service
from masasr_mm.errors import UserError
from masasr_mm.tensor_files import write_tensors
from tests.commands import error_line
from tests.conftest import MODEL
from tests.scripts import call_tool, load_tool
from tests.strangers import evil_files

CONVERTER = 'model_converters/official_to_mmagic.py'


@pytest.fixture
def entry(request, monkeypatch, capsys, tmp_path, small_config):
    """A function that opens a checkpoint as one of the programs does; returns the error line."""
    work_dir = tmp_path / 'work'

    def arguments(path: Path) -> tuple:
        train = ('train.py', small_config, '--work-dir', work_dir)
        lq = tmp_path / 'lq.png'
        return dict(
            load_from=(*train, '--cfg-options', f'load_from={path}'),
            resume=(*train, '--resume', path),
            auto=(*train, '--resume'),
            test=('test.py', small_config, path, '--work-dir', work_dir),
            infer=('infer.py', lq, '--self-ref', '--checkpoint', path),
            convert=(CONVERTER, path, tmp_path / 'out.pth'),
            back=(CONVERTER, path, tmp_path / 'out.pth', '--reverse'),
        )[request.param]

    def open_checkpoint(path: Path) -> str:
        if request.param == 'auto':
            work_dir.mkdir(exist_ok=True)
            (work_dir / 'iter_1.pth').write_bytes(path.read_bytes())
            (work_dir / 'last_checkpoint').write_text(str(work_dir / 'iter_1.pth'))
        if request.param == 'demo':
            with pytest.raises(UserError) as caught:
                Service(str(path), None, tmp_path, Limits()).warm_up('cpu')
            return f'error: {caught.value}'
        tool, *rest = arguments(path)
        module = load_tool(tool)
        capsys.readouterr()
        status = call_tool(module, monkeypatch, *rest)
        return error_line(CompletedProcess(tool, status, *capsys.readouterr()))

    return open_checkpoint


@pytest.mark.parametrize(
    'entry',
    ['load_from', 'resume', 'auto', 'test', 'infer', 'convert', 'back', 'demo'],
    indirect=True,
)
def test_nothing_bad_gets_in(entry, tmp_path, request):
    """All programs read with one function, whose own test has more files."""
    mark = tmp_path / 'executed'
    path = evil_files(tmp_path, mark)['system']
    line = entry(path)
    assert not mark.exists()
    if request.node.callspec.params['entry'] == 'auto':  # there is no other to go on from
        assert 'none of its 1 checkpoints is whole' in line
    else:
        assert f'{path}: refused' in line
    assert not (tmp_path / 'out.pth').exists()


@pytest.mark.parametrize(
    'generator',
    [
        dict(type='MASANet', channels=10**8),
        dict(type='MASANet', fusion_blocks=(10**9, 1, 1)),
        dict(type='MASANet', encoder=dict(num_blocks=10**9)),
        dict(type='MASANet', channels=1000),
    ],
)
def test_a_stored_config_takes_no_memory(generator, small_model, tmp_path):
    """10¹⁶ weights, 10⁹ layers, or just other weights than the file has."""
    meta = dict(cfg=f'model = {dict(MODEL, generator=generator)!r}')
    write_tensors(dict(state_dict=small_model.state_dict(), meta=meta), tmp_path / 'a.pth')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r'asks for|does not fit'):
        MASAInferencer(tmp_path / 'a.pth', device='cpu')
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_the_code_around_a_stored_config_is_not_run(small_model, photos, tmp_path):
    mark = tmp_path / 'executed'
    text = Config(dict(model=MODEL)).pretty_text
    text = f"__import__('os').system('touch {mark}')\n{text}\nopen({str(mark)!r}, 'w')\n"
    write_tensors(dict(state_dict=small_model.state_dict(), meta=dict(cfg=text)), tmp_path / 'a')
    image = MASAInferencer(tmp_path / 'a', device='cpu')(photos[0][:16, :16], photos[1][:32, :32])
    assert image.shape == (64, 64, 3)
    assert not mark.exists()
