"""bfloat16 on CPUs: twice as fast where they have units for it, many times slower elsewhere."""

from __future__ import annotations

from .compat import cpu_has_bfloat16_units


def fastest_dtype(device: str) -> str:
    """Return in which type convolutions are computed fastest without a loss that is seen.

    Args:
        device (str): Such as 'cpu' or 'cuda:0'.

    Returns:
        str: 'bfloat16' on a CPU that has units for it, else 'float32'.
    """
    return 'bfloat16' if device == 'cpu' and cpu_has_bfloat16_units() else 'float32'


def warn_of_emulation(dtype: str, device: str, option: str) -> str | None:
    """Tell whether a type that was asked for is only imitated by the device.

    Args:
        dtype (str): 'float32', 'bfloat16' or 'float16'.
        device (str): Such as 'cpu' or 'cuda:0'.
        option (str): What the user gave, such as '--dtype bfloat16'.

    Returns:
        str | None: A line for the user, or None if all is well.
    """
    if dtype != 'bfloat16' or device != 'cpu' or cpu_has_bfloat16_units():
        return None
    return (
        f'warning: this CPU has no units for bfloat16 (avx512_bf16 or amx_bf16), so that {option} '
        'is many times slower than float32'
    )
