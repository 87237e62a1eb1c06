"""What torch loads."""

from __future__ import annotations

import os
import pickle

import pytest
import torch

from masasr_mm import compat
from tests.strangers import Call


def test_every_load_refuses_code(monkeypatch, tmp_path):
    monkeypatch.delenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', raising=False)
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
    mark, path = tmp_path / 'mark', tmp_path / 'hostile.pth'
    torch.save(Call(os.system, f'touch {mark}'), path)
    compat.load_weights_only()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=False)
    assert not mark.exists()
