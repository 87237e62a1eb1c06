"""What OpenVINO runs on, and in which precision."""

from __future__ import annotations

from ..errors import UserError
from .openvino_file import import_openvino

HINTS = dict(float32='f32', bfloat16='bf16', float16='f16')
"""What OpenVINO calls a type in its settings."""
UNITS = dict(float32='FP32', bfloat16='BF16', float16='FP16')
"""What it calls it where it tells what a device is made for."""


def find_device(name: str) -> str:
    """See that OpenVINO has a device.

    Args:
        name (str): Such as 'cpu', 'gpu' or 'gpu.1'.

    Returns:
        str: As OpenVINO calls it.

    Raises:
        UserError: If it is not there.
    """
    available = import_openvino().Core().available_devices
    if name.upper() not in available:
        raise UserError(
            f'device {name} cannot be used: OpenVINO finds {", ".join(available).lower()}'
        )
    return name.upper()


def choose_dtype(dtype: str, device: str) -> str:
    """See that a device computes in a type, or choose one.

    Args:
        dtype (str): 'float32', 'bfloat16' or 'float16'; or 'auto', which is bfloat16 on a device
            that has units for it, else float32.
        device (str): As :func:`find_device` returns it.

    Returns:
        str: 'float32', 'bfloat16' or 'float16'.

    Raises:
        UserError: If there is no such type, or the device does not compute in it.
    """
    if dtype not in (*UNITS, 'auto'):
        raise UserError(f'dtype must be one of auto, {", ".join(UNITS)}, not {dtype}')
    there = import_openvino().Core().get_property(device, 'OPTIMIZATION_CAPABILITIES')
    if dtype == 'auto':
        return 'bfloat16' if UNITS['bfloat16'] in there else 'float32'
    if UNITS[dtype] not in there and dtype != 'float32':
        raise UserError(f'dtype {dtype} cannot be used: {device} has no units for it')
    return dtype
