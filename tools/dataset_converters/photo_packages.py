"""Photographs under free licences that packages of Debian and scikit-image carry, and patches."""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import io
import logging
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata, resources
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from masasr_mm.errors import BrokenFileError, UserError
from masasr_mm.files import folder_written_whole
from masasr_mm.images.io import decode_rgb
from masasr_mm.version import add_version

FIRST_PACKAGES = (
    'gcompris-qt-data',
    'kphotoalbum',
    'lomiri-wallpapers-16.04',
    'lomiri-wallpapers-20.04',
    'mate-backgrounds',
    'plasma-workspace-wallpapers',
)
LATER_PACKAGES = (
    'budgie-control-center-data',
    'gramps',
    'libelementary-data',
    'libjxl-testdata',
    'lxqt-themes',
    'palapeli-data',
    'python-kivy-examples',
    'python-matplotlib-data',
    'qtdeclarative5-examples',
    'scratch',
    'sddm-theme-maldives',
    'tuxpaint-data',
)
"""Their photographs are counted last, so that those before them keep their numbers."""
DEBIAN_PACKAGES = (*FIRST_PACKAGES, *LATER_PACKAGES)
"""Packages of Debian 12 with photographs under free licences."""
SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp')
UNKNOWN = 'see the copyright file of the package'
SIDE = 256
"""Of a patch; and the least of a photograph."""
SHORTER_SIDE = 1024
"""Photographs are reduced to it: large ones are soft at full size."""
LEAST_DETAIL, MOST_FLAT, MOST_PATCHES = 3.0, 0.3, 32
"""Of a patch, and how many of one photograph, so that none outweighs the others."""
DRAWN = (
    '*/babyshapes/*',
    '*/doc/HTML/*',
    '*/doc/images/*',
    '*/example/gramps/1897_*',
    '*/example/gramps/O4.jpg',
    '*/flower/flower_*',
    '*/kde-plasma.png',
    '*/Elephants.jpg',
    '*/Ubuntu-Mate-*',
    '*/Honeywave/*',
    '*/Patak/*',
    '*/pictures/images/Bubbles.jpg',
    '*/pictures/images/Ill1.jpg',
    '*/pol_twofish.png',
    '*/SafeLanding/*',
    '*/shader/tex3.jpg',
    '*/Shell/*',
    '*/wide-gamut-tests/*',
)
"""Drawings, collages, pictures of prints and programs, and parts of other photographs."""
HASH_SIZE, NEAR_DUPLICATE = 16, 48
"""Of 256 bits of a perceptual hash; unlike pictures differ in about 128."""
NEVER_TRAINED_ON = {
    'aloeL': 'ee62b6679b73633398b94699a5343b8c9a5943a69c99f9531624299951a2fce4',
    'aloeR': 'e72d9339998c31cc98c64a66b4817df38d4640d9bec3fc2f03d92c66d1d06f19',
    'graf1': '952146a039507962d6c2c2fc74589ac808bb69d6cff8b31c7f0c7e659439f70f',
    'graf3': 'dc60ab53229755680c7f86ef7b1309f2c7c49363cee6648f1c898984f8c939f2',
    'leuvenA': 'c70c836480e1a4d1b41cf630b837d803ec8f7b8dfb236a237b2f6c9ead19b534',
    'leuvenB': '97559d558da6ceabc24b8751a716a3a7d38949dfb4d680c7412f12a3a8d32947',
    'rubberwhale1': 'a4d25059db316e0e5133a0e35f225f71bbf1f9b0c4713c871f0c0772318e71ee',
    'rubberwhale2': 'a4d250d9db356e0e1133a0e25f22df71bbf1f9b0c0713c871f0c0770318e73ee',
    'motorcycle_left': 'c5110711c6356b0f925a70e8a88573693576cd52694b973b8c29b58ce59f7dd9',
    'motorcycle_right': 'd5900710c3916bc1936e7876aee5f3b5313bcd6a2d6a9589878c96e5e4c5549c',
}
"""Perceptual hashes of the pairs that results are measured on, by their names."""


class PackedImage(NamedTuple):
    """An image file inside a package, with author and licence as the package gives them."""

    package: str
    version: str
    file: str
    content: bytes
    author: str
    licence: str


def parse_arguments(description: str, names: Sequence[str]) -> argparse.Namespace:
    """Return the arguments of a tool that makes a folder of images that packages carry."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_version(parser)
    parser.add_argument('out', metavar='OUT', type=Path, help='the folder to make')
    what = f"Debian's package {names[0]}" if len(names) == 1 else 'the .deb files'
    parser.add_argument(
        '--packages', metavar='FOLDER', type=Path,
        help=f'folder with {what} (default: fetched with apt-get)',
    )  # fmt: skip
    return parser.parse_args()


@contextmanager
def new_folder(
    out: Path, packages: Path | None, names: Sequence[str]
) -> Iterator[tuple[Path, Path]]:
    """Give a folder that becomes ``out`` if all goes well, and the packages, fetched if needed."""
    with folder_written_whole(out) as made:
        if packages is not None:
            yield made, packages
            return
        print(f'fetching {len(names)} package{"s" * (len(names) > 1)}', flush=True)
        with tempfile.TemporaryDirectory(dir=made.parent) as fetched:
            download(names, Path(fetched))
            yield made, Path(fetched)


def download(packages: Sequence[str], folder: Path) -> None:
    """Fetch Debian's packages with apt, as files that are not installed."""
    advice = (
        'fetch them elsewhere, on Debian with `apt-get download NAME`, and give their folder: '
        f'--packages FOLDER ({", ".join(packages)})'
    )
    command = ['apt-get', 'download', *packages]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise UserError(f'no apt-get here to fetch the packages with; {advice}') from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ['no reason given'])[-1]
        raise UserError(f'apt-get cannot fetch the packages: {reason}; {advice}') from error


