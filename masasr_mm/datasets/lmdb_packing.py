"""Packing image folders into one LMDB database."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path

import lmdb
from PIL import Image

from masasr_mm.errors import UserError
from masasr_mm.files import folder_written_whole

from ..images.io import decode_rgb
from .lmdb_folder import LISTING, SUFFIX

FIRST_MAP_SIZE = 2**26


def pack(paths: Iterable[str], root: str, out: str | os.PathLike, decoded: bool = False) -> int:
    """Write images into a database that :class:`LmdbFolderBackend` reads, whole or not at all.

    Every image is decoded once, so that none in the database is broken.

    Args:
        paths (Iterable[str]): The image files, such as ``RefSRDataset.image_paths()``.
        root (str): The folder that the names in the database are relative to.
        out (str | os.PathLike): The database, a folder that must not be there; ends in ``.lmdb``.
        decoded (bool): Store the pixels (as PPM) in place of the files: more bytes, but nothing to
            decode in training. Default: False.

    Returns:
        int: How many images were written.

    Raises:
        UserError: If an image cannot be read, a name is no ASCII, or ``out`` cannot be written.
    """
    out = Path(out)
    if out.suffix != SUFFIX:
        raise UserError(f'{out}: the name of the database must end in {SUFFIX}')
    with folder_written_whole(out) as made:
        try:
            return _write(paths, root, made, decoded)
        except lmdb.Error as error:
            raise UserError(f'cannot write {out}: {error}') from error


def _write(paths: Iterable[str], root: str, folder: Path, decoded: bool) -> int:
    """Write images and their listing into a new database; return how many there are."""
    names = []
    # Nothing is on the disk for certain before the last line, which is why the folder is temporary.
    with lmdb.open(str(folder), map_size=FIRST_MAP_SIZE, sync=False) as environment:
        for path in paths:
            names.append(Path(os.path.relpath(path, root)).as_posix())
            _put(environment, _key(names[-1], path), _content(path, decoded))
        _put(environment, LISTING.encode(), '\n'.join(sorted(names)).encode())
        environment.sync(True)
    return len(names)


def _key(name: str, path: str) -> bytes:
    """Return the name of an image as mmengine's LmdbBackend writes it."""
    try:
        return name.encode('ascii')
    except UnicodeEncodeError as error:
        raise UserError(f'{path}: LMDB takes names in ASCII alone; rename the file') from error


def _content(path: str, decoded: bool) -> bytes:
    """Return what is stored of an image file."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f'{path}: the image file cannot be read: {reason}') from error
    pixels = decode_rgb(content, path)
    if not decoded:
        return content
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'PPM')
    return buffer.getvalue()


def _put(environment: lmdb.Environment, key: bytes, value: bytes) -> None:
    """Store a value, making room for it where needed."""
    while True:
        try:
            with environment.begin(write=True) as transaction:
                transaction.put(key, value)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()['map_size'])
