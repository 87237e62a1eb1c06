"""Checkpoints replace older ones only when they are there themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner

from masasr_mm.engine.resume import WholeCheckpointHook
from masasr_mm.engine.whole_files import WholeFileBackend
from masasr_mm.errors import UserError

LOOPS = ['IterBasedTrainLoop', 'ResumableTrainLoop']


class Numbers(BaseDataset):
    def load_data_list(self) -> list[dict]:
        return [dict(number=float(number)) for number in range(4)]


class Line(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, number: list[float], mode: str, **kwargs):
        return dict(loss=self.weight * sum(number)) if mode == 'loss' else number


class Scores(BaseMetric):
    """Gives the scores of one validation after the other."""

    def __init__(self, scores: list[tuple[float, float]]) -> None:
        super().__init__()
        self.scores = iter(scores)

    def process(self, data_batch, data_samples) -> None:
        self.results.append(0)

    def compute_metrics(self, results: list) -> dict[str, float]:
        return dict(zip(('PSNR', 'SSIM'), next(self.scores)))


def run(work_dir: Path, scores: list[tuple[float, float]], loop: str = LOOPS[1], **options) -> None:
    """Train an iteration for each score, each followed by a checkpoint and a validation."""
    hook = WholeCheckpointHook(
        **dict(dict(interval=1, by_epoch=False, save_best='PSNR', rule='greater'), **options)
    )
    loader = dict(dataset=Numbers(), batch_size=1, num_workers=0)
    Runner(
        Line(),
        str(work_dir),
        train_dataloader=dict(loader, sampler=dict(type='InfiniteSampler')),
        train_cfg=dict(type=loop, max_iters=len(scores), val_interval=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        val_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)),
        val_cfg=dict(),
        val_evaluator=[Scores(scores)],
        default_hooks=dict(checkpoint=hook, logger=None),
        default_scope='mmagic',
        experiment_name=f'{work_dir.parent.name}-{work_dir.name}',
    ).train()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob('*') if not path.is_dir())


@pytest.mark.parametrize('loop', LOOPS)
def test_the_newest_and_the_best_are_kept(tmp_path, loop):
    run(tmp_path, [(1, 0), (3, 0), (2, 0), (2.5, 0)], loop, max_keep_ckpts=2)
    kept = [name for name in names(tmp_path) if name.endswith('.pth')]
    assert kept == ['best_PSNR_iter_2.pth', 'iter_3.pth', 'iter_4.pth']
    assert Path((tmp_path / 'last_checkpoint').read_text()) == tmp_path / 'iter_4.pth'
    meta = torch.load(tmp_path / 'iter_4.pth')['meta']
    assert meta['iter'] == 4
    assert ('resume_state' in meta) == (loop == 'ResumableTrainLoop')


def test_several_best_ones(tmp_path):
    scores = [(1, 5), (3, 4), (2, 6)]
    run(tmp_path, scores, save_best=['PSNR', 'SSIM'], rule='greater', max_keep_ckpts=1)
    kept = [name for name in names(tmp_path) if name.endswith('.pth')]
    assert kept == ['best_PSNR_iter_2.pth', 'best_SSIM_iter_3.pth', 'iter_3.pth']
    info = torch.load(tmp_path / 'iter_3.pth')['message_hub']['runtime_info']
    assert [info['best_score_PSNR'], info['best_score_SSIM']] == [3, 6]


@pytest.mark.parametrize('fails', ['iter_2.pth', 'best_PSNR_iter_2.pth'])
def test_nothing_is_removed_for_one_that_cannot_be_written(tmp_path, monkeypatch, fails):
    put = WholeFileBackend.put

    def full(backend: WholeFileBackend, content: bytes, path: str) -> None:
        if Path(path).name == fails:
            raise UserError(f'cannot write {path}: No space left on device')
        put(backend, content, path)

    monkeypatch.setattr(WholeFileBackend, 'put', full)
    with pytest.raises(UserError, match='No space left'):
        run(tmp_path, [(1, 0), (3, 0)], max_keep_ckpts=1)
    left = names(tmp_path)
    assert 'best_PSNR_iter_1.pth' in left
    assert ('iter_1.pth' if fails == 'iter_2.pth' else 'iter_2.pth') in left
    pointed = Path((tmp_path / 'last_checkpoint').read_text())
    assert pointed.name in left


def test_what_a_killed_run_left_is_removed(tmp_path):
    (tmp_path / '.abcd1234.pth').write_bytes(b'half')
    run(tmp_path, [(1, 0)])
    assert '.abcd1234.pth' not in names(tmp_path)
