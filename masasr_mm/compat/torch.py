"""What torch computes with and how exactly, and what it loads."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any


def precision_switches() -> list[tuple[Callable[[], Any], Callable[[Any], None], Any]]:
    """Return the settings that make products of float32 less exact: getter, setter, exact value.

    Torch 2.9 has one for each library and operation, and does not want them read by their older
    names once they were set; before, there are one for cuDNN and one for matrix products.
    """
    import torch

    if not hasattr(torch.backends.cudnn, 'conv'):
        return [
            (
                lambda: torch.backends.cudnn.allow_tf32,
                lambda value: setattr(torch.backends.cudnn, 'allow_tf32', value),
                False,
            ),
            (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, 'highest'),
        ]
    operations = (
        torch.backends.cudnn.conv,
        torch.backends.cuda.matmul,
        torch.backends.mkldnn.conv,
        torch.backends.mkldnn.matmul,
    )
    name = 'fp32_precision'
    return [
        (partial(getattr, operation, name), partial(setattr, operation, name), 'ieee')
        for operation in operations
    ]


def cpu_has_bfloat16_units() -> bool:
    """Tell whether this CPU multiplies bfloat16 itself, and torch knows how to.

    torch 2.14 imitates bfloat16 on all other CPUs, and tells only by functions of its own, which
    versions before 2.6 lack; then the answer is no.
    """
    import torch

    tests = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    return any(getattr(torch.cpu, name, lambda: False)() for name in tests)


def load_weights_only() -> None:
    """Make every ``torch.load`` of this process refuse files that would run code.

    torch 2.4 and 2.5 want to be told. A user's ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD`` is left alone.
    """
    if not os.environ.get('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'):
        os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'
