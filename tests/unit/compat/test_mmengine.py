"""mmengine's checkpoints, configs by name, and processes that no launcher started."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

from masasr_mm import compat
from masasr_mm.errors import UserError
from tests.strangers import Call


@pytest.mark.parametrize('kind', ['system', 'getattr', 'getattr of another class'])
def test_code_in_a_checkpoint_is_refused(kind, tmp_path):
    mark, path = tmp_path / 'mark', tmp_path / 'hostile.pth'
    content = {
        'system': Call(os.system, f'touch {mark}'),
        'getattr': Call(getattr, HistoryBuffer, '__init__'),
        'getattr of another class': Call(getattr, np.ndarray, 'mean'),
    }[kind]
    torch.save(dict(state_dict={}, extra=content), path)
    compat.allow_mmengine_checkpoints()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    assert not mark.exists()


def test_a_name_of_no_config_is_told(tmp_path):
    (tmp_path / 'own.py').write_text("_base_ = 'masasr_mm::none.py'")
    with pytest.raises(UserError, match=r'own.py: there is no .*none.py, which masasr_mm::none'):
        Config.fromfile(tmp_path / 'own.py')


@pytest.mark.parametrize(
    ('launcher', 'variable'),
    [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK')],
)
def test_a_process_that_the_launcher_did_not_start(launcher, variable, monkeypatch):
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(UserError, match=f'--launcher {launcher}: .* {variable} is not set'):
        compat.init_process_group_without_gpu(launcher)