def images_in_folder(folder: Path, later: bool | None = None) -> Iterator[PackedImage]:
    """Yield the images inside all ``*.deb`` of a folder, those in Qt's resource files, too.

    ``later`` chooses those of the LATER_PACKAGES, or all but them.
    """
    files = sorted(folder.glob('*.deb'))
    if not files:
        raise UserError(f'{folder}: there is no .deb file in this folder')
    for file in files:
        if later is None or later == (file.name.split('_')[0] in LATER_PACKAGES):
            yield from _images_in_package(file)


def _images_in_package(path: Path) -> Iterator[PackedImage]:
    from debian.debfile import ArError, DebError, DebFile

    try:
        package = DebFile(filename=str(path))
        control = package.debcontrol()
        name, version = control['Package'], control['Version']
        paragraphs = _copyright_paragraphs(package, name)
        archive = package.data.tgz()
        # In the order of the archive, since going back in one means to unpack it anew.
        for member in archive:
            file = member.name.removeprefix('./')
            kind = PurePosixPath(file).suffix.lower()
            if not member.isfile() or kind not in (*SUFFIXES, '.rcc'):
                continue
            content = archive.extractfile(member).read()
            for inner, image in (
                [(file, content)] if kind != '.rcc' else _in_resource(file, content)
            ):
                yield PackedImage(name, version, inner, image, *_owner(paragraphs, inner))
    except (ArError, DebError, OSError, EOFError) as error:
        raise UserError(f'{path}: cannot be read as a Debian package: {error}') from error


