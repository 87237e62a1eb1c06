"""Where a checkpoint is: shipped with the package, on the net, or a file."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import torch

from .. import weights
from ..errors import UserError

CHECKSUM = re.compile(r'-([0-9a-f]{8,64})\.[^.]+$')
"""PyTorch's and OpenMMLab's way of naming files: the first digits of the SHA-256 at the end."""


def local_file(checkpoint: str | os.PathLike) -> str:
    """Return the file of a checkpoint, downloaded first if it is given as a URL.

    A name of shipped weights goes before a file of that name, which ``./name`` gives. A download
    is kept in torch's cache, ``~/.cache/torch/hub/checkpoints`` unless ``TORCH_HOME`` says
    otherwise. Where its name ends in a checksum, as in ``masa-1a2b3c4d.pth``, it must have that.

    Args:
        checkpoint (str | os.PathLike): A name in :data:`masasr_mm.weights.NAMES`, a file or folder,
            or a URL beginning with ``https://`` or ``http://``; with or without ``masasr_mm://``
            before it.

    Returns:
        str: The file or folder.

    Raises:
        UserError: If it cannot be downloaded, or has another checksum.
    """
    url = str(checkpoint).removeprefix(weights.SCHEME)
    if url in weights.NAMES:
        return str(weights.folder(url))
    if not url.startswith(('https://', 'http://')):
        return url
    name = Path(unquote(urlsplit(url).path)).name
    if not name:
        raise UserError(f'{url}: names no file')
    # Of two files of one name from two places each has its own.
    place = hashlib.sha256(url.encode()).hexdigest()[:8]
    file = Path(torch.hub.get_dir()) / 'checkpoints' / 'masasr_mm' / place / name
    if not file.is_file():
        _download(url, file)
    return str(file)


def _download(url: str, file: Path) -> None:
    checksum = CHECKSUM.search(file.name)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Under another name until it is whole and right.
        torch.hub.download_url_to_file(
            url, str(file), checksum[1] if checksum else None, progress=sys.stderr.isatty()
        )
    except RuntimeError as error:
        raise UserError(f'{url}: not the file of that checksum, and not kept ({error})') from error
    except (OSError, ValueError) as error:  # among them all of urllib's and of the disk
        reason = ' '.join(str(error).split())
        raise UserError(f'{url}: cannot be downloaded: {reason}') from error
