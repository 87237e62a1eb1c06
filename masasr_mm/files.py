"""Writing files and folders whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import tempfile
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
    there, or those that the umask leaves a new one. A symbolic link stays; its target is replaced.

    Args:
        path (str | os.PathLike): The file to write; its folder is made if needed.

    Yields:
        Path: The temporary file, with the suffix of ``path``.

    Raises:
        UserError: If the file system refuses (no space, no permission, a folder in the way).
    """
    temporary = None
    try:
        path = _behind_links(Path(path))
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


@contextmanager
def folder_written_whole(out: str | os.PathLike) -> Iterator[Path]:
    """Give an empty folder that takes its place as ``out`` if all goes well.

    Args:
        out (str | os.PathLike): The folder to make; nothing or an empty folder may be there.

    Yields:
        Path: The folder to fill, on the same disk.

    Raises:
        UserError: If something is at ``out``, or the file system refuses.
    """
    out = Path(out)
    try:
        target = _behind_links(out)
        if target.exists():
            if not target.is_dir() or any(target.iterdir()):
                raise UserError(f'{out}: exists; remove it or choose another folder')
            if os.path.ismount(target) or target.samefile('.'):
                raise UserError(f'{out}: cannot be replaced as a whole; name a folder inside it')
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'.{target.name}-', dir=target.parent) as temporary:
            made = Path(temporary) / 'made'
            made.mkdir()
            yield made
            if target.is_dir():
                target.rmdir()
            made.replace(target)
    except OSError as error:
        raise UserError(f'cannot write {out}: {error.strerror or error}') from error


def _behind_links(path: Path) -> Path:
    """Return where a file is written that opening ``path`` would write; no device, no pipe."""
    if path.is_symlink():
        target = Path(os.path.realpath(path))
        if target.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if not target.parent.is_dir():
            raise OSError(errno.ENOENT, f'it is a link to {target}, whose folder is not there')
        path = target
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, 'it is a device or a pipe, which cannot be replaced')
    return path
