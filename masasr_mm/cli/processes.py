"""One command in the processes of torchrun, srun or mpirun: who does which photos, and the end."""

from __future__ import annotations

import os
import pickle
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..compat.mmengine import set_torch_variables
from ..errors import UserError
from ..photos.jobs import Job, Plan

if TYPE_CHECKING:
    from torch.distributed import Store

    from ..photos.report import Outcome

COUNTS = dict(pytorch='WORLD_SIZE', mpi='OMPI_COMM_WORLD_SIZE', slurm='SLURM_STEP_NUM_TASKS')
"""Where launchers say how many processes there are. mmengine's ``infer_launcher`` takes a process
of mpirun, or a plain one, for Slurm's wherever it runs in a job of Slurm."""
LOCAL_COUNTS = dict(
    pytorch='LOCAL_WORLD_SIZE',
    mpi='OMPI_COMM_WORLD_LOCAL_SIZE',
    slurm='SLURM_STEP_TASKS_PER_NODE',
)
"""Where they say how many of them run in this machine."""
BEAT, SILENCE = 2.0, 60.0
"""Seconds between two signs of life of a process, and after which it counts as dead."""


class Processes:
    """The processes of one command; the first plans, and says what became of all photos.

    They meet at torch.distributed's store alone: a process group would fail with its first member.
    """

    def __init__(
        self, rank: int = 0, count: int = 1, local_rank: int = 0, store: Store | None = None
    ) -> None:
        self.rank, self.count, self.local_rank = rank, count, local_rank
        self._store, self._started = store, False

    @property
    def first(self) -> bool:
        """Whether this process plans and reports."""
        return self.rank == 0

    def device(self, device: str | None) -> str | None:
        """Return the GPU of this process where no single device is asked for."""
        import torch

        if self.count == 1 or device not in (None, 'cuda') or not torch.cuda.is_available():
            return device
        return f'cuda:{self.local_rank % torch.cuda.device_count()}'

    def plan(self) -> Plan:
        """Wait for what the first process has planned."""
        try:
            plan = pickle.loads(self._store.get('plan'))
        except RuntimeError as error:
            raise UserError(f'process {self.rank}: the first process has ended') from error
        if plan is None:
            raise SystemExit(2)  # it has said why
        return plan

    def start(self, plan: Plan | None) -> None:
        """Let the others begin, or end where there is no plan; begin to give signs of life."""
        if self._store is None or self._started:
            return
        self._started = True
        if self.first:
            self._store.set('plan', pickle.dumps(plan))
        else:
            threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        with suppress(RuntimeError):  # the first process may have died; its photos are its own
            while True:
                self._store.add(f'beat/{self.rank}', 1)
                time.sleep(BEAT)

    def share(self, jobs: Sequence[Job], rank: int | None = None) -> list[int]:
        """Return which jobs are those of a process; what needs no work is left to the first."""
        rank = self.rank if rank is None else rank
        idle = [i for i, job in enumerate(jobs) if job.done or job.problem]
        ahead = [i for i, job in enumerate(jobs) if not (job.done or job.problem)]
        return sorted([*ahead[rank :: self.count], *(idle if rank == 0 else ())])

    def report(self, index: int, outcome: Outcome) -> None:
        """Let the first process know what became of a photo."""
        if not self.first:
            with suppress(RuntimeError):
                self._store.set(f'outcome/{index}', pickle.dumps(outcome))

    def outcomes(self, total: int) -> dict[int, Outcome]:
        """Return what the other processes have reported so far."""
        if self._store is None or not self.first:
            return {}
        keys = {index: f'outcome/{index}' for index in range(total)}
        known = [index for index, key in keys.items() if self._store.check([key])]
        return {index: pickle.loads(self._store.get(keys[index])) for index in known}

    def wait(self, jobs: Sequence[Job]) -> Iterator[str]:
        """Wait until the others are done; yield a line on each that ended before."""
        for rank in range(1, self.count) if self.first else ():
            keys = [f'outcome/{index}' for index in self.share(jobs, rank)]
            beats, since = -1, time.monotonic()
            while not self._store.check(keys):
                now = self._store.add(f'beat/{rank}', 0)
                if now != beats:
                    beats, since = now, time.monotonic()
                if self._store.check([f'end/{rank}']) or time.monotonic() - since > SILENCE:
                    left = sum(not self._store.check([key]) for key in keys)
                    yield (
                        f'process {rank} ended before {left} of its photos were done; run the '
                        'command again with --skip-existing'
                    )
                    break
                time.sleep(0.1)

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):
            self.start(None)
            if not self.first:
                self._store.set(f'end/{self.rank}', '')


def join() -> Processes:
    """Find the processes that a launcher started with this one, and take a share of the cores."""
    started = [kind for kind, name in COUNTS.items() if int(os.environ.get(name) or 1) > 1]
    if not started:
        return Processes()
    import torch
    from torch.distributed import PrefixStore, rendezvous

    launcher = started[0]
    counts = os.environ.get(LOCAL_COUNTS[launcher], '1')
    local_count = int(re.match(r'\d*', counts).group() or 1)  # Slurm's is such as 4(x2),3
    if local_count == int(os.environ[COUNTS[launcher]]):
        os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    set_torch_variables(launcher)
    os.environ['LOCAL_WORLD_SIZE'] = str(local_count)
    torch.set_num_threads(cores_of_one(local_count))
    store, rank, count = next(rendezvous('env://'))
    # torchrun keeps its store when it starts the processes again.
    attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')
    store = PrefixStore(f'photos/{attempt}', store)
    return Processes(rank, count, int(os.environ.get('LOCAL_RANK', '0')), store)


def cores_of_one(local_count: int) -> int:
    """Return how many cores each process of a machine gets; srun and mpirun may have seen to it."""
    if not hasattr(os, 'sched_getaffinity'):
        return max(1, os.cpu_count() // local_count)
    mine = len(os.sched_getaffinity(0))
    bound = 'TORCHELASTIC_RUN_ID' not in os.environ and mine < os.cpu_count()
    return mine if bound else max(1, mine // local_count)
