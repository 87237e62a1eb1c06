"""Writing files and folders whole or not at all, and over nothing that is read."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from .errors import UserError

BLOCK = 4096
"""Bytes that must fit on a disk before anything is written there."""
SHORT = 32
"""Characters of a name that no file system finds too long."""


def temporary_beside(path: Path) -> Path:
    """Return a hidden name beside a path, with its suffix, that nothing has."""
    return path.with_name(f'.{secrets.token_hex(4)}{path.suffix}')


@contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary file beside ``path`` that takes its place if all goes well.

    It has the permissions that opening ``path`` for writing gives: those of the file that is
    there, or those that the umask leaves a new one. A symbolic link stays; its target is replaced.
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
        temporary.chmod(stat.S_IMODE(path.stat().st_mode if path.is_file() else permissions))
        temporary.replace(path)
    except OSError as error:
        raise UserError(f'cannot write {path}: {error.strerror or error}') from error
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):
                temporary.unlink()


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write text, whole or not at all; what is no text of file names is escaped."""
    with written_whole(path) as temporary:
        temporary.write_text(text, 'utf-8', 'backslashreplace')


@contextmanager
def folder_written_whole(out: str | os.PathLike) -> Iterator[Path]:
    """Give a folder that takes the place of ``out``, nothing or empty, if all goes well."""
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


def check_outputs(
    outputs: Iterable[str | os.PathLike], inputs: Iterable[str | os.PathLike] = ()
) -> None:
    """See that files can be written, each in a place of its own and none over what is read.

    Files are told apart by what they are, not by their names: links, hard links and, where the
    file system ignores the case of letters, other spellings are one file. Nothing is left behind.
    An input that is a folder stands for the files in it.
    """
    read: dict[tuple[int, int], str] = {}
    for path in map(os.fspath, inputs):
        inside = [entry.path for entry in os.scandir(path)] if os.path.isdir(path) else []
        for file in (path, *inside):
            with suppress(OSError):
                found = os.stat(file)
                read.setdefault((found.st_dev, found.st_ino), file)
    locate, probe = cache(_locate), cache(_probe)
    files: dict[tuple, str] = {}
    folders: dict[tuple, str] = {}
    for path in map(os.fspath, outputs):
        try:
            parent, name = os.path.split(_target(path, read))
            existing, missing = locate(parent)
            names = (*missing, name)
            for part in names:
                _check_name(part, existing)
            if probe(existing):
                names = tuple(unicodedata.normalize('NFC', part).casefold() for part in names)
            found = os.stat(existing)
        except OSError as error:
            raise UserError(f'cannot write {path}: {error.strerror or error}') from error
        key = (found.st_dev, found.st_ino, *names)
        if key in files:
            also = '' if files[key] == path else f', also as {files[key]}'
            raise UserError(f'{path} would be written twice{also}; choose another name for one')
        files[key] = path
        folders.update({key[:length]: path for length in range(3, len(key))})
    for key in files.keys() & folders.keys():
        raise UserError(
            f'{files[key]} would be both a file and the folder of {folders[key]}; choose another '
            'name for one'
        )


def _target(path: str, read: dict[tuple[int, int], str]) -> str:
    """Return the file that an output is, behind links; refuse what must not be written over."""
    target = path
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return path
    if not stat.S_ISREG(found.st_mode):
        target = str(_behind_links(Path(path)))
        if not os.path.exists(target):
            return target
        found = os.stat(target)
    if over := read.get((found.st_dev, found.st_ino)):
        also = '' if over == path else f' as {over}'
        raise UserError(
            f'{path} is read{also} and would be written over; choose another name or folder for '
            'what is written'
        )
    if stat.S_ISDIR(found.st_mode):
        raise UserError(f'{path} is a folder; name a file')
    if not os.access(target, os.W_OK):
        raise UserError(f'{path} is write-protected; choose another name, or allow writing')
    return target


def _locate(folder: str) -> tuple[str, tuple[str, ...]]:
    """Return the part of a folder's path that exists, and the names that are missing below it."""
    existing, missing = os.path.realpath(folder), []
    while not os.path.isdir(existing):
        if os.path.lexists(existing):
            raise OSError(errno.ENOTDIR, f'{existing} is a file, not a folder')
        existing, part = os.path.split(existing)
        missing.insert(0, part)
    return existing, tuple(missing)


def _check_name(name: str, folder: str) -> None:
    """Let the file system refuse a name that is too long, and that of the temporary file."""
    if len(name) > SHORT:
        for tried in (name, temporary_beside(Path(name)).name):
            with suppress(FileNotFoundError):
                os.lstat(os.path.join(folder, tried))


def _probe(folder: str) -> bool:
    """Write a file to a folder and delete it; return whether the case of its name matters not."""
    probe = temporary_beside(Path(folder, 'probe.part'))  # letters whose case can be changed
    try:
        probe.write_bytes(bytes(BLOCK))
        return probe.with_name(probe.name.upper()).exists()
    finally:
        probe.unlink(missing_ok=True)
