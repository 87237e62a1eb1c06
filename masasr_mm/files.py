"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import UserError


@contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary file beside ``path`` that takes its place if all goes well.

    Args:
        path (str | os.PathLike): The file to write; its folder is made if needed.

    Yields:
        Path: The temporary file, with the suffix of ``path``.

    Raises:
        UserError: If the file system refuses (no space, no permission, a folder in the way).
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix='.', suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f'cannot write {path}: {error.strerror or error}') from error
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):
                temporary.unlink()
