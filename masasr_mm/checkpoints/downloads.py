"""Where a checkpoint is: shipped with the package, on the net, or a file."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import torch
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from .. import weights
from ..errors import UserError
from ..files import written_whole
from .reading import load_tensors

CHECKSUM = re.compile(r'-(?=[0-9]*[a-f])([0-9a-f]{8,64})\.[^.]+$')
"""PyTorch's and OpenMMLab's way of naming files: the first digits of the SHA-256 at the end.

Decimal digits alone are a date or an iteration; no more than one in forty checksums looks so.
"""
TIMEOUT = 30.0
"""Seconds that a server may take to answer, and to send ``MIN_BYTES``."""
MIN_BYTES = 2**15
MAX_BYTES = 2**32
"""The largest file that is fetched; the networks of this package have some 10⁷ to 10⁸ bytes."""


def local_file(checkpoint: str | os.PathLike) -> str:
    """Return the file of a checkpoint, downloaded first if it is given as a URL.

    A name of shipped weights goes before a file of that name, which ``./name`` gives. A download
    is kept in torch's cache, ``~/.cache/torch/hub/checkpoints`` unless ``TORCH_HOME`` says
    otherwise. Where its name ends in a checksum, as in ``masa-1a2b3c4d.pth``, it must have that:
    8 to 64 hexadecimal digits in lower case, one of them a letter.

    Args:
        checkpoint (str | os.PathLike): A name in :data:`masasr_mm.weights.NAMES`, a file or folder,
            or a URL beginning with ``https://`` or ``http://``; with or without ``masasr_mm://``
            before it.

    Returns:
        str: The file or folder.

    Raises:
        UserError: If it cannot be downloaded, is no checkpoint, or has another checksum.
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
            load_tensors(temporary)
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
