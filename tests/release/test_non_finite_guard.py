"""NonFiniteGuard in real trainings of a tiny network, against trainings without the bad batch."""

from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path

import pytest
import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.dist import get_world_size
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch.multiprocessing import start_processes

import masasr_mm  # noqa: F401
from masasr_mm.errors import UserError
from tests.conftest import MODEL
from tests.editors import ADVERSARIAL, GENERATOR
from tests.training import START_METHOD, join

GAN = dict(ADVERSARIAL, discriminator=dict(ADVERSARIAL['discriminator'], in_size=64))


def item(number: int, value: float | None = None) -> dict:
    """Random images, of which one LR pixel may have another value."""
    generator = torch.Generator().manual_seed(number)

    def image(size: int) -> torch.Tensor:
        return torch.randint(0, 256, (3, size, size), generator=generator).float()

    lq, sample = image(16), DataSample(gt_img=image(64), ref_img=image(64), ref_down=image(16))
    if value is not None:
        lq[0, 0, 0] = value
    sample.set_metainfo(dict(gt_path=f'input/{number:03d}.png'))
    return dict(inputs=lq, data_samples=sample)


def train(
    work_dir,
    data: list[dict],
    guard: dict | None,
    gan: bool = False,
    optimizer: dict | None = None,
    **options,
) -> Runner:
    """Train one iteration for each item, in order; ``options`` go to the Runner."""
    torch.manual_seed(0)
    optimizer = optimizer or dict(optimizer=dict(type='Adam', lr=1e-3))
    names = ['generator', 'discriminator'] if gan else ['generator']
    runner = Runner(
        model=MODELS.build({**MODEL, 'generator': GENERATOR, **(GAN if gan else {})}),
        work_dir=str(work_dir),
        experiment_name=re.sub(r'\W', '_', str(work_dir)),
        train_dataloader=dict(
            dataset=data, batch_size=1, sampler=dict(type='DefaultSampler', shuffle=False)
        ),
        train_cfg=dict(by_epoch=False, max_iters=len(data) // get_world_size()),
        optim_wrapper=dict(
            constructor='MultiOptimWrapperConstructor', **dict.fromkeys(names, optimizer)
        ),
        default_hooks=dict(checkpoint=None),
        custom_hooks=[] if guard is None else [dict(type='NonFiniteGuard', **guard)],
        default_scope='mmagic',
        log_level='WARNING',
        **options,
    )
    runner.train()
    return runner


def weights(runner: Runner) -> dict:
    return {key: value for key, value in runner.model.state_dict().items() if key != 'step_counter'}


@pytest.mark.parametrize(('value', 'budget'), [(math.nan, 0), (math.inf, 0), (math.nan, 1)])
def test_stops_with_the_iteration_and_the_files(tmp_path, value, budget):
    data = [item(0, value if budget else None), item(1), item(2, value), item(3)]
    with pytest.raises(UserError) as error:
        train(tmp_path, data, dict(budget=budget))
    line = str(error.value)
    assert line.startswith('iteration 3: the gradients of the generator are not finite')
    assert 'files of the batch: input/002.png;' in line
    assert f'now {budget}' in line


def test_a_skipped_batch_leaves_no_trace(tmp_path, caplog):
    """To the bit as if it had not been in the data, moments of Adam and all."""
    bad = train(tmp_path / 'a', [item(0), item(1), item(7, math.nan), item(2)], dict(budget=1))
    good = train(tmp_path / 'b', [item(0), item(1), item(2)], None)
    moments = [runner.optim_wrapper.state_dict()['generator']['state'] for runner in (bad, good)]
    torch.testing.assert_close(weights(bad), weights(good), rtol=0, atol=0)
    torch.testing.assert_close(*moments, rtol=0, atol=0)
    log = next((tmp_path / 'a').rglob('*.log')).read_text()
    assert 'input/007.png; skipped, 1 of at most 1' in log
    assert '1 iterations were not finite and skipped (at most 1)' in log


def test_both_networks_are_watched(tmp_path):
    """A bad HR image reaches the discriminator; its running means are mended, too."""
    runner = train(tmp_path, [item(0), item(1, math.nan), item(2)], dict(budget=1), gan=True)
    assert all(value.isfinite().all() for value in runner.model.state_dict().values())
    log = next(tmp_path.rglob('*.log')).read_text()
    assert log.count('skipped, 1 of at most 1') == 1
    broken = train(tmp_path / 'x', [item(0), item(1, math.nan)], None, gan=True)
    assert not all(value.isfinite().all() for value in broken.model.state_dict().values())


@pytest.fixture
def scaled(monkeypatch):
    """mmengine's optimizer wrapper with a loss scaler, on the CPU."""
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    scaler = partial(torch.amp.GradScaler, 'cpu')
    monkeypatch.setattr(amp_optimizer_wrapper, 'GradScaler', scaler)

    def wrapper(**loss_scale) -> dict:
        optimizer = dict(type='Adam', lr=1e-3)
        return dict(type='AmpOptimWrapper', loss_scale=loss_scale, optimizer=optimizer)

    return wrapper


@pytest.mark.parametrize(
    ('weight', 'value', 'options', 'scale'),
    [
        # The scaled loss of the first iteration is infinite, the loss is not.
        (100, None, dict(init_scale=2.0**127, backoff_factor=2.0**-60), 2.0**67),
        # Half precision may overflow on the way to the loss, too; nothing may be left of it.
        (1, math.inf, dict(init_scale=1024.0), 512),
    ],
)
def test_what_the_loss_scaler_skips_is_not_counted(
    tmp_path, scaled, monkeypatch, weight, value, options, scale
):
    monkeypatch.setitem(MODEL, 'pixel_loss', dict(type='L1Loss', loss_weight=weight))
    data = [item(0), item(1, value), item(2)]
    runner = train(tmp_path, data, {}, gan=value is not None, optimizer=scaled(**options))
    assert runner.optim_wrapper['generator'].loss_scaler.get_scale() == scale
    assert runner.message_hub.runtime_info.get('non_finite_steps', 0) == 0
    assert all(value.isfinite().all() for value in runner.model.state_dict().values())


def train_in_two_processes(rank: int, folder: Path) -> None:
    """The loss of the second process alone is infinite once, though its gradients are finite."""
    join(rank, 2, str(folder))
    DefaultScope.get_instance('two', scope_name='mmagic')
    from masasr_mm.models import MASA

    g_step = MASA.g_step

    def offset(self, *arguments):
        more = math.inf if rank == 1 and self.step_counter == 1 else 0
        return {name: loss + more for name, loss in g_step(self, *arguments).items()}

    MASA.g_step = offset
    separate = dict(type='MMSeparateDistributedDataParallel', device_ids=None)
    data = [item(number) for number in range(6)]
    options = dict(launcher='pytorch', cfg=dict(model_wrapper_cfg=separate))
    with pytest.raises(UserError) as caught:
        train(folder / f'work_{rank}', data, {}, **options)
    (folder / f'outcome_{rank}').write_text(str(caught.value))


def test_processes_stop_together(tmp_path):
    start_processes(train_in_two_processes, (tmp_path,), nprocs=2, start_method=START_METHOD)
    told = [(tmp_path / f'outcome_{rank}').read_text() for rank in range(2)]
    assert told[0] == told[1]
    assert told[0].startswith('iteration 2: loss_pix is inf (the step was taken)')
    assert 'input/003.png' in told[0]  # of the second process
