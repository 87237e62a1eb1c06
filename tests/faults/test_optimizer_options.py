"""Gradient clipping, and the loss scaler of mixed precision over a checkpoint."""

from __future__ import annotations

import functools
import math

import pytest
import torch
from mmagic.registry import MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper

from masasr_mm.tensor_files import read_tensors, write_tensors
from tests.unit.engine.hooks.test_non_finite_guard import GAN, MODEL, item

NETWORKS = ('generator', 'discriminator')


def editor() -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build({**MODEL, **GAN})


def wrappers(model: torch.nn.Module, **options):
    config = dict(optimizer=dict(type='SGD', lr=1.0), **options)
    both = dict.fromkeys(NETWORKS, config)
    return build_optim_wrapper(model, dict(constructor='MultiOptimWrapperConstructor', **both))


def step(model: torch.nn.Module, optim_wrapper, number: int, value=None) -> dict[str, float]:
    """Train one step of SGD with lr 1; the norm of what has changed in each network."""
    before = {key: value.clone() for key, value in model.named_parameters()}
    entry = item(number, value)
    batch = dict(inputs=[entry['inputs']], data_samples=[entry['data_samples']])
    model.train_step(batch, optim_wrapper)
    change = {key: value.detach() - before[key] for key, value in model.named_parameters()}
    return {
        name: math.sqrt(
            sum(value.square().sum().item() for key, value in change.items() if name in key)
        )
        for name in NETWORKS
    }


def test_gradients_of_both_networks_are_clipped():
    model = editor()
    free = step(model, wrappers(model), 0)
    assert min(free.values()) > 1e-3
    limit = min(free.values()) / 10
    model = editor()
    clipped = step(model, wrappers(model, clip_grad=dict(max_norm=limit)), 0)
    for name in NETWORKS:
        assert clipped[name] == pytest.approx(limit, rel=1e-3), name
    model = editor()
    loose = step(model, wrappers(model, clip_grad=dict(max_norm=1e6)), 0)
    assert loose == pytest.approx(free, rel=1e-6)


def test_clipping_can_be_asked_for_on_the_command_line(small_config):
    from masasr_mm.config import load_config

    options = {'optim_wrapper.generator.clip_grad.max_norm': 0.5}
    config = load_config(str(small_config), options)
    assert config.optim_wrapper.generator.clip_grad == dict(max_norm=0.5)
    assert config.optim_wrapper.generator.optimizer.type == 'Adam'
    optim_wrapper = build_optim_wrapper(MODELS.build(MODEL), config.optim_wrapper)
    assert optim_wrapper['generator'].clip_grad_kwargs == dict(max_norm=0.5)


def test_the_loss_scaler_is_resumed(tmp_path, monkeypatch):
    """torch's scaler for the CPU stands for CUDA's; an overflow, here a NaN, halves its scale."""
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    scaler = functools.partial(torch.amp.GradScaler, 'cpu')
    monkeypatch.setattr(amp_optimizer_wrapper, 'GradScaler', scaler)
    scale = dict(init_scale=1024.0, growth_interval=3)

    def start():
        model = editor()
        return model, wrappers(model, type='AmpOptimWrapper', loss_scale=dict(scale))

    def run(model, optim_wrapper, numbers) -> None:
        for number in numbers:
            step(model, optim_wrapper, number, math.nan if number == 1 else None)

    def scales(optim_wrapper) -> list[dict]:
        return [optim_wrapper[name].loss_scaler.state_dict() for name in NETWORKS]

    model, optim_wrapper = start()
    run(model, optim_wrapper, range(4))
    saved = scales(optim_wrapper)
    assert saved[0]['scale'] == 512  # after the overflow
    assert saved[0]['_growth_tracker'] == 2  # good steps since then; one more doubles it
    content = dict(state_dict=model.state_dict(), optimizer=optim_wrapper.state_dict())
    write_tensors(content, tmp_path / 'iter_4.pth')
    run(model, optim_wrapper, range(4, 9))

    resumed, resumed_wrapper = start()
    checkpoint = read_tensors(tmp_path / 'iter_4.pth')
    resumed.load_state_dict(checkpoint['state_dict'])
    resumed_wrapper.load_state_dict(checkpoint['optimizer'])
    assert scales(resumed_wrapper) == saved
    run(resumed, resumed_wrapper, range(4, 9))
    assert scales(resumed_wrapper) == scales(optim_wrapper)
    for have, need in zip(resumed.parameters(), model.parameters()):
        assert torch.equal(have, need)
