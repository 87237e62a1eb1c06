"""What torch computes with and how exactly, and what it loads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_lock = threading.Lock()
_users = 0
_settings: list[tuple[Callable, Any]] = []


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


@contextmanager
def exact_products() -> Iterator[None]:
    """Let convolutions and matrix products of float32 be computed in float32, for a while.

    cuDNN's convolutions take TF32 by default, of 10 bits for float32's 23, and
    ``torch.set_float32_matmul_precision`` can ask for that or for bfloat16, on the CPU, too.
    These are settings of the whole process: while any thread is in here they are exact for all,
    and when the last one leaves they are as before.
    """
    global _users  # noqa: PLW0603  (so are the settings)
    with _lock:
        _users += 1
        if _users == 1:
            for get, put, exact in precision_switches():
                _settings.append((put, get()))
                put(exact)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            while not _users and _settings:
                put, before = _settings.pop()
                put(before)


def cpu_has_bfloat16_units() -> bool:
    """Return whether this CPU multiplies bfloat16 itself, and torch knows how to.

    torch 2.14 imitates bfloat16 on all other CPUs, and says so only by functions of its own, which
    versions before 2.6 lack; then the answer is no.
    """
    import torch

    tests = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    return any(getattr(torch.cpu, name, lambda: False)() for name in tests)


def with_repeated_border(image: Tensor, margin: int) -> Tensor:
    """Return an image (N, C, H, W) with its border repeated on all sides.

    Compiled, its pixels are gathered: torch 2.14's compiler for the CPU expects another layout of
    the gradient of ``pad`` than it gets where channels lie last, and stops.
    """
    import torch
    from torch.nn import functional

    if not torch.compiler.is_compiling():
        return functional.pad(image, [margin] * 4, mode='replicate')
    rows, columns = (
        torch.arange(-margin, length + margin, device=image.device).clamp(0, length - 1)
        for length in image.shape[2:]
    )
    return image[:, :, rows[:, None], columns]


def load_weights_only() -> None:
    """Make every ``torch.load`` of this process refuse files that would run code.

    torch 2.4 and 2.5 have to be asked. A user's ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD`` is left alone.
    """
    if not os.environ.get('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'):
        os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'
