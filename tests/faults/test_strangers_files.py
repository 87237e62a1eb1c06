"""Checkpoints from strangers, at every entry point: refused in one line, and nothing is run."""

from __future__ import annotations

import random
import resource
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from masasr_mm.apis import MASAInferencer
from masasr_mm.checkpoints.reading import load_tensors
from masasr_mm.checkpoints.saving import save_checkpoint
from masasr_mm.checkpoints.starting import check_start
from masasr_mm.demo.service import Limits, Service
from masasr_mm.errors import UserError
from tests.conftest import MODEL
from tests.scripts import call_tool, load_tool

from .strangers import compressed, evil_files, legacy_claim

CONVERTER = 'model_converters/official_to_mmagic.py'


@pytest.fixture
def entry(request, monkeypatch, capsys, tmp_path, small_config):
    """A function that opens a checkpoint as one of the programs does; returns the error line."""
    # What the tools set is taken back afterwards; none of it must be there from the start.
    for name in ('LOCAL_RANK', 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'):
        monkeypatch.setenv(name, '0')
        monkeypatch.delenv(name)
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
        assert call_tool(module, monkeypatch, *rest) == 2
        error = capsys.readouterr().err
        lines = [line for line in error.splitlines() if line.startswith('error: ')]
        assert len(lines) == 1, error
        assert 'Traceback' not in error
        return lines[0]

    return open_checkpoint


@pytest.mark.parametrize(
    'entry',
    ['load_from', 'resume', 'auto', 'test', 'infer', 'convert', 'back', 'demo'],
    indirect=True,
)
def test_nothing_bad_gets_in(entry, tmp_path, request):
    mark = tmp_path / 'executed'
    evil = evil_files(tmp_path, mark)
    evil['claim'] = tmp_path / 'claim.pth'
    torch.save({'generator.x': torch.zeros(1).expand(10**6, 10**6)}, evil['claim'])
    evil['bomb'] = compressed(tmp_path / 'bomb.pth', 8)
    damaged = {name: tmp_path / f'{name}.pth' for name in ('text', 'empty', 'half', 'other')}
    damaged['text'].write_text('not a checkpoint at all\n')
    damaged['empty'].touch()
    torch.save({'backbone.weight': torch.zeros(3, 3)}, damaged['other'])
    whole = damaged['other'].read_bytes()
    damaged['half'].write_bytes(whole[: len(whole) // 2])
    program = request.node.callspec.params['entry']
    # All programs read with one function: one of them meets every file.
    kinds = (*evil, *damaged) if program == 'infer' else ('system', 'plain', 'claim', 'half')
    for kind in kinds:
        path = evil.get(kind) or damaged[kind]
        line = entry(path)
        assert not mark.exists(), kind
        if program == 'auto':  # there is no other checkpoint to go on from
            assert 'none of its 1 checkpoints is whole' in line
        else:
            assert path.name in line
            assert kind in damaged or 'refused' in line
            assert kind != 'system' or line.endswith('(GLOBAL posix.system)')
    assert not (tmp_path / 'out.pth').exists()


def test_resuming_runs_no_config(tmp_path, small_model):
    """mmengine's ``Runner.resume`` would run the text in ``meta['config']`` as Python."""
    mark, path = tmp_path / 'executed', tmp_path / 'iter_1.pth'
    checkpoint = dict(
        state_dict=small_model.state_dict(),
        optimizer=dict(generator=dict(state={}, param_groups=[])),
        meta=dict(epoch=0, iter=1),
    )
    save_checkpoint(checkpoint, path)
    check_start(path, MODEL, resume=True)
    checkpoint['meta']['config'] = f"open({str(mark)!r}, 'w')"
    save_checkpoint(checkpoint, path)
    with pytest.raises(UserError, match=r'refused, resuming it would run the code in its meta\['):
        check_start(path, MODEL, resume=True)
    check_start(path, MODEL, resume=False)
    assert not mark.exists()
    from mmengine import Config as MMEngineConfig  # that it would be so

    MMEngineConfig.fromstring(checkpoint['meta']['config'], file_format='.py')
    assert mark.exists()


def test_a_start_that_does_not_fit_is_told(tmp_path, small_model, small_checkpoint):
    """mmengine would go on with random weights and a line in the log."""
    check_start(small_checkpoint, MODEL, resume=False)
    with pytest.raises(UserError, match='weights alone, no training that could be resumed'):
        check_start(small_checkpoint, MODEL, resume=True)
    wider = dict(MODEL, generator=dict(MODEL['generator'], channels=12))
    with pytest.raises(UserError, match=r'is \(8, 3, 3, 3\) in the file and \(12, 3, 3, 3\) in'):
        check_start(small_checkpoint, wider, resume=False)


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ('text', 'is a str in the file'),
        (torch.zeros(8, 3, 3, 3, dtype=torch.complex64), 'holds torch.complex64'),
        (torch.zeros(8, 3, 3, 3, dtype=torch.int8), 'holds torch.int8'),
        (torch.zeros(8, 3, 3, 3).to_sparse(), 'no plain tensor'),
        (torch.zeros(8, 3, 3, 3, device='meta'), 'no plain tensor'),
    ],
)
def test_weights_of_another_kind(value, message, small_model, tmp_path):
    state_dict = dict(small_model.state_dict())
    state_dict['generator.encoder.levels.0.0.weight'] = value
    save_checkpoint(dict(state_dict=state_dict), tmp_path / 'odd.pth')
    config = tmp_path / 'model.py'
    config.write_text(f'model = {dict(MODEL)!r}\n')
    with pytest.raises(UserError, match=message):
        MASAInferencer(tmp_path / 'odd.pth', str(config), 'cpu')


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
    text = Config(dict(model=dict(MODEL, generator=generator))).pretty_text
    meta = dict(cfg=text)
    save_checkpoint(dict(state_dict=small_model.state_dict(), meta=meta), tmp_path / 'a.pth')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r'asks for|does not fit'):
        MASAInferencer(tmp_path / 'a.pth', device='cpu')
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_a_stored_config_is_not_run(small_model, photos, tmp_path):
    """The inferencer reads what it knows, and the code around it does nothing."""
    mark = tmp_path / 'executed'
    text = Config(dict(model=MODEL)).pretty_text
    text = f"__import__('os').system('touch {mark}')\n{text}\nopen({str(mark)!r}, 'w')\n"
    save_checkpoint(dict(state_dict=small_model.state_dict(), meta=dict(cfg=text)), tmp_path / 'a')
    image = MASAInferencer(tmp_path / 'a', device='cpu')(photos[0][:16, :16], photos[1][:32, :32])
    assert image.shape == (64, 64, 3)
    assert not mark.exists()


