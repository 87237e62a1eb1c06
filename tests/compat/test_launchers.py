"""Two processes without a GPU, started in every way."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from masasr_mm import compat
from masasr_mm.errors import UserError

from .alone import COMPAT_ALONE


def free_port() -> str:
    """Return a port that nobody uses."""
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return str(server.getsockname()[1])


class TestInitProcessGroupWithoutGPU:
    SCRIPT = COMPAT_ALONE + textwrap.dedent("""
        import json
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
    """)

    @pytest.fixture
    def environment(self, tmp_path) -> dict[str, str]:
        """Environment variables without a GPU or a launcher, with Slurm's scontrol."""
        scontrol = tmp_path / 'scontrol'
        scontrol.write_text(
            '#!/bin/sh\n[ "$*" = "show hostnames" ] && printf "127.0.0.1\\n127.0.0.2\\n"\n'
        )
        scontrol.chmod(0o755)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(('SLURM_', 'OMPI_', 'MASTER_'))
        }
        path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
        return {**kept, 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1', 'PATH': path}

    def check(self, folder: Path):
        for rank in range(2):
            assert json.loads((folder / f'{rank}.json').read_text()) == [
                True, False, 'gloo', rank, 2, 3.0,
            ]  # fmt: skip

    def test_torchrun(self, environment, tmp_path):
        script = tmp_path / 'script.py'
        script.write_text(self.SCRIPT)
        torchrun = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2']
        command = [*torchrun, f'--master_port={free_port()}', script, 'pytorch', tmp_path]
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert result.returncode == 0, result.stderr
        self.check(tmp_path)

    @pytest.mark.parametrize(
        ('launcher', 'variables'),
        [
            ('slurm', dict(SLURM_PROCID='{}', SLURM_NTASKS='2', SLURM_LOCALID='{}')),
            (
                'mpi',
                dict(
                    OMPI_COMM_WORLD_RANK='{}',
                    OMPI_COMM_WORLD_SIZE='2',
                    OMPI_COMM_WORLD_LOCAL_RANK='{}',
                    MASTER_ADDR='127.0.0.1',
                ),
            ),
        ],
    )
    def test_other_launchers(self, launcher, variables, environment, tmp_path):
        environment['MASTER_PORT'] = free_port()
        processes = [
            subprocess.Popen(
                [sys.executable, '-c', self.SCRIPT, launcher, str(tmp_path)],
                env={**environment, **{k: v.format(rank) for k, v in variables.items()}},
            )
            for rank in range(2)
        ]
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
        self.check(tmp_path)

    def test_nothing_to_do(self, monkeypatch):
        assert compat.init_process_group_without_gpu('none') is False
        monkeypatch.setattr('mmengine.device.get_device', lambda: 'cuda')
        assert compat.init_process_group_without_gpu('pytorch') is False
        assert not torch.distributed.is_initialized()

    @pytest.mark.parametrize(
        ('launcher', 'variable'),
        [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK')],
    )
    def test_not_started_by_the_launcher(self, launcher, variable, monkeypatch):
        monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
        monkeypatch.delenv(variable, raising=False)
        with pytest.raises(UserError, match=f'--launcher {launcher}: .* {variable} is not set'):
            compat.init_process_group_without_gpu(launcher)

    def test_slurm_without_scontrol(self, monkeypatch, tmp_path):
        monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
        for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_PORT'):
            monkeypatch.setenv(name, '0')
        for name in compat.LAUNCHER_VARIABLES['slurm'].values():
            monkeypatch.setenv(name, '0')
        monkeypatch.delenv('MASTER_ADDR', raising=False)
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(UserError, match='set MASTER_ADDR'):
            compat.init_process_group_without_gpu('slurm')
