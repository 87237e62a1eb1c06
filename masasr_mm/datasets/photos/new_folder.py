"""A data set that is made of packages, whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from masasr_mm.files import folder_written_whole

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
    with folder_written_whole(out) as made:
        if packages is not None:
            yield made, packages
            return
        print(f'fetching {len(names)} package{"s" * (len(names) > 1)}', flush=True)
        with tempfile.TemporaryDirectory(dir=made.parent) as fetched:
            download(names, Path(fetched))
            yield made, Path(fetched)
