"""Weights in a folder as Hugging Face's hub keeps them: config.json beside model.safetensors."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from .. import weights
from ..errors import UserError
from ..files import check_outputs, written_whole
from .safetensors_file import read_safetensors, write_safetensors
from .state_dicts import PREFIX

CONFIG, WEIGHTS = 'config.json', 'model.safetensors'
REPOSITORY = re.compile(r'[\w.-]+/[\w.-]+')


def write_pretrained(
    generator: nn.Module,
    config: dict,
    folder: str | os.PathLike,
    dtype: torch.dtype = torch.float32,
    read: Iterable[str | os.PathLike] = (),
) -> None:
    """Write a network into a folder.

    Args:
        generator (nn.Module): The network.
        config (dict): What it was built from; numbers, texts, lists and dicts.
        folder (str | os.PathLike): The folder; it is made if needed.
        dtype (torch.dtype): In which the weights are stored; float16 takes half the place.
            Default: float32.
        read (Iterable[str | os.PathLike]): Files and folders that it came from. Default: none.

    Raises:
        UserError: If it cannot be written, would be written over what it came from, or is not
            finite in ``dtype``.
    """
    folder = Path(folder)
    inputs = (file for path in map(Path, read) for file in (path, path / CONFIG, path / WEIGHTS))
    check_outputs([folder / CONFIG, folder / WEIGHTS], inputs)
    state_dict = {name: value.to(dtype) for name, value in generator.state_dict().items()}
    for name, value in state_dict.items():
        if not value.isfinite().all():
            raise UserError(f"{folder}: '{name}' is not finite in {dtype}, and was not written")
    write_safetensors(state_dict, {}, folder / WEIGHTS)
    with written_whole(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(config, indent=2) + '\n', 'utf-8')


def read_pretrained(folder: str | os.PathLike) -> dict:
    """Read a folder in the form that other checkpoints have.

    Args:
        folder (str | os.PathLike): With ``config.json`` and ``model.safetensors``.

    Returns:
        dict: ``state_dict`` with keys under ``generator.``, and ``meta`` with the network's config
        as ``generator``.

    Raises:
        UserError: If a file is missing or cannot be read.
    """
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise UserError(f'{folder}: no weights, {name} is not in this folder')
    try:
        config = json.loads((folder / CONFIG).read_text('utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f'{folder / CONFIG}: not readable as JSON ({error})') from error
    if not isinstance(config, dict):
        raise UserError(f'{folder / CONFIG}: no config of a network')
    state_dict = read_safetensors(folder / WEIGHTS)['state_dict']
    return dict(
        state_dict={PREFIX + name: value for name, value in state_dict.items()},
        meta=dict(generator=config),
    )


def find_pretrained(name: str | os.PathLike) -> str:
    """Return a folder with weights, fetched from Hugging Face's hub where it is not here.

    Args:
        name (str | os.PathLike): A name of shipped weights, the folder, or ``owner/repository`` on
            the hub.

    Returns:
        str: The folder.

    Raises:
        UserError: If it is neither, is too large, or cannot be fetched.
    """
    if name in weights.NAMES:
        return str(weights.folder(name))
    if Path(name).is_dir():
        return str(name)
    if not REPOSITORY.fullmatch(str(name)):
        raise UserError(f'{name}: neither a folder nor a repository of the hub (owner/name)')
    try:
        return _fetch(str(name))
    except UserError:
        raise
    except Exception as error:  # the hub's own errors, those of requests, the disk's
        reason = ' '.join(str(error).split())
        raise UserError(f'{name}: cannot be fetched from the hub: {reason}') from error


def _fetch(name: str) -> str:
    """Return the folder in the hub's cache, which serves alone where the hub does not answer."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    from .downloads import MAX_BYTES, TIMEOUT

    for file in (CONFIG, WEIGHTS):
        with suppress(OSError):  # of which the download says what it means
            found = get_hf_file_metadata(hf_hub_url(name, file), timeout=TIMEOUT)
            if (found.size or 0) > MAX_BYTES:
                raise UserError(f'{name}: {file} is larger than {MAX_BYTES / 2**30:.3g} GiB')
        path = hf_hub_download(name, file, etag_timeout=TIMEOUT)
    return str(Path(path).parent)
