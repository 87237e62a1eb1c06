"""Work-arounds that take processes of their own: launchers without a GPU, and signals."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.commands import free_port, run_python, succeed
from tests.conftest import REPOSITORY

GROUP = """
import json, sys
from masasr_mm import compat
made = compat.init_process_group_without_gpu(sys.argv[1])
again = compat.init_process_group_without_gpu(sys.argv[1])
import torch
from mmengine.dist import all_reduce, get_backend, get_dist_info
rank, world_size = get_dist_info()
total = torch.tensor([rank + 1.0])
all_reduce(total)
with open(f'{sys.argv[2]}/{rank}.json', 'w') as file:
    json.dump([made, again, get_backend(), rank, world_size, total.item()], file)
torch.distributed.destroy_process_group()
"""


@pytest.mark.parametrize(
    ('launcher', 'variables'),
    [
        ('slurm', 'SLURM_PROCID={0} SLURM_NTASKS=2 SLURM_LOCALID={0}'),
        ('mpi', 'OMPI_COMM_WORLD_RANK={0} OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK={0} '
                'MASTER_ADDR=127.0.0.1'),
    ],
)  # fmt: skip
def test_launchers_without_a_gpu(launcher, variables, tmp_path):
    """torchrun is what test_distributed.py starts; Slurm's scontrol tells the first host."""
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text(
        '#!/bin/sh\n[ "$*" = "show hostnames" ] && printf "127.0.0.1\\n127.0.0.2\\n"\n'
    )
    scontrol.chmod(0o755)
    others = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('SLURM_', 'OMPI_', 'MASTER_'))
    }
    others.update(CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1', MASTER_PORT=free_port())
    others.update(PATH=f'{tmp_path}:{os.environ["PATH"]}', PYTHONPATH=str(REPOSITORY))
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', GROUP, launcher, str(tmp_path)],
            env=others | dict(item.split('=') for item in variables.format(rank).split()),
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    for rank in range(2):
        found = json.loads((tmp_path / f'{rank}.json').read_text())
        assert found == [True, False, 'gloo', rank, 2, 3.0]


COMPILED = """
import os, signal, sys
import numpy as np, openvino
from openvino import opset13
from masasr_mm.compat import keep_signal_stack

def compiled():
    x = opset13.parameter([1, 4], openvino.Type.f32)
    with keep_signal_stack():
        return openvino.compile_model(openvino.Model([opset13.relu(x)], [x]), 'CPU')

first, second = compiled(), compiled()
assert (second(np.ones((1, 4), np.float32))[0] == 1).all()
del first
del second
signal.signal(signal.SIGINT, lambda *_: print('handled'))
os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='of Linux alone')
def test_signals_are_handled_after_models_were_freed():
    """The older one first, as where few sizes are kept compiled; with AMX it was the end."""
    pytest.importorskip('openvino')
    result = run_python('-X', 'faulthandler', '-c', COMPILED)
    assert succeed(result).stdout == 'handled\n'
