"""Kill a training again and again, resume it each time, and see that nothing was lost.

A tiny training with all losses, loader workers and random augmentation is killed with SIGKILL at
random moments, and at the worst ones while a checkpoint is being written. In the end its weights,
optimizers, schedulers, loss history, best score and random numbers must be, to the bit, those of
a run that nobody touched.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from mmengine.config import Config
from rich.console import Console
from rich.progress import track
from rich.table import Table

from masasr_mm.engine import whole_files
from masasr_mm.engine.resume import WholeCheckpointHook
from masasr_mm.engine.resume import checkpoint as whole_checkpoint
from masasr_mm.engine.whole_files import WholeFileBackend
from masasr_mm.files import written_whole
from tests.training import (
    START_METHOD,
    differences,
    make_data,
    tiny_config,
    train_here,
    training_state,
)


def die(*args: object, **options: object) -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def half_written(backend: WholeFileBackend, content: bytes, path: str) -> None:
    """Die with half of a file written."""
    with written_whole(path) as temporary:
        temporary.write_bytes(content[: len(content) // 2])
        die()


#: The worst moments of writing a checkpoint, and what brings death there.
MOMENTS: dict[str, Callable[[], object]] = {
    'with half of a checkpoint written': lambda: mock.patch.object(
        WholeFileBackend, 'put', half_written
    ),
    'with a checkpoint written but not named': lambda: mock.patch.object(
        whole_files.os, 'fsync', die
    ),
    'between a checkpoint and last_checkpoint': lambda: mock.patch.object(
        whole_checkpoint, 'written_whole', die
    ),
    'before an outdated checkpoint is removed': lambda: mock.patch.object(
        WholeCheckpointHook, '_remove', die
    ),
}
ANY_TIME = 'at a random moment'
#: Seconds after which a process is taken for one that hangs, and killed.
PATIENCE = 300


def live(config: Config, log: Path, moment: str | None) -> None:
    """Train in this process until the end, or until death at a given moment."""
    with log.open('ab') as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    torch.set_num_threads(1)
    if moment in MOMENTS:
        MOMENTS[moment]().start()
    train_here(config)


def run(config: Config, log: Path, moment: str | None = None, seconds: float | None = None) -> int:
    """Train in a process of its own; kill it after some seconds.

    Returns:
        int: Its exit status, -9 if it was killed.
    """
    process = get_context(START_METHOD).Process(target=live, args=(config, log, moment))
    process.start()
    process.join(PATIENCE if seconds is None else seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def newest(work_dir: Path) -> str:
    """Return the name of the newest checkpoint."""
    paths = sorted(work_dir.glob('iter_*.pth'), key=lambda path: path.stat().st_mtime)
    return paths[-1].name if paths else 'none'


def kill_and_resume(folder: Path, kills: int, iterations: int, seed: int) -> tuple[Table, list]:
    """Do what this script is for.

    Returns:
        tuple[Table, list]: The kills, and the names of what differs in the end.
    """
    draw, log = random.Random(seed), folder / 'log'
    make_data(folder / 'data')
    options = dict(workers=1, train_cfg__max_iters=iterations)
    options['default_hooks__logger__interval'] = 100
    unbroken, killed = (
        tiny_config(folder / 'data', folder / name, **options) for name in ('unbroken', 'killed')
    )
    work_dir = Path(killed.work_dir)
    # The first process of all waits for the imports of the server that it is forked from.
    first = get_context(START_METHOD).Process(target=int)
    first.start()
    first.join()
    start = time.monotonic()
    if run(unbroken, log):
        raise SystemExit(f'the training itself fails:\n{log.read_text()[-2000:]}')
    # Enough for some iterations, too little for all of them before the last kill.
    longest = min(0.4, 4 / kills) * (time.monotonic() - start)

    table = Table('kill', 'when', 'newest checkpoint then', 'unfinished file')
    count = 0
    for count in track(range(1, kills + 1), description='killing'):
        moment = draw.choice([ANY_TIME, ANY_TIME, *MOMENTS])
        seconds = draw.uniform(0, longest) if moment == ANY_TIME else None
        status = run(killed, log, moment, seconds)
        if status != -signal.SIGKILL:
            break
        when = f'{moment}, {seconds:.1f} s' if seconds else moment
        unfinished = len(list(work_dir.glob('.*.pth')))
        table.add_row(str(count), when, newest(work_dir), str(unfinished))
    if run(killed, log):
        raise SystemExit(f'the resumed training fails:\n{log.read_text()[-2000:]}')
    name = f'iter_{iterations}.pth'
    wrong = differences(training_state(work_dir / name), training_state(folder / 'unbroken' / name))
    if table.row_count < kills:
        wrong.append(f'only {table.row_count} kills: raise --iterations')
    wrong += [str(path) for path in work_dir.glob('.*.pth')]
    return table, wrong


def main(arguments: list[str] | None = None) -> int:
    """Run the script; the exit status is 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--iterations', type=int, default=100)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        table, wrong = kill_and_resume(
            Path(folder), options.kills, options.iterations, options.seed
        )
    console = Console()
    console.print(table)
    verdict = f'{len(wrong)} differences: {wrong[:5]}' if wrong else 'equal to the bit'
    console.print(f'{table.row_count} kills, against the run that was not killed: {verdict}')
    return int(bool(wrong))


if __name__ == '__main__':
    sys.exit(main())
