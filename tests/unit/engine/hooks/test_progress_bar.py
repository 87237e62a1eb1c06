"""The bar of a training."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from masasr_mm.engine.hooks import ProgressBarHook


@pytest.fixture
def runner(request):
    hub = MessageHub.get_instance(request.node.name)
    return SimpleNamespace(max_iters=4, iter=1, message_hub=hub)


def test_loss_and_psnr_in_one_line(runner, capsys):
    hook = ProgressBarHook()
    hook.before_train(runner)
    for loss in (0.5, 0.25):
        runner.message_hub.update_scalar('train/loss_pix', loss)
        hook.after_train_iter(runner, runner.iter)
        runner.iter += 1
    hook.after_val_epoch(runner, {'PSNR': 25.4321, 'bicubic/PSNR': 24.0})
    hook.after_train(runner)
    [line] = capsys.readouterr().out.split('\n')[:-1]
    assert line.startswith('training')
    assert '3/4 loss 0.3750 PSNR 25.43 dB' in line
