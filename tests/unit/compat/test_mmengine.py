"""mmengine's checkpoints, configs by name, and processes without a GPU."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner

from masasr_mm import compat
from masasr_mm.errors import UserError
from tests.strangers import Call


class Line(BaseModel):
    """A model of three weights."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, *inputs, mode='tensor'):
        output = self.layer(torch.stack(inputs))
        return dict(loss=output.square().mean()) if mode == 'loss' else [output]


class Score(BaseMetric):
    """Gives numpy's numbers, as mmagic's metrics do."""

    def process(self, data_batch, data_samples):
        self.results.append(1.0)

    def compute_metrics(self, results):
        return dict(double=np.mean(np.array(results)), single=np.float32(2))


def train(work_dir: Path, max_iters: int, resume: bool) -> None:
    """Train with mmengine, keeping everything that a checkpoint can hold."""
    data = [torch.randn(2) for _ in range(8)]
    loader = dict(dataset=data, batch_size=2, sampler=dict(type='DefaultSampler', shuffle=True))
    checkpoint = dict(
        type='CheckpointHook',
        interval=1,
        by_epoch=False,
        max_keep_ckpts=3,
        save_best=['double', 'single'],
        rule='greater',
    )
    Runner(
        model=Line(),
        work_dir=str(work_dir),
        resume=resume,
        experiment_name=f'line_{max_iters}',
        default_scope='mmagic',
        train_dataloader=loader,
        val_dataloader=loader,
        val_cfg=dict(),
        val_evaluator=[Score()],
        train_cfg=dict(by_epoch=False, max_iters=max_iters, val_interval=1),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=1e-3)),
        param_scheduler=dict(type='CosineAnnealingLR', T_max=4, by_epoch=False),
        default_hooks=dict(checkpoint=checkpoint),
        custom_hooks=[dict(type='EMAHook')],
    ).train()


class TestAllowMMEngineCheckpoints:
    def test_training_resumes_only_with_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
        train(tmp_path, 2, resume=False)
        allowed = torch.serialization.get_safe_globals()
        torch.serialization.clear_safe_globals()
        try:
            with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
                train(tmp_path, 4, resume=True)
            compat.allow_mmengine_checkpoints()
            train(tmp_path, 4, resume=True)
        finally:
            torch.serialization.add_safe_globals(allowed)
        assert (tmp_path / 'iter_4.pth').is_file()
        losses, _ = MessageHub.get_current_instance().get_scalar('train/loss').data
        assert len(losses) == 4

    @pytest.mark.parametrize('kind', ['system', 'getattr', 'getattr of another class'])
    def test_code_is_refused(self, kind, tmp_path):
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


class TestProvideConfigsByName:
    def test_a_name_that_means_nothing_is_told(self, tmp_path):
        (tmp_path / 'own.py').write_text("_base_ = 'masasr_mm::none.py'")
        with pytest.raises(
            UserError, match=r'own.py: there is no .*none.py, which masasr_mm::none'
        ):
            Config.fromfile(tmp_path / 'own.py')


class TestInitProcessGroupWithoutGPU:
    """Where it does nothing; tests/release/test_compat.py starts processes."""

    @pytest.mark.parametrize(
        ('launcher', 'variable'),
        [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK')],
    )
    def test_not_started_by_the_launcher(self, launcher, variable, monkeypatch):
        monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
        monkeypatch.delenv(variable, raising=False)
        with pytest.raises(UserError, match=f'--launcher {launcher}: .* {variable} is not set'):
            compat.init_process_group_without_gpu(launcher)
