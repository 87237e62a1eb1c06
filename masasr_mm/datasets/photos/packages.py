"""Images inside Debian's packages and scikit-image, with what the packages say of them."""

from __future__ import annotations

import fnmatch
import subprocess
from collections.abc import Iterator, Sequence
from importlib import metadata, resources
from pathlib import Path, PurePosixPath
from tarfile import TarFile, TarInfo
from typing import NamedTuple

from masasr_mm.errors import UserError

from .resource_file import files_in_resource

DEBIAN_PACKAGES = (
    'gcompris-qt-data',
    'gnome-backgrounds',
    'kphotoalbum',
    'lomiri-wallpapers-16.04',
    'lomiri-wallpapers-20.04',
    'mate-backgrounds',
    'plasma-workspace-wallpapers',
    'tuxpaint-stamps-default',
    'ukui-wallpapers',
)
"""Packages of Debian 12 with photographs under free licences."""
SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp')
UNKNOWN = 'see the copyright file of the package'


class PackedImage(NamedTuple):
    """An image file inside a package.

    Attributes:
        package (str): Name of the package.
        version (str): Its version.
        file (str): Path inside the package.
        content (bytes): The file.
        author (str): Who holds the copyright, as the package tells it.
        licence (str): The licence, as the package tells it.
    """

    package: str
    version: str
    file: str
    content: bytes
    author: str
    licence: str


def download(packages: Sequence[str], folder: Path) -> None:
    """Fetch Debian's packages with apt, as files that are not installed.

    Args:
        packages (Sequence[str]): Their names.
        folder (Path): Where the files go; it is made.

    Raises:
        UserError: If there is no apt here, or it cannot fetch one of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    advice = (
        'fetch them elsewhere, on Debian with `apt-get download NAME`, and give their folder: '
        f'--packages FOLDER ({", ".join(packages)})'
    )
    try:
        subprocess.run(
            ['apt-get', 'download', *packages],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError as error:
        raise UserError(f'no apt-get here to fetch the packages with; {advice}') from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ['no reason given'])[-1]
        raise UserError(f'apt-get cannot fetch the packages: {reason}; {advice}') from error


def images_in_folder(folder: Path) -> Iterator[PackedImage]:
    """Yield the images inside all Debian packages of a folder, in the order of their names.

    Args:
        folder (Path): With ``*.deb`` files.

    Yields:
        PackedImage: An image file; those in Qt's resource files, too.

    Raises:
        UserError: If there is none, or one is no package.
    """
    files = sorted(folder.glob('*.deb'))
    if not files:
        raise UserError(f'{folder}: there is no .deb file in this folder')
    for file in files:
        yield from _images_in_package(file)


def _images_in_package(path: Path) -> Iterator[PackedImage]:
    from debian.debfile import ArError, DebError, DebFile

    try:
        package = DebFile(filename=str(path))
        control = package.debcontrol()
        name, version = control['Package'], control['Version']
        owners = _Owners(package, name)
        archive = package.data.tgz()
        # In the order of the archive, since going back in one means to unpack it anew.
        for member in archive:
            for file, content in _images_in_member(archive, member):
                yield PackedImage(name, version, file, content, *owners.of(file))
    except (ArError, DebError, OSError, EOFError) as error:
        raise UserError(f'{path}: cannot be read as a Debian package: {error}') from error


def _images_in_member(archive: TarFile, member: TarInfo) -> Iterator[tuple[str, bytes]]:
    """Yield the image files of a member of a package: itself, or what is inside it."""
    name = member.name.removeprefix('./')
    kind = PurePosixPath(name).suffix.lower()
    if not member.isfile() or kind not in (*SUFFIXES, '.rcc'):
        return
    content = archive.extractfile(member).read()
    if kind in SUFFIXES:
        yield name, content
        return
    for inner, stored in files_in_resource(content):
        if PurePosixPath(inner).suffix.lower() in SUFFIXES:
            yield f'{name}/{inner}', stored


class _Owners:
    """What the copyright file of a package says of its files."""

    def __init__(self, package, name: str) -> None:
        from debian.copyright import Copyright, NotMachineReadableError

        text = package.data.get_content(f'./usr/share/doc/{name}/copyright', encoding='utf-8')
        try:
            self.paragraphs = list(Copyright(text.splitlines(True)).all_files_paragraphs())
        except (NotMachineReadableError, ValueError):
            self.paragraphs = []

    def of(self, file: str) -> tuple[str, str]:
        """Return author and licence of a file; the last paragraph that names it decides.

        The paragraphs name files of the source package, whose folders are others, so that names
        are compared from their ends.
        """
        found = None
        for paragraph in self.paragraphs:
            if any(_names(pattern, file) for pattern in paragraph.files):
                found = paragraph
        if found is None:
            return UNKNOWN, UNKNOWN
        licence = found.license.synopsis if found.license else UNKNOWN
        return ' '.join((found.copyright or UNKNOWN).split()), licence or UNKNOWN


def _names(pattern: str, file: str) -> bool:
    """Tell whether a pattern of the source package names an installed file."""
    if pattern == '*':
        return True
    parts = PurePosixPath(pattern).parts
    return any(
        fnmatch.fnmatchcase(file, '*/' + '/'.join(parts[start:]))
        for start in range(len(parts))
        if '/'.join(parts[start:]).strip('*?/')
    )


def scikit_image() -> Iterator[PackedImage]:
    """Yield the images that scikit-image carries.

    Yields:
        PackedImage: An image file.
    """
    version = metadata.version('scikit-image')
    folder = resources.files('skimage.data')
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if PurePosixPath(file.name).suffix.lower() in SUFFIXES:
            yield PackedImage(
                'scikit-image',
                version,
                f'skimage/data/{file.name}',
                file.read_bytes(),
                'see skimage/data/README.txt',
                'see skimage/data/README.txt',
            )
