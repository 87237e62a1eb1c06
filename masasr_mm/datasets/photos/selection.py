"""Which images are photographs that may be trained on."""

from __future__ import annotations

import fnmatch
import hashlib
import io

import cv2
import numpy as np
from PIL import Image

from masasr_mm.errors import BrokenFileError
from masasr_mm.images.io import decode_rgb

from .packages import PackedImage

LEAST_SIDE = 256
SHORTER_SIDE = 1024
"""Photographs are reduced to it: large ones are soft at full size."""
DRAWN = (
    '*/babyshapes/*',
    '*/doc/HTML/*',
    '*/gnome/licorice-*',
    '*/gnome/pixels-*',
    '*/Elephants.jpg',
    '*/Ubuntu-Mate-*',
    '*/Honeywave/*',
    '*/Patak/*',
    '*/SafeLanding/*',
    '*/Shell/*',
    '*/string.jpg',
)
"""Drawings, collages and pictures of programs that look like photographs to a computer."""
HASH_SIZE = 16
NEAR_DUPLICATE = 48
"""Of the 256 bits of a perceptual hash; unlike pictures differ in about 128."""
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


def reduced(photo: np.ndarray) -> np.ndarray:
    """Return a photograph of which the shorter side is no more than :data:`SHORTER_SIDE`.

    Args:
        photo (np.ndarray): Pixels (H, W, 3), uint8.

    Returns:
        np.ndarray: Pixels (h, w, 3), uint8.
    """
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

    Args:
        image (np.ndarray): Pixels (H, W, 3), uint8.

    Returns:
        bool: Whether it looks like a photograph with something to learn from.
    """
    levels = image.astype(np.int16)
    colours = len(np.unique((image[::2, ::2] >> 2).reshape(-1, 3), axis=0))
    chroma = np.mean(levels.max(axis=2) - levels.min(axis=2))
    return bool(
        flat_part(image) < 0.3
        and colours > 0.01 * image[::2, ::2, 0].size
        and chroma > 4
        and lost_detail(image) > 2
    )


def flat_part(image: np.ndarray) -> float:
    """Return how much of an image equals the pixel to the left to the last bit.

    Args:
        image (np.ndarray): Pixels (H, W, 3), uint8.

    Returns:
        float: In [0, 1].
    """
    return float(np.mean((image[:, 1:] == image[:, :-1]).all(axis=2)))


def lost_detail(image: np.ndarray) -> float:
    """Return how much of an image is lost when it is reduced four times.

    Args:
        image (np.ndarray): Pixels (H, W, 3), uint8.

    Returns:
        float: Root mean square error of the image enlarged again, in grey levels.
    """
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return float(np.sqrt(np.mean((image.astype(np.float32) - enlarged) ** 2)))


def perceptual_hash(image: np.ndarray):
    """Return a hash of which near-duplicates differ in few bits.

    Args:
        image (np.ndarray): Pixels (H, W, 3), uint8.

    Returns:
        imagehash.ImageHash: Of 256 bits.
    """
    import imagehash

    return imagehash.phash(Image.fromarray(image), hash_size=HASH_SIZE)


class Selection:
    """Takes images one after another and keeps those that are photographs, each once."""

    def __init__(self) -> None:
        import imagehash

        self._hashes = [imagehash.hex_to_hash(text) for text in NEVER_TRAINED_ON.values()]
        self._seen: set[str] = set()

    def photograph(self, image: PackedImage) -> np.ndarray | None:
        """Return the pixels of an image if it is to be trained on.

        Args:
            image (PackedImage): The image.

        Returns:
            np.ndarray | None: Pixels (H, W, 3), uint8 RGB, of reduced size; None for a drawing, a
            small, broken or see-through image, a near-duplicate of one before, and one that
            results are measured on.
        """
        checksum = hashlib.sha256(image.content).hexdigest()
        drawn = any(fnmatch.fnmatchcase(f'/{image.file}', pattern) for pattern in DRAWN)
        if drawn or checksum in self._seen:
            return None
        self._seen.add(checksum)
        try:
            pixels = decode_rgb(image.content, image.file)
        except BrokenFileError:
            return None
        if min(pixels.shape[:2]) < LEAST_SIDE or _see_through(image.content):
            return None
        pixels = reduced(pixels)
        if not looks_like_a_photograph(pixels):
            return None
        found = perceptual_hash(pixels)
        if any(found - known <= NEAR_DUPLICATE for known in self._hashes):
            return None
        self._hashes.append(found)
        return pixels


def _see_through(content: bytes) -> bool:
    """Tell whether more than 1 % of an image file's pixels are transparent."""
    with Image.open(io.BytesIO(content)) as image:
        if not image.has_transparency_data:
            return False
        alpha = np.asarray(image.convert('RGBA'))[..., 3]
    return bool(np.mean(alpha < 255) > 0.01)
