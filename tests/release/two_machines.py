"""Two "machines" on one: two torchrun agents with one rendezvous train and test together.

Each agent is ``tools/dist_train.sh`` with ``NNODES=2``, its own ``NODE_RANK`` and two processes.
Together they must train what one process does with the same global batch, test every image once,
and end, both of them, within a minute after a process of either was killed.
"""

from __future__ import annotations

import argparse
import csv
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from masasr_mm.tensor_files import read_tensors
from tests.conftest import REPOSITORY
from tests.training import make_data, plain_descent, tiny_config, train

NODES, PROCESSES = 2, 2
MINUTE = 60


def start(folder: Path, *command: object) -> list[subprocess.Popen]:
    """Run a script of ``tools/`` on both "machines"."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    common = dict(
        os.environ,
        NNODES=str(NODES),
        PORT=str(port),
        PYTHONPATH=str(REPOSITORY),
        PYTHONWARNINGS='ignore',
    )
    return [
        subprocess.Popen(
            ['bash', *map(str, command)],
            cwd=REPOSITORY,
            env=dict(common, NODE_RANK=str(node)),
            stdout=(folder / f'node {node}').open('a'),
            stderr=subprocess.STDOUT,
        )
        for node in range(NODES)
    ]


def finish(agents: list[subprocess.Popen], folder: Path) -> list[tuple[int, float]]:
    """Wait for both agents; return the exit status of each and when it ended."""
    ended: dict[int, tuple[int, float]] = {}
    deadline = time.time() + 10 * MINUTE
    while len(ended) < NODES and time.time() < deadline:
        for node, agent in enumerate(agents):
            if node not in ended and agent.poll() is not None:
                ended[node] = (agent.returncode, time.time())
        time.sleep(0.1)
    for agent in agents:
        agent.kill()
    if len(ended) < NODES:
        raise SystemExit(f'hangs; see the end of {(folder / "node 0").read_text()[-2000:]}')
    return [ended[node] for node in range(NODES)]


def training(folder: Path, data: Path) -> tuple[str, bool]:
    """Train with four processes on two machines and with one; compare the weights."""
    configs = [
        plain_descent(data, folder / name, batch, workers)
        for name, batch, workers in (('machines', 1, 1), ('one', 4, 0))
    ]
    configs[0].dump(folder / 'train.py')
    ended = finish(start(folder, 'tools/dist_train.sh', folder / 'train.py', PROCESSES), folder)
    if any(status for status, _ in ended):
        raise SystemExit((folder / 'node 0').read_text()[-2000:])
    train(configs[1])
    ours, one = (
        read_tensors(folder / name / 'iter_2.pth')['state_dict'] for name in ('machines', 'one')
    )
    apart = max(float((ours[key] - one[key]).abs().max()) for key in one)
    size = max(float(value.abs().max()) for key, value in one.items() if 'conv' in key)
    return f'largest difference of a weight {apart:.1e} (of {size:.2f})', apart < 1e-4


def testing(folder: Path) -> tuple[str, bool]:
    """Test three images in four processes."""
    config = Config.fromfile(folder / 'train.py')
    config.custom_hooks = [dict(type='PerImageMetricsHook', out_dir=str(folder / 'table'))]
    config.test_dataloader = config.val_dataloader
    config.dump(folder / 'test.py')
    checkpoint = folder / 'machines' / 'iter_2.pth'
    agents = start(folder, 'tools/dist_test.sh', folder / 'test.py', checkpoint, PROCESSES)
    ended = finish(agents, folder)
    with (folder / 'table' / 'metrics.csv').open(newline='', encoding='utf-8') as file:
        images = sorted(row['image'] for row in csv.DictReader(file))
    good = images == [f'{index:03d}_0.png' for index in range(3)]
    return f'images: {", ".join(images)}', good and not any(status for status, _ in ended)


def dying(folder: Path, data: Path, rank: int) -> tuple[str, bool]:
    """Kill a process in the middle of a training without end."""
    config = tiny_config(data, folder / 'dying', train_cfg__max_iters=100000)
    config.custom_imports.imports.append('tests.dying_rank')
    marker = folder / f'died {rank}'
    config.custom_hooks.append(dict(type='DyingRank', rank=rank, iteration=3, marker=str(marker)))
    config.dump(folder / 'dying.py')
    ended = finish(start(folder, 'tools/dist_train.sh', folder / 'dying.py', PROCESSES), folder)
    died = marker.stat().st_mtime
    seconds = [moment - died for _, moment in ended]
    text = f'agents ended after {seconds[0]:.0f} and {seconds[1]:.0f} s'
    text += f' with status {ended[0][0]} and {ended[1][0]}'
    return text, max(seconds) < MINUTE and all(status for status, _ in ended)


def main() -> int:
    """Run the script; the exit status is 0 if all is as it should be."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    table = Table('what', 'found', 'as it should be')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder / 'data')
        results = [('training, 2 machines × 2 processes', *training(folder, folder / 'data'))]
        results.append(('testing 3 images in 4 processes', *testing(folder)))
        for rank in (1, 3):
            results.append((f'rank {rank} killed', *dying(folder, folder / 'data', rank)))
    for what, found, good in results:
        table.add_row(what, found, 'yes' if good else 'NO')
    Console().print(table)
    return int(not all(good for *_, good in results))


if __name__ == '__main__':
    sys.exit(main())
