"""Checkpoints are written whole or not at all."""

from __future__ import annotations

import pytest
import torch

from masasr_mm.checkpoints.saving import save_checkpoint
from masasr_mm.errors import UserError


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
