"""Image files written without the decoders under test."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def encode(pixels: np.ndarray | Image.Image, kind: str = 'PNG', **options) -> bytes:
    """The bytes of an 8-bit image as Pillow writes them."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def encode_png16(pixels: np.ndarray, *chunks: bytes) -> bytes:
    """The bytes of a 16-bit PNG file, by the PNG specification: grey, grey + alpha, RGB or RGBA."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, channels = pixels.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack('>IIBBBBB', width, height, 16, colour_type, 0, 0, 0)
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in pixels)
    return b''.join(
        [
            b'\x89PNG\r\n\x1a\n',
            png_chunk(b'IHDR', header),
            *chunks,
            png_chunk(b'IDAT', zlib.compress(rows)),
            png_chunk(b'IEND', b''),
        ]
    )


def exif_with_orientation(orientation: int) -> bytes:
    """An EXIF block, big endian, that holds nothing but tag 0x0112 (orientation)."""
    entry = struct.pack('>HHIHH', 0x0112, 3, 1, orientation, 0)
    return b'MM\0*\0\0\0\x08' + struct.pack('>H', 1) + entry + b'\0\0\0\0'


ORIENTATIONS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: p.swapaxes(0, 1)[:, ::-1],
    7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
    8: lambda p: p.swapaxes(0, 1)[::-1],
}
"""From stored to upright pixels, by the meaning of the tag: 6 has row 0 at the right, column 0 at
the top, and so on."""


def cmyk_profile(nodes: np.ndarray) -> bytes:
    """A press's ICC profile: Lab colours (2, 2, 2, 2, 3) of full and no ink, 8 bits each."""
    identity = np.eye(3).ravel() * 65536
    ramp = bytes(range(256))
    table = b'mft1' + struct.pack('>I4B9i', 0, 4, 3, 2, 0, *identity.astype(int))
    table += ramp * 4 + nodes.astype(np.uint8).tobytes() + ramp * 3
    text = b'desc' + struct.pack('>II', 0, 6) + b'press\0' + bytes(78)
    white = b'XYZ ' + struct.pack('>4i', 0, 63190, 65536, 54061)
    tags = {b'desc': text, b'cprt': b'text\0\0\0\0none\0', b'wtpt': white, b'A2B0': table}
    offset, entries, body = 128 + 4 + 12 * len(tags), struct.pack('>I', len(tags)), b''
    for name, data in tags.items():
        entries += name + struct.pack('>II', offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack('>I4sI', offset + len(body), b'', 0x02400000) + b'prtrCMYKLab '
    header = (header + bytes(12) + b'acsp').ljust(68, b'\0') + white[8:]
    return header.ljust(128, b'\0') + entries + body