def _in_resource(file: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    for inner, stored in files_in_resource(content):
        if PurePosixPath(inner).suffix.lower() in SUFFIXES:
            yield f'{file}/{inner}', stored


def _copyright_paragraphs(package, name: str) -> list:
    """Return the paragraphs on files of a package's copyright file; none of one in free words."""
    from debian.copyright import Copyright, NotMachineReadableError

    # It warns where the format is called by an older name.
    logging.getLogger('debian.copyright').setLevel(logging.ERROR)
    text = package.data.get_content(f'./usr/share/doc/{name}/copyright', encoding='utf-8')
    try:
        return list(Copyright(text.splitlines(True)).all_files_paragraphs())
    except (NotMachineReadableError, ValueError):
        return []


def _owner(paragraphs: list, file: str) -> tuple[str, str]:
    """Return author and licence of a file; the last paragraph that names it decides."""
    found = None
    for paragraph in paragraphs:
        if any(_names(pattern, file) for pattern in paragraph.files):
            found = paragraph
    if found is None:
        return UNKNOWN, UNKNOWN
    licence = found.license.synopsis if found.license else UNKNOWN
    return ' '.join((found.copyright or UNKNOWN).split()), licence or UNKNOWN


def _names(pattern: str, file: str) -> bool:
    """Return whether a pattern names an installed file: its end, as folders of sources differ."""
    if pattern == '*':
        return True
    parts = PurePosixPath(pattern).parts
    return any(
        fnmatch.fnmatchcase(file, '*/' + '/'.join(parts[start:]))
        for start in range(len(parts))
        if '/'.join(parts[start:]).strip('*?/')
    )


def files_in_resource(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a binary resource, as Qt's ``rcc --binary`` writes it (``*.rcc``).

    A tree of nodes of fixed size names every file's place among the data. Files in Zstandard
    compression are passed over; images are stored as they are.
    """
    try:
        magic, version, tree, data, names = struct.unpack_from('>4s4I', content)
        if magic != b'qres':
            raise ValueError('no binary resource of Qt')
        size = 14 if version == 1 else 22
        nodes = [(0, '')]
        while nodes:
            node, path = nodes.pop()
            at = tree + node * size
            name, flags = struct.unpack_from('>IH', content, at)
            if node:
                (length,) = struct.unpack_from('>H', content, names + name)
                start = names + name + 6
                path = f'{path}/{content[start : start + 2 * length].decode("utf-16-be")}'
            if flags & 2:  # a folder
                count, first = struct.unpack_from('>II', content, at + 6)
                nodes += [(child, path) for child in reversed(range(first, first + count))]
            elif not flags & 4:  # Zstandard
                (offset,) = struct.unpack_from('>I', content, at + 10)
                (length,) = struct.unpack_from('>I', content, data + offset)
                stored = content[data + offset + 4 : data + offset + 4 + length]
                # Qt puts the size before what zlib compressed.
                yield path.lstrip('/'), zlib.decompress(stored[4:]) if flags & 1 else stored
    except (struct.error, zlib.error) as error:
        raise ValueError(f'a binary resource that is cut off: {error}') from error


def scikit_image() -> Iterator[PackedImage]:
    """Yield the images that scikit-image carries."""
    version, licence = metadata.version('scikit-image'), 'see skimage/data/README.txt'
    for file in sorted(resources.files('skimage.data').iterdir(), key=lambda file: file.name):
        if PurePosixPath(file.name).suffix.lower() in SUFFIXES:
            path, content = f'skimage/data/{file.name}', file.read_bytes()
            yield PackedImage('scikit-image', version, path, content, licence, licence)


class Selection:
    """Takes images one after another and keeps those that are photographs, each once."""

    def __init__(self) -> None:
        import imagehash

        self._hashes = [imagehash.hex_to_hash(text) for text in NEVER_TRAINED_ON.values()]
        self._seen: set[str] = set()

    def photograph(self, image: PackedImage) -> np.ndarray | None:
        """Return the pixels (H, W, 3), uint8 RGB, of an image to train on, reduced; else None.

        Drawings, small, broken and see-through images are left out, and near-duplicates of one
        before and of what results are measured on.
        """
        import imagehash

        checksum = hashlib.sha256(image.content).hexdigest()
        drawn = any(fnmatch.fnmatchcase(f'/{image.file}', pattern) for pattern in DRAWN)
        if drawn or checksum in self._seen:
            return None
        self._seen.add(checksum)
        try:
            pixels = decode_rgb(image.content, image.file)
        except BrokenFileError:
            return None
        if min(pixels.shape[:2]) < SIDE or _see_through(image.content):
            return None
        pixels = reduced(pixels)
        if not looks_like_a_photograph(pixels):
            return None
        found = imagehash.phash(Image.fromarray(pixels), hash_size=HASH_SIZE)
        if any(found - known <= NEAR_DUPLICATE for known in self._hashes):
            return None
        self._hashes.append(found)
        return pixels


def _see_through(content: bytes) -> bool:
    """Return whether more than 1 % of an image file's pixels are transparent."""
    with Image.open(io.BytesIO(content)) as image:
        if not image.has_transparency_data:
            return False
        alpha = np.asarray(image.convert('RGBA'))[..., 3]
    return bool(np.mean(alpha < 255) > 0.01)


def reduced(photo: np.ndarray) -> np.ndarray:
    """Return a photograph (H, W, 3) of which the shorter side is no more than SHORTER_SIDE."""
    height, width = photo.shape[:2]
    factor = SHORTER_SIDE / min(height, width)
    if factor >= 1:
        return photo
    size = (round(width * factor), round(height * factor))
    return np.array(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS))


def looks_like_a_photograph(image: np.ndarray) -> bool:
    """Tell photographs from drawings, renderings of text, and grey or blurred pictures.

    Drawings have areas where neighbours are equal to the last bit, and few colours; pictures that
    are out of focus lose nothing when they are reduced four times.
    """
    levels = image.astype(np.int16)
    colours = len(np.unique((image[::2, ::2] >> 2).reshape(-1, 3), axis=0))
    chroma = np.mean(levels.max(axis=2) - levels.min(axis=2))
    return bool(
        flat_part(image) < MOST_FLAT
        and colours > 0.01 * image[::2, ::2, 0].size
        and chroma > 4
        and lost_detail(image) > 2
    )


def flat_part(image: np.ndarray) -> float:
    """Return how much of an image, in [0, 1], equals the pixel to the left to the last bit."""
    return float(np.mean((image[:, 1:] == image[:, :-1]).all(axis=2)))


def lost_detail(image: np.ndarray) -> float:
    """Return the error (RMS, grey levels) of an image that is reduced four times and enlarged."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return float(np.sqrt(np.mean((image.astype(np.float32) - enlarged) ** 2)))


def cut_patches(photo: np.ndarray) -> dict[str, np.ndarray]:
    """Cut a photograph into patches (256, 256, 3) that cover it, and keep those of most detail.

    They are named by row and column of their upper left pixel ('0256_0000'), that of most detail
    first; all have some detail and no large part that is one colour.
    """

    def starts(length: int) -> list[int]:
        return np.linspace(0, length - SIDE, -(-length // SIDE)).astype(int).tolist()

    patches = {
        f'{top:04d}_{left:04d}': photo[top : top + SIDE, left : left + SIDE]
        for top in starts(photo.shape[0])
        for left in starts(photo.shape[1])
    }
    detail = {place: lost_detail(patch) for place, patch in patches.items()}
    return {
        place: patches[place]
        for place in sorted(detail, key=detail.__getitem__, reverse=True)[:MOST_PATCHES]
        if detail[place] >= LEAST_DETAIL and flat_part(patches[place]) < MOST_FLAT
    }
