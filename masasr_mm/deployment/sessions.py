"""Opening ONNX files in onnxruntime, on a CPU or a GPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..errors import UserError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ON_CPU = 'CPUExecutionProvider'
PROVIDERS = {
    'cuda': ('CUDAExecutionProvider', 'ROCMExecutionProvider'),
    'dml': ('DmlExecutionProvider',),
    'cpu': (ON_CPU,),
}
"""What runs a network, by the name of the device; NVIDIA's and AMD's GPUs have the same name in
PyTorch, ``dml`` is any GPU on Windows. The first that is there is taken if no device is named."""


def open_session(path: str, device: str | None = None) -> InferenceSession:
    """Open an ONNX file.

    Args:
        path (str): The file.
        device (str, optional): 'cpu', 'cuda' or 'dml', with a number if there are several, such as
            'cuda:1'. Default: None, the best there is.

    Returns:
        onnxruntime.InferenceSession: Ready to run.

    Raises:
        UserError: If onnxruntime is missing or has nothing for the device, or the file is no such
            file.
    """
    if not Path(path).is_file():
        raise UserError(f'ONNX file not found: {path}')
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            'running an ONNX file needs onnxruntime: pip install -r requirements/export.txt'
        ) from error
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    provider, number = choose_provider(onnxruntime.get_available_providers(), device)
    wanted = [ON_CPU] if provider == ON_CPU else [(provider, dict(device_id=number)), ON_CPU]
    try:
        session = onnxruntime.InferenceSession(path, options, providers=wanted)
    except Exception as error:  # its errors have no common class that is public
        reason = str(error).strip().splitlines()[0]
        raise UserError(f'{path}: not an ONNX file that can be run ({reason})') from error
    if device is not None and session.get_providers()[0] != provider:
        raise UserError(
            f'device {device} cannot be used: onnxruntime has {provider}, but it does not start; '
            'see that the GPU and its libraries are there'
        )
    return session


def choose_provider(available: list[str], device: str | None) -> tuple[str, int]:
    """Choose what runs a network.

    Args:
        available (list[str]): What this onnxruntime was built with.
        device (str, optional): As in :func:`open_session`.

    Returns:
        tuple[str, int]: The provider, and the number of its device.

    Raises:
        UserError: If there is none for the device.
    """
    name, _, number = (device or '').partition(':')
    if (name and name not in PROVIDERS) or not (number or '0').isdecimal():
        raise UserError(
            f'device {device} cannot be used: onnxruntime runs on {", ".join(PROVIDERS)}'
        )
    for provider in PROVIDERS[name] if name else sum(PROVIDERS.values(), ()):
        if provider in available:
            return provider, int(number or 0)
    raise UserError(
        f'device {device} cannot be used: this onnxruntime has {", ".join(available)}; '
        'onnxruntime-gpu has CUDA, onnxruntime-directml any GPU on Windows'
    )
