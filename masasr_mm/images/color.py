"""Colour spaces: ICC profiles, and what PNG files say in place of one."""

from __future__ import annotations

import io
import struct
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from .encoding import png_chunks

D50 = (0.9642, 1.0, 0.8249)
BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
D65 = (0.3127, 0.3290)
#: Chromaticities of white, red, green and blue by the numbers of ITU-T H.273.
PRIMARIES = {
    1: (*D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060),  # BT.709, sRGB
    5: (*D65, 0.640, 0.330, 0.290, 0.600, 0.150, 0.060),
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
}
#: From stored to linear values, as parametricCurveType of ICC.1 has it: a gamma, or five numbers.
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
BT709_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
CURVES = {
    **dict.fromkeys((1, 6, 14, 15), BT709_CURVE),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    13: SRGB_CURVE,
}
SRGB_GAMMA = 45455
SRGB_CHROMATICITIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
COLOR_CHUNKS = (b'cICP', b'sRGB', b'gAMA', b'cHRM')
#: Levels, of 255, that two profiles may differ by and still be taken for one.
SAME = 2


def png_color_chunks(content: bytes) -> dict[bytes, bytes]:
    """Return the chunks of a PNG file that say what its colours are, by their names."""
    return {name: data for name, data in png_chunks(content) if name in COLOR_CHUNKS}


def has_hdr_curve(chunks: dict[bytes, bytes]) -> bool:
    """Whether a PNG file has one of the tone curves of HDR video, which no profile has."""
    cicp = chunks.get(b'cICP', b'')
    return len(cicp) == 4 and cicp[1] in (16, 18)


def png_profile(chunks: dict[bytes, bytes], icc_profile: bytes | None, grey: bool) -> bytes | None:
    """Return the profile of a PNG file by the order of its specification; None for sRGB."""
    if has_hdr_curve(chunks):
        return None
    if len(cicp := chunks.get(b'cICP', b'')) == 4:
        primaries, curve = cicp[0], cicp[1]
        if (primaries, curve) == (1, 13):
            return None
        if primaries in PRIMARIES and curve in CURVES:
            return make_profile(PRIMARIES[primaries], CURVES[curve], grey)
    if icc_profile or b'sRGB' in chunks:
        return icc_profile
    gamma, points = SRGB_GAMMA, SRGB_CHROMATICITIES
    if len(chunks.get(b'gAMA', b'')) == 4:
        [gamma] = struct.unpack('>I', chunks[b'gAMA'])
    if len(chunks.get(b'cHRM', b'')) == 32:
        points = struct.unpack('>8I', chunks[b'cHRM'])
    near = all(abs(a - b) <= 500 for a, b in zip(points, SRGB_CHROMATICITIES))
    if (abs(gamma - SRGB_GAMMA) <= 500 and near) or not gamma or not all(points[1::2]):
        return None
    curve = SRGB_CURVE if abs(gamma - SRGB_GAMMA) <= 500 else (100_000 / gamma,)
    return make_profile([point / 100_000 for point in points], curve, grey)


def cmyk_to_srgb(image: Image.Image, profile: bytes | None, problems: list[str]) -> Image.Image:
    """Return a CMYK image in sRGB by its profile; add to the problems where that is not known."""
    problem = 'has CMYK colours without a profile; its colours are a guess'
    if profile:
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile('sRGB')
            return ImageCms.profileToProfile(image, given, srgb, outputMode='RGB')
        except (ImageCms.PyCMSError, OSError) as error:
            reason = ' '.join(str(error).split())
            problem = f'has a broken profile; its colours are a guess ({reason})'
    problems.append(problem)
    return image.convert('RGB')


def convert(rgb: np.ndarray, source: bytes | None, target: bytes | None) -> np.ndarray:
    """Return 8-bit RGB pixels (H, W, 3) of one profile in another; None is sRGB."""
    if source == target or (transform := _transform(source, target)) is None:
        return rgb
    return np.array(ImageCms.applyTransform(Image.fromarray(rgb), transform))


def make_profile(points: tuple[float, ...], curve: tuple[float, ...], grey: bool) -> bytes:
    """Return an ICC profile (version 4); ``points`` are x and y of white, red, green and blue."""
    white, *primaries = ((x / y, 1.0, (1 - x - y) / y) for x, y in zip(points[::2], points[1::2]))
    matrix = np.transpose(primaries)
    matrix = matrix * np.linalg.solve(matrix, white)
    bradford = np.array(BRADFORD)
    scale = np.diag(bradford @ D50 / (bradford @ white))
    adaptation = np.linalg.inv(bradford) @ scale @ bradford
    tags = {b'desc': _text('colours of a PNG file'), b'cprt': _text('no copyright')}
    tags[b'wtpt'] = _numbers(b'XYZ ', D50)
    tags[b'chad'] = _numbers(b'sf32', adaptation.ravel())
    kind = 3 if len(curve) > 1 else 0
    tone = b'para' + struct.pack('>IHH', 0, kind, 0) + _numbers(b'', curve)
    if grey:
        tags[b'kTRC'] = tone
    else:
        for name, column in zip(b'rgb', (adaptation @ matrix).T):
            tags[bytes([name]) + b'XYZ'] = _numbers(b'XYZ ', column)
            tags[bytes([name]) + b'TRC'] = tone
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack('>I', len(tags)), b''
    for name, data in tags.items():
        table += name + struct.pack('>II', offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack('>I4sI', offset + len(body), b'', 0x04300000)
    header += b'mntr' + (b'GRAY' if grey else b'RGB ') + b'XYZ '
    header += struct.pack('>6H', 2026, 1, 1, 0, 0, 0)
    header += b'acsp' + bytes(28) + _numbers(b'', D50)
    return header.ljust(128, b'\0') + table + body


def _text(text: str) -> bytes:
    """Return a tag of English text."""
    letters = text.encode('utf-16-be')
    return b'mluc' + struct.pack('>III4sII', 0, 1, 12, b'enUS', len(letters), 28) + letters


def _numbers(kind: bytes, values: np.ndarray | tuple[float, ...]) -> bytes:
    """Return a tag of signed numbers with 16 binary places."""
    fixed = (round(float(value) * 65536) for value in values)
    return (kind + bytes(4) if kind else b'') + b''.join(struct.pack('>i', v) for v in fixed)


@lru_cache(maxsize=16)
def _transform(source: bytes | None, target: bytes | None) -> ImageCms.ImageCmsTransform | None:
    """Return the transform between two profiles; None if they are one but for rounding."""
    profiles = (
        ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile('sRGB')
        for profile in (source, target)
    )
    transform = ImageCms.buildTransform(*profiles, 'RGB', 'RGB')
    steps = np.arange(0, 256, 15, np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    converted = np.asarray(ImageCms.applyTransform(Image.fromarray(colors), transform))
    return None if np.abs(converted.astype(int) - colors).max() <= SAME else transform
