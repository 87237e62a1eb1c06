"""Image folders that are packed into one LMDB database, by tools/dataset_converters."""

from __future__ import annotations

import errno
import posixpath
from functools import cache
from pathlib import Path

from mmengine.fileio import BaseStorageBackend, LmdbBackend, register_backend

from masasr_mm.errors import UserError

PREFIX = 'lmdb://'
SUFFIX = '.lmdb'
LISTING = '.files'
"""Key of the names of all files, a line each."""


@register_backend('lmdb_folder', prefixes='lmdb')
class LmdbFolderBackend(BaseStorageBackend):
    """Reads ``lmdb://FOLDER.lmdb/input/000000.png`` as if the database were a folder.

    mmengine finds this backend by the prefix, so ``data_root='lmdb://data/CUFED/train.lmdb'`` is
    all that a dataset needs. The database holds the files' bytes under their paths relative to the
    folder, so that mmengine's own :class:`LmdbBackend` reads it as well; that backend, however,
    cannot list files, and opens the database once for each transform, which LMDB refuses to do
    twice in a process.
    """

    def get(self, filepath: str | Path) -> bytes:
        """Return the bytes of a file."""
        database, name = split(str(filepath))
        content = _get(database, name)
        if content is None:
            raise FileNotFoundError(errno.ENOENT, 'not in the database', str(filepath))
        return content

    def get_text(self, filepath: str | Path, encoding: str = 'utf-8') -> str:
        """Return a file as text."""
        return self.get(filepath).decode(encoding)

    def join_path(self, filepath: str | Path, *filepaths: str | Path) -> str:
        """Join the parts of an address."""
        return posixpath.join(str(filepath), *map(str, filepaths))

    def isdir(self, filepath: str | Path) -> bool:
        """Whether there is such a folder."""
        database, folder = split(str(filepath))
        if not (Path(database) / 'data.mdb').exists():
            return False
        return not folder or any(name.startswith(f'{folder}/') for name in _listing(database))

    def list_dir_or_file(
        self,
        dir_path: str | Path,
        list_dir: bool = False,
        list_file: bool = True,
        suffix: str | tuple[str, ...] = '',
        recursive: bool = False,
    ) -> list[str]:
        """Return the names of the files in a folder."""
        if list_dir or recursive or not list_file:
            raise NotImplementedError('a packed folder lists the files right in it alone')
        database, folder = split(str(dir_path))
        names = [name for name in _listing(database) if posixpath.dirname(name) == folder]
        return [posixpath.basename(name) for name in names if name.endswith(suffix)]


def split(address: str) -> tuple[str, str]:
    """Return the database and the file that an address means."""
    path = address[len(PREFIX) :] if address.startswith(PREFIX) else address
    path = path.replace('\\', '/')
    before, found, name = f'{path}/'.partition(f'{SUFFIX}/')
    if not found:
        raise UserError(f'{address}: no LMDB database; it should look like {PREFIX}FOLDER{SUFFIX}')
    return before + SUFFIX, name.strip('/')


@cache
def _database(path: str) -> LmdbBackend:
    """Return a database, opened once in a process; LMDB allows no second time."""
    return LmdbBackend(path)


def _get(database: str, name: str) -> bytes | None:
    """Return a value of a database, None if there is no such key."""
    import lmdb

    try:
        return _database(database).get(name)
    except lmdb.Error as error:
        raise UserError(f'{database}: the LMDB database cannot be read: {error}') from error


@cache
def _listing(database: str) -> list[str]:
    """Return the names of all files of a database, sorted."""
    listing = _get(database, LISTING)
    if listing is None:
        raise UserError(
            f'{database}: the database has no list of its files; make it with '
            'tools/dataset_converters/cufed_to_lmdb.py'
        )
    return listing.decode('ascii').splitlines()
