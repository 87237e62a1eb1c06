"""Checkpoints that are whole, hold all that a resumed run needs, and replace older ones in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmagic.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from masasr_mm.engine.whole_files import remove_unfinished
from masasr_mm.files import write_text

from .loop import ResumableTrainLoop


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's checkpoints, so written that a kill at any moment loses none.

    Every file, ``last_checkpoint`` too, appears whole or not at all, and an older checkpoint is
    removed only after the newer one is there. With :class:`ResumableTrainLoop` a checkpoint holds
    what an exactly resumed run needs. A training that is stopped before its end, as
    :class:`StopOnSignalHook` does, is saved where it stands (with ``by_epoch=False``).

    Args:
        **kwargs: As for mmengine's ``CheckpointHook``. Without ``backend_args`` the files are
            local ones.
    """

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get('file_client_args'):
            kwargs.setdefault('backend_args', dict(backend='whole'))
        super().__init__(**kwargs)
        self._loaded_state: dict[str, Any] | None = None
        self._saved_step: int | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what the checkpoint holds for the loop."""
        self._loaded_state = checkpoint.get('meta', {}).get('resume_state')

    def before_train(self, runner: Runner) -> None:
        """Tidy up after a killed run and hand the loop what the checkpoint holds for it."""
        super().before_train(runner)
        if isinstance(runner.train_loop, ResumableTrainLoop):
            runner.train_loop.loaded_state = self._loaded_state
        if is_main_process():
            for path in remove_unfinished(self.out_dir, '.pth'):
                runner.logger.info(f'{path}, left behind by a run that was killed, is removed')

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Save at each interval, at the end, and where the training is being stopped."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        stopping = getattr(runner.train_loop, 'stop_training', False)
        if stopping and not self.by_epoch and self._saved_step != runner.iter + 1:
            self._save_checkpoint(runner)

    def after_validation_stopped(self, runner: Runner) -> None:
        """Save where the training stands when it is stopped while it validates."""
        if not self.by_epoch and self._saved_step != runner.iter:
            meta = dict(epoch=runner.epoch, iter=runner.iter)
            self._save_checkpoint_with_step(runner, runner.iter, meta)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """Save first, name the file as the last one then, remove the outdated one at the end."""
        if isinstance(runner.train_loop, ResumableTrainLoop):
            meta = dict(meta, resume_state=runner.train_loop.resume_state())
        outdated = self._outdated_steps(runner, step)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        self._saved_step = step
        if is_main_process():
            write_text(Path(runner.work_dir) / 'last_checkpoint', self.last_ckpt)
            for old in outdated:
                self._remove(
                    self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old))
                )

    def _outdated_steps(self, runner: Runner, step: int) -> list[int]:
        """Count a new checkpoint among those that are kept; return the steps of the others."""
        if self.max_keep_ckpts <= 0:
            return []
        # A run that went back to an older checkpoint saves its steps anew.
        kept = [old for old in self.keep_ckpt_ids if old != step] + [step]
        outdated = kept[: -self.max_keep_ckpts]
        self.keep_ckpt_ids.clear()
        self.keep_ckpt_ids.extend(kept[len(outdated) :])
        runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        return outdated

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Save as mmengine does, but remove the older best one after the newer is there."""
        if not self.save_best:
            return
        single = len(self.key_indicators) == 1
        before = {0: self.best_ckpt_path} if single else dict(self.best_ckpt_path_dict)
        # What mmengine does not know of it does not remove.
        self._set_best_paths(dict.fromkeys(before))
        super()._save_best_checkpoint(runner, metrics)
        now = {0: self.best_ckpt_path} if single else dict(self.best_ckpt_path_dict)
        self._set_best_paths({key: now.get(key) or before.get(key) for key in {**before, **now}})
        for key, path in before.items():
            if path and now.get(key) and now[key] != path and is_main_process():
                self._remove(path)

    def _set_best_paths(self, paths: dict) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths[0]
        else:
            self.best_ckpt_path_dict = paths

    def _remove(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)


@HOOKS.register_module()
class ResumableEMAHook(EMAHook):
    """mmengine's exponential moving average of the weights, for trainings that can be stopped.

    A validation runs with the averaged weights in the place of the trained ones. Where
    :class:`StopOnSignalHook` ends one, they change places again before the checkpoint is written.
    The arguments are those of mmengine's ``EMAHook``.
    """

    def before_run(self, runner: Runner) -> None:
        """Build the average, and take the wrappers out of it that the processes of a run need."""
        super().before_run(runner)
        average = self.ema_model.module
        for name, child in average.named_children():
            if is_model_wrapper(child):
                setattr(average, name, child.module)

    def after_validation_stopped(self, runner: Runner) -> None:
        """Put the trained weights back."""
        self._swap_ema_parameters()
