"""Reading checkpoints: ours, the authors', and what is neither."""

from __future__ import annotations

import os
import pickle

import pytest
import torch
from mmagic.registry import MODELS

import masasr_mm  # noqa: F401
from masasr_mm.apis import checkpoint
from masasr_mm.apis.checkpoint import load_checkpoint, load_generator, load_tensors, save_checkpoint
from masasr_mm.errors import UserError
from masasr_mm.models.released import to_released


def editor(**generator):
    return MODELS.build(
        dict(
            type='MASA',
            generator=dict(type='MASANet', **generator),
            pixel_loss=dict(type='L1Loss'),
        )
    )


SMALL = dict(channels=4, fusion_blocks=(1, 1, 1))


def test_ours_goes_in_whole(tmp_path):
    source, target = editor(**SMALL), editor(**SMALL)
    save_checkpoint(dict(state_dict=source.state_dict(), meta={}), tmp_path / 'a.pth')
    load_generator(target, tmp_path / 'a.pth')
    for have, need in zip(target.generator.parameters(), source.generator.parameters()):
        assert torch.equal(have, need)


def test_weights_alone_are_a_checkpoint_too(tmp_path):
    source, target = editor(**SMALL), editor(**SMALL)
    torch.save(source.state_dict(), tmp_path / 'a.pth')
    load_generator(target, tmp_path / 'a.pth')
    for have, need in zip(target.generator.parameters(), source.generator.parameters()):
        assert torch.equal(have, need)


def test_a_released_file_is_converted_in_memory(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(checkpoint, 'print_log', lambda text, *_: told.append(text))
    source, target = editor(), editor()
    torch.save(to_released(source.state_dict()), tmp_path / 'masa_rec.pth')
    load_checkpoint(tmp_path / 'masa_rec.pth')
    load_generator(target, tmp_path / 'masa_rec.pth')
    assert len(told) == 1
    assert "masa_rec.pth: the authors' released format" in told[0]
    for have, need in zip(target.generator.parameters(), source.generator.parameters()):
        assert torch.equal(have, need)


def test_weights_of_another_network_are_told(tmp_path):
    path = tmp_path / 'a.pth'
    save_checkpoint(dict(state_dict=editor(**SMALL).state_dict()), path)
    wider = dict(SMALL, channels=8)
    with pytest.raises(UserError, match=r'a\.pth does not fit .* \(4, 3, 3, 3\) .* \(8, 3, 3, 3\)'):
        load_generator(editor(**wider), path)
    deeper = dict(SMALL, fusion_blocks=(1, 1, 2))
    with pytest.raises(UserError, match='missing in the file'):
        load_generator(editor(**deeper), path)


class Evil:
    def __reduce__(self):
        return os.system, ('touch executed',)


def test_a_pickle_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict=Evil()), 'evil.pth')
    (tmp_path / 'evil.pkl').write_bytes(pickle.dumps(Evil(), protocol=2))
    for name in ('evil.pth', 'evil.pkl'):
        with pytest.raises(UserError, match='refused') as error:
            load_tensors(name)
        assert '\n' not in str(error.value)
    assert not (tmp_path / 'executed').exists()


def test_files_that_are_no_checkpoints_are_told(tmp_path):
    with pytest.raises(UserError, match=r'not found'):
        load_tensors(tmp_path / 'none.pth')
    broken = tmp_path / 'broken.pth'
    save_checkpoint(dict(state_dict=editor(**SMALL).state_dict()), broken)
    content = broken.read_bytes()
    for size in (0, 10, len(content) // 2, len(content) - 1):
        broken.write_bytes(content[:size])
        with pytest.raises(UserError, match=r'broken\.pth') as error:
            load_tensors(broken)
        assert '\n' not in str(error.value)
    torch.save([torch.zeros(1)], tmp_path / 'list.pth')
    with pytest.raises(UserError, match='holds a list'):
        load_tensors(tmp_path / 'list.pth')
    torch.save({'backbone.weight': torch.zeros(1)}, tmp_path / 'other.pth')
    with pytest.raises(UserError, match=r"the first is 'backbone\.weight'"):
        load_checkpoint(tmp_path / 'other.pth')


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'a.pth'
    save_checkpoint(dict(state_dict={'generator.x': torch.zeros(1)}), path)
    before = path.read_bytes()

    def full(content, file):
        file.write(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(torch, 'save', full)
    with pytest.raises(UserError, match=r'cannot write .*a\.pth: No space left on device'):
        save_checkpoint({}, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ['a.pth']
