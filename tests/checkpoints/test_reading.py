"""Reading checkpoint files, and what is none."""

from __future__ import annotations

import os
import pickle

import pytest
import torch

from masasr_mm.checkpoints.reading import load_tensors
from masasr_mm.checkpoints.recognising import load_checkpoint
from masasr_mm.checkpoints.saving import save_checkpoint
from masasr_mm.errors import UserError


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
    save_checkpoint(dict(state_dict={'generator.x': torch.rand(1000)}), broken)
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
