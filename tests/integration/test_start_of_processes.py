"""Several processes go on from the same checkpoint, whatever each of them sees."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from torch.multiprocessing import start_processes

from masasr_mm.errors import UserError
from tests.scripts import load_tool
from tests.training import START_METHOD, join

CASES = dict(older=((10, 20), (10,)), nothing=((), (10,)), damaged=((0,), ()))
"""Iterations that the first and the second process see; 0 is a damaged file."""


def choose(rank: int, processes: int, store: str) -> None:
    """What tools/train.py does of --resume, where each process sees another folder."""
    join(rank, processes, store)
    for case in CASES:
        work_dir = f'{store}/{case}/seen_by_{rank}'
        config = Config(dict(work_dir=work_dir, resume=False, load_from='start.pth'))
        try:
            load_tool('train.py').choose_start(config, 'auto')
            result = f'{config.resume} {config.load_from}'
        except UserError as error:
            result = str(error)
        Path(store, case, f'result_{rank}').write_text(result)


def test_the_first_process_decides_for_all(tmp_path):
    """A shared disk shows the second machine an older state."""
    for case, seen in CASES.items():
        for rank, steps in enumerate(seen):
            folder = tmp_path / case / f'seen_by_{rank}'
            folder.mkdir(parents=True)
            for step in steps:
                meta = dict(iter=step, time=f'20260101_10{step:02d}00')
                content = dict(
                    meta=meta, state_dict={'x': torch.ones(9)}, message_hub={}, optimizer={}
                )
                torch.save(content, folder / f'iter_{step}.pth')
            if 0 in steps:
                (folder / 'iter_0.pth').write_bytes(b'half')
    start_processes(choose, (2, str(tmp_path)), nprocs=2, start_method=START_METHOD)
    results = {
        case: {(tmp_path / case / f'result_{rank}').read_text() for rank in range(2)}
        for case in CASES
    }
    assert results['older'] == {f'True {tmp_path}/older/seen_by_0/iter_20.pth'}
    assert results['nothing'] == {'False start.pth'}
    [line] = results['damaged']
    assert 'seen_by_0: none of its 1 checkpoints is whole' in line
