"""bfloat16 on CPUs: twice as fast where they have units for it, many times slower elsewhere."""

from __future__ import annotations

import sys

import torch

from .compat import cpu_has_bfloat16_units


def fastest_dtype(device: str) -> str:
    """Return in which type convolutions are computed fastest without a loss that is seen.

    Args:
        device (str): Such as 'cpu' or 'cuda:0'.

    Returns:
        str: 'bfloat16' on a CPU that has units for it, else 'float32'.
    """
    on_cpu = torch.device(device).type == 'cpu'
    return 'bfloat16' if on_cpu and cpu_has_bfloat16_units() else 'float32'


def warn_of_emulation(option: str, dtype: str | None, device: str) -> None:
    """Tell the user, on standard error, if the device only imitates the type that was asked for.

    Args:
        option (str): The option that the type was given with, such as '--dtype'.
        dtype (str, optional): 'float32', 'bfloat16' or 'float16'; None if none was given.
        device (str): Such as 'cpu' or 'cuda:0'.
    """
    on_cpu = torch.device(device).type == 'cpu'
    if dtype == 'bfloat16' and on_cpu and not cpu_has_bfloat16_units():
        print(
            'warning: this CPU has no units for bfloat16 (avx512_bf16 or amx_bf16), so that '
            f'{option} bfloat16 is many times slower than float32',
            file=sys.stderr,
            flush=True,
        )
