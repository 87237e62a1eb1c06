"""A Debian package and a Qt resource, written here as their formats are described."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from pathlib import Path

COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2001 Nobody
License: GPL-2+
 Text.

Files: pictures/cat.png
Copyright: 2020 A. Photographer
License: CC0-1.0
 Text.
"""


def tar(files: dict[str, bytes]) -> bytes:
    """Return a compressed archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w:gz') as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f'./{name}')
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def write_package(path: Path, files: dict[str, bytes], copyright_text: str = COPYRIGHT) -> None:
    """Write a package of the name 'pictures', an `ar` archive of three members."""
    control = b'Package: pictures\nVersion: 1.2-3\nArchitecture: all\n'
    files = {**files, 'usr/share/doc/pictures/copyright': copyright_text.encode()}
    members = {
        'debian-binary': b'2.0\n',
        'control.tar.gz': tar({'control': control}),
        'data.tar.gz': tar(files),
    }
    with path.open('wb') as file:
        file.write(b'!<arch>\n')
        for name, content in members.items():
            file.write(f'{name:<16}{0:<12}{0:<6}{0:<6}{"100644":<8}{len(content):<10}`\n'.encode())
            file.write(content + b'\n' * (len(content) % 2))


def resource(folder: str, files: dict[str, bytes], version: int = 3) -> bytes:
    """Return a binary resource with one folder, its first file compressed."""
    names, data, places = b'', b'', []
    for name in (folder, *files):
        places.append(len(names))
        names += struct.pack('>HI', len(name), 0) + name.encode('utf-16-be')
    offsets = []
    for index, content in enumerate(files.values()):
        packed = struct.pack('>I', len(content)) + zlib.compress(content)
        stored = content if index else packed
        offsets.append(len(data))
        data += struct.pack('>I', len(stored)) + stored
    time = b'' if version == 1 else bytes(8)
    tree = struct.pack('>IHII', 0, 2, 1, 1) + time
    tree += struct.pack('>IHII', places[0], 2, len(files), 2) + time
    for index, offset in enumerate(offsets):
        tree += struct.pack('>IHHHI', places[1 + index], index == 0, 0, 1, offset) + time
    start = 24
    header = struct.pack(
        '>4s4I', b'qres', version, start, start + len(tree), start + len(tree) + len(data)
    ) + bytes(4)
    return header + tree + data + names
