"""Writing files whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE

from .errors import UserError


def temporary_beside(path: Path) -> Path:
    """Return a hidden name of eight characters that nothing has.

    Args:
        path (Path): What is going to take its place.

    Returns:
        Path: In the same folder and with the same suffix.
    """
    return path.with_name(f'.{secrets.token_hex(4)}{path.suffix}')


@contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary file beside ``path`` that takes its place if all goes well.

    It has the permissions that opening ``path`` for writing gives: those of the file that is
    there, or those that the umask leaves a new one.

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
        temporary = temporary_beside(path)
        temporary.touch(exist_ok=False)
        permissions = temporary.stat().st_mode
        yield temporary
        # Who writes may have put a file of another mode in its place, as safetensors does.
        temporary.chmod(S_IMODE(path.stat().st_mode if path.is_file() else permissions))
        temporary.replace(path)
    except OSError as error:
        raise UserError(f'cannot write {path}: {error.strerror or error}') from error
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):
                temporary.unlink()
