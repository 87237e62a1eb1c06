"""Several processes without a GPU, whatever starts them."""

from __future__ import annotations

import os
import subprocess

from ..errors import UserError

#: What torch.distributed reads from the environment, and where each launcher puts it.
LAUNCHER_VARIABLES = {
    'pytorch': dict(RANK='RANK', WORLD_SIZE='WORLD_SIZE', MASTER_ADDR='MASTER_ADDR'),
    'slurm': dict(RANK='SLURM_PROCID', WORLD_SIZE='SLURM_NTASKS', LOCAL_RANK='SLURM_LOCALID'),
    'mpi': dict(
        RANK='OMPI_COMM_WORLD_RANK',
        WORLD_SIZE='OMPI_COMM_WORLD_SIZE',
        LOCAL_RANK='OMPI_COMM_WORLD_LOCAL_RANK',
        MASTER_ADDR='MASTER_ADDR',
    ),
}


def init_process_group_without_gpu(launcher: str) -> bool:
    """Set up ``torch.distributed`` with gloo where there is no accelerator.

    mmengine's (0.10.7) ``init_dist`` calls ``torch.cuda.set_device`` whatever the backend, which
    fails without a GPU; its Runner skips that step where a process group exists. Call this before
    the Runner is built. With a GPU (or another accelerator that mmengine sets up) nothing is done,
    and the config's backend is used.

    Args:
        launcher (str): ``none``, ``pytorch`` (torchrun), ``slurm`` or ``mpi``, as for the Runner.

    Returns:
        bool: Whether a process group was made.

    Raises:
        UserError: If the environment is not one that this launcher makes.
    """
    from mmengine.device import get_device
    from torch import distributed

    # Apple's mps has no backend of its own, so its processes use gloo, too.
    if launcher == 'none' or get_device() not in ('cpu', 'mps') or distributed.is_initialized():
        return False
    _set_torch_variables(launcher)
    distributed.init_process_group('gloo')
    return True


def _set_torch_variables(launcher: str) -> None:
    """Translate a launcher's environment variables into those that torch.distributed reads."""
    for name, source in LAUNCHER_VARIABLES[launcher].items():
        if source not in os.environ:
            raise UserError(
                f'--launcher {launcher}: the environment variable {source} is not set; that '
                'launcher must start the processes (see tools/dist_train.sh, tools/slurm_train.sh)'
            )
        os.environ[name] = os.environ[source]
    os.environ.setdefault('MASTER_PORT', '29500')
    if launcher == 'slurm' and 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_slurm_host()


def _first_slurm_host() -> str:
    """Return the first host of this Slurm job, where the process of rank 0 is."""
    command = ['scontrol', 'show', 'hostnames']  # of the variable SLURM_JOB_NODELIST
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        return result.stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise UserError(
            '--launcher slurm: scontrol does not tell the hosts of the job; set MASTER_ADDR to the '
            'host of rank 0'
        ) from error
