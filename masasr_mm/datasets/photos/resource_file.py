"""The files inside Qt's binary resources (.rcc), in which KDE's programs carry their images."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

DIRECTORY, COMPRESSED, ZSTANDARD = 2, 1, 4


def files_in_resource(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a binary resource, as Qt's ``rcc --binary`` writes it.

    A tree of nodes of fixed size names every file's place among the data. Files in Zstandard
    compression are passed over; images are stored as they are.

    Args:
        content (bytes): The whole .rcc file.

    Yields:
        tuple[str, bytes]: Path inside the resource, and content.

    Raises:
        ValueError: If it is no such file, or cut off.
    """
    try:
        magic, version, tree, data, names = struct.unpack_from('>4s4I', content)
        if magic != b'qres':
            raise ValueError('no binary resource of Qt')
        size = 14 if version == 1 else 22
        yield from _files(content, (tree, data, names), size, 0, '')
    except (struct.error, zlib.error) as error:
        raise ValueError(f'a binary resource that is cut off: {error}') from error


def _files(
    content: bytes, places: tuple[int, int, int], size: int, node: int, folder: str
) -> Iterator[tuple[str, bytes]]:
    """Yield the files below a node, given where tree, data and names begin."""
    tree, data, names = places
    at = tree + node * size
    name_offset, flags = struct.unpack_from('>IH', content, at)
    path = folder
    if node:
        (length,) = struct.unpack_from('>H', content, names + name_offset)
        start = names + name_offset + 6
        path = f'{folder}/{content[start : start + 2 * length].decode("utf-16-be")}'
    if flags & DIRECTORY:
        count, first = struct.unpack_from('>II', content, at + 6)
        for child in range(first, first + count):
            yield from _files(content, places, size, child, path)
    elif not flags & ZSTANDARD:
        (offset,) = struct.unpack_from('>I', content, at + 10)
        (length,) = struct.unpack_from('>I', content, data + offset)
        stored = content[data + offset + 4 : data + offset + 4 + length]
        # Qt puts the size before what zlib compressed.
        yield path.lstrip('/'), zlib.decompress(stored[4:]) if flags & COMPRESSED else stored
