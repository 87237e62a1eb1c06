"""Image files that names, folders and patterns stand for."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..errors import UserError
from ..images.io import HEIF_SUFFIXES


def find_images(names: Sequence[str]) -> list[Path]:
    """Return the image files that files, folders and patterns stand for.

    Files that are named are taken whatever their suffix is; of a folder those that look like
    images, sub-folders not included.

    Args:
        names (Sequence[str]): Files, folders, and patterns with ``*``, ``?``, ``[...]``, ``**``.

    Returns:
        list[Path]: Sorted within each name, each file once.

    Raises:
        UserError: If a name stands for nothing.
    """
    found: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        if path.is_dir():
            files = images_in(path)
            if not files:
                raise UserError(f'no image files in the folder {name}')
        elif path.is_file():
            files = [path]
        else:
            files = [Path(match) for match in sorted(glob.glob(name, recursive=True))]
            files = [match for match in files if match.is_file() and is_image_name(match)]
            if not files:
                raise UserError(f'no such file, folder or pattern: {name}')
        found.update(dict.fromkeys(files))
    return list(found)


def images_in(folder: Path) -> list[Path]:
    """Return the files of a folder that look like images.

    Args:
        folder (Path): The folder.

    Returns:
        list[Path]: Sorted by name; hidden files and those in sub-folders are left out.
    """
    files = (path for path in folder.iterdir() if path.is_file() and is_image_name(path))
    return sorted(path for path in files if not path.name.startswith('.'))


def is_image_name(path: Path) -> bool:
    """Tell whether files with this suffix are images that can be read.

    Args:
        path (Path): A file.

    Returns:
        bool: Whether it looks like an image.
    """
    suffix = path.suffix.lower()
    Image.init()
    return suffix in HEIF_SUFFIXES or Image.registered_extensions().get(suffix) in Image.OPEN


def paired_references(photo: Path, folder: Path) -> tuple[Path, ...]:
    """Return the references of a photo: files of its name, and all in a folder of its name.

    Args:
        photo (Path): The photo, such as ``photos/a.png``.
        folder (Path): Such as ``refs``, with ``refs/a.png``, or ``refs/a.jpg``, or ``refs/a/*``.

    Returns:
        tuple[Path, ...]: Sorted; empty if there is none.
    """
    same_name = [path for path in images_in(folder) if path.stem == photo.stem]
    inside = folder / photo.stem
    return tuple(same_name + (images_in(inside) if inside.is_dir() else []))
