"""Where checkpoints are: in this package, on the net, on Hugging Face's hub, in a folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import torch
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from torch import nn

from .. import weights
from ..errors import UserError
from ..files import check_outputs, write_text, written_whole
from ..tensor_files import read_tensors, write_tensors
from .formats import PREFIX

CHECKSUM = re.compile(r'-(?=[0-9]*[a-f])([0-9a-f]{8,64})\.[^.]+$')
"""PyTorch's and OpenMMLab's way of naming files: the first digits of the SHA-256 at the end.

Decimal digits alone are a date or an iteration; no more than one in forty checksums looks so.
"""
TIMEOUT = 30.0
"""Seconds that a server may take to answer, and to send ``MIN_BYTES``."""
MIN_BYTES = 2**15
MAX_BYTES = 2**32
"""The largest file that is fetched; the networks of this package have some 10⁷ to 10⁸ bytes."""
MAX_CONFIG = 1_000_000
"""Bytes of ``config.json``; those of this package have some 500."""
CONFIG, WEIGHTS = 'config.json', 'model.safetensors'
"""The files of a folder in Hugging Face's layout."""
REPOSITORY = re.compile(r'[\w.-]+/[\w.-]+')


def local_file(checkpoint: str | os.PathLike) -> str:
    """Return the file or folder of a checkpoint, downloaded first if it is given as a URL.

    A name of shipped weights (:data:`masasr_mm.weights.NAMES`) goes before a file of that name,
    which ``./name`` gives; ``masasr_mm://`` may stand before any of them. A download is kept in
    torch's cache (``TORCH_HOME``). Where its name ends in a checksum, as in ``masa-1a2b3c4d.pth``,
    it must have that: 8 to 64 hexadecimal digits in lower case, one of them a letter.
    """
    url = str(checkpoint).removeprefix(weights.SCHEME)
    if url in weights.NAMES:
        return str(weights.folder(url))
    if not url.startswith(('https://', 'http://')):
        return url
    name = Path(unquote(urlsplit(url).path)).name
    if name in ('', '..') or '\0' in name:
        raise UserError(f'{url}: names no file')
    # Of two files of one name from two places each has its own.
    place = hashlib.sha256(url.encode()).hexdigest()[:8]
    file = Path(torch.hub.get_dir()) / 'checkpoints' / 'masasr_mm' / place / name
    if not file.is_file():
        _download(url, file)
    return str(file)


def files_of(checkpoint: str | os.PathLike) -> list[str]:
    """Return the files that a checkpoint is read from, as :func:`local_file` takes it."""
    path = local_file(checkpoint)
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(path, name) for name in (CONFIG, WEIGHTS)]


def pretrained_folder(name: str | os.PathLike) -> str:
    """Return a folder in Hugging Face's layout: shipped, here, or the hub's owner/name."""
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


def read_folder(folder: Path) -> dict:
    """Read a folder in Hugging Face's layout; the network's config is ``meta['generator']``."""
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise UserError(f'{folder}: no weights, {name} is not in this folder')
    try:
        if (folder / CONFIG).stat().st_size > MAX_CONFIG:
            raise ValueError(f'more than {MAX_CONFIG} bytes')
        config = json.loads((folder / CONFIG).read_text('utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f'{folder / CONFIG}: not readable as JSON ({error})') from error
    if not isinstance(config, dict):
        raise UserError(f'{folder / CONFIG}: no config of a network')
    state_dict = read_tensors(folder / WEIGHTS)['state_dict']
    return dict(
        state_dict={PREFIX + name: value for name, value in state_dict.items()},
        meta=dict(generator=config),
    )


def save_pretrained(
    generator: nn.Module,
    config: dict,
    folder: str | os.PathLike,
    dtype: torch.dtype = torch.float32,
    read: Iterable[str | os.PathLike] = (),
) -> None:
    """Write a network in Hugging Face's layout, not over the files that it was ``read`` from."""
    folder = Path(folder)
    check_outputs([folder / CONFIG, folder / WEIGHTS], read)
    state_dict = {name: value.to(dtype) for name, value in generator.state_dict().items()}
    for name, value in state_dict.items():
        if not value.isfinite().all():
            raise UserError(f"{folder}: '{name}' is not finite in {dtype}, and was not written")
    write_tensors(dict(state_dict=state_dict), folder / WEIGHTS)
    write_text(folder / CONFIG, json.dumps(config, indent=2) + '\n')


def _download(url: str, file: Path) -> None:
    """Fetch a checkpoint, and keep it if it is whole and readable."""
    claimed, digest = CHECKSUM.search(file.name), hashlib.sha256()
    with written_whole(file) as temporary:
        with temporary.open('wb') as content:
            for part in _parts(url):
                digest.update(part)
                content.write(part)
        found = digest.hexdigest()
        if claimed and not found.startswith(claimed[1]):
            raise UserError(
                f'{url}: not the file of that checksum, and not kept: its SHA-256 begins with '
                f'{found[:8]}, its name says {claimed[1]}'
            )
        try:
            read_tensors(temporary)
        except UserError as error:
            reason = str(error).removeprefix(f'{temporary}: ')
            raise UserError(f'{url}: not kept, {reason}') from error


def _parts(url: str) -> Iterator[bytes]:
    """Yield what a server sends as it comes."""
    columns = (TextColumn('{task.description}'), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    try:
        with urlopen(url, timeout=TIMEOUT) as response, bar:
            size, received = response.length, 0
            task = bar.add_task(url, total=size)
            start, enough = time.monotonic(), MIN_BYTES
            while part := response.read1(2**20):
                received += len(part)
                if max(received, size or 0) > MAX_BYTES:
                    raise ValueError(f'it is larger than {MAX_BYTES / 2**30:.3g} GiB')
                if time.monotonic() - start > TIMEOUT:
                    if received < enough:
                        raise TimeoutError(f'less than {MIN_BYTES} bytes came in {TIMEOUT:g} s')
                    start, enough = time.monotonic(), received + MIN_BYTES
                bar.update(task, completed=received)
                yield part
            if size is not None and received < size:
                raise ValueError(f'it ends after {received} of {size} bytes')
    except (HTTPException, OSError, ValueError) as error:  # among them all of urllib's
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise UserError(f'{url}: cannot be downloaded: {reason}') from error


def _fetch(name: str) -> str:
    """Return the folder in the hub's cache, which serves alone where the hub does not answer."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    for file in (CONFIG, WEIGHTS):
        with suppress(OSError):  # of which the download says what it means
            found = get_hf_file_metadata(hf_hub_url(name, file), timeout=TIMEOUT)
            if (found.size or 0) > MAX_BYTES:
                raise UserError(f'{name}: {file} is larger than {MAX_BYTES / 2**30:.3g} GiB')
        path = hf_hub_download(name, file, etag_timeout=TIMEOUT)
    return str(Path(path).parent)
