"""mmengine's checkpoints are read, code in them is not run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner

from masasr_mm import compat


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


class Call:
    """Calls a function with arguments when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


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

    def test_statistics_of_the_log_are_read(self, tmp_path):
        path = tmp_path / 'log.pth'
        torch.save(dict(log=HistoryBuffer([1.0, 3.0], [1, 1])), path)
        compat.allow_mmengine_checkpoints()
        log = torch.load(path, weights_only=True)['log']
        assert log.statistics('mean') == 2
        assert log.statistics('max') == 3


class TestLoadWeightsOnly:
    def test_every_load_refuses_code(self, monkeypatch, tmp_path):
        monkeypatch.delenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', raising=False)
        monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
        mark, path = tmp_path / 'mark', tmp_path / 'hostile.pth'
        torch.save(Call(os.system, f'touch {mark}'), path)
        compat.load_weights_only()
        with pytest.raises(pickle.UnpicklingError):
            torch.load(path, weights_only=False)
        assert not mark.exists()

    def test_a_user_may_wish_otherwise(self, monkeypatch):
        monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
        monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
        compat.load_weights_only()
        assert os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] == '0'