def test_weights_are_mapped_and_not_read(tmp_path):
    """A file with more than what is needed takes no memory for the rest."""
    path = tmp_path / 'large.pth'
    torch.save({'generator.x': torch.zeros(1), 'rest': torch.zeros(2**26)}, path)
    before = resident_bytes()
    content = load_tensors(path)
    assert content['rest'].shape == (2**26,)
    assert resident_bytes() - before < 2**26  # of a file of 2**28


def resident_bytes() -> int:
    """Memory of this process that is in use now."""
    return int(Path('/proc/self/statm').read_text().split()[1]) * resource.getpagesize()


def test_a_claim_in_the_old_format(tmp_path):
    with pytest.raises(UserError, match='not a readable checkpoint'):
        load_tensors(legacy_claim(tmp_path / 'claim.pth', 2**40 - 1))


def test_damaged_bytes_never_end_in_another_error(tmp_path, small_checkpoint):
    """300 files with a few bytes changed, cut or doubled: what they were, or one line."""
    whole, path, rng = small_checkpoint.read_bytes(), tmp_path / 'a.pth', random.Random(0)
    refused = []
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            start = rng.choice([rng.randrange(len(content)), rng.randrange(4000)])
            content[start : start + rng.choice([0, 1, 4, 50])] = rng.randbytes(rng.choice([1, 4]))
        path.write_bytes(content)
        try:
            load_tensors(path)
        except UserError as error:
            refused.append(str(error))
    assert len(refused) > 100
    assert not any('\n' in line for line in refused)
