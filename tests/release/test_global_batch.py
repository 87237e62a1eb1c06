"""The batch of all processes: statistics, rows and gradients are those of one process."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.multiprocessing import start_processes

from masasr_mm.models.discriminator import gather_batch, use_global_batch
from tests.training import START_METHOD, join

PROCESSES, ROWS = 2, 3


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 1)
    ).double()


def images() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(PROCESSES * ROWS, 2, 6, 6, generator=generator, dtype=torch.double)


def loss(scores: Tensor) -> Tensor:
    """Compares every score with the mean of all, as the relativistic loss does."""
    return (scores - scores.mean() - 1).exp().mean()


def _in_process(rank: int, folder: Path) -> None:
    join(rank, PROCESSES, str(folder))
    model = network()
    use_global_batch(model)
    wrapped = nn.parallel.DistributedDataParallel(model)
    own = images()[rank * ROWS : (rank + 1) * ROWS].requires_grad_()
    scores = gather_batch(wrapped(own))
    loss(scores).backward()
    result = dict(scores=scores.detach(), state=model.state_dict(), image=own.grad / PROCESSES)
    result['gradients'] = [parameter.grad for parameter in model.parameters()]
    torch.save(result, folder / f'{rank}.pt')
    torch.distributed.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    start_processes(_in_process, (tmp_path,), nprocs=PROCESSES, start_method=START_METHOD)
    found = [torch.load(tmp_path / f'{rank}.pt') for rank in range(PROCESSES)]
    model, whole = network(), images().requires_grad_()
    scores = model(whole)
    loss(scores).backward()
    for part in found:
        torch.testing.assert_close(part['scores'], scores.detach())
        for parameter, gradient in zip(model.parameters(), part['gradients']):
            torch.testing.assert_close(gradient, parameter.grad)
        torch.testing.assert_close(part['state'], model.state_dict())
    image = torch.cat([part['image'] for part in found])
    torch.testing.assert_close(image, whole.grad)
