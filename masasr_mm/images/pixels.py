"""Pixels in 8 or 16 bits: their range, size, opacity, and whether they have a hue."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

#: Differences between channels, of 255, that a black-and-white photo has after it was saved with
#: loss: of single pixels and of means over so many pixels each way. Of three photos with noise of
#: up to 1.5 in each channel, saved as JPEG, WebP and HEIC, the largest are 10, 3.5 and 0.6, of
#: three others 11, 3.2 and 0.6; a dot of 3×3 pixels that is just seen to be coloured has 22 and 12.
NEUTRAL = ((1, 12.0), (4, 4.0), (32, 1.0))


def white(pixels: np.ndarray) -> int:
    """Return the value of white: 255 of uint8, 65535 of uint16."""
    return np.iinfo(pixels.dtype).max


def in_bits(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Return uint8 or uint16 pixels in 8 or 16 bits: round(v / 257), or 257 v."""
    if white(pixels) == (1 << bits) - 1:
        return pixels
    return pixels * np.uint16(257) if bits == 16 else _to_eight_bits()[pixels]


def stretch(pixels: np.ndarray, black: int, top: int) -> np.ndarray:
    """Return uint16 pixels with ``black`` at 0 and ``top`` at 65535; what is beyond is cut."""
    values = (np.arange(65536.0) - black) * (65535 / (top - black))
    return values.round().clip(0, 65535).astype(np.uint16)[pixels]


def unstretch(pixels: np.ndarray, black: int, top: int) -> np.ndarray:
    """Return uint16 pixels with 0 at ``black`` and 65535 at ``top``, as they were stored."""
    values = black + np.arange(65536.0) * ((top - black) / 65535)
    return values.round().astype(np.uint16)[pixels]


def resize(
    pixels: np.ndarray, width: int, height: int, kind: Image.Resampling = Image.Resampling.BICUBIC
) -> np.ndarray:
    """Return uint8 or uint16 pixels, (H, W) or (H, W, 3), in another size, by Pillow's filters."""
    if pixels.dtype == np.uint8:
        return np.asarray(Image.fromarray(pixels).resize((width, height), kind))
    if pixels.ndim == 3:
        channels = [resize(pixels[..., index], width, height, kind) for index in range(3)]
        return np.stack(channels, axis=-1)
    values = Image.fromarray(pixels.astype(np.float32)).resize((width, height), kind)
    return np.asarray(values).round().clip(0, 65535).astype(np.uint16)


def to_grey(rgb: np.ndarray) -> np.ndarray:
    """Return the luma (BT.601) of uint8 or uint16 pixels, (H, W)."""
    if rgb.dtype == np.uint8:
        return np.asarray(Image.fromarray(rgb).convert('L'))
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def is_neutral(rgb: np.ndarray) -> bool:
    """Whether an image is black and white but for what saving it with loss added."""
    tolerance = NEUTRAL[0][1] * white(rgb) / 255
    if np.ptp(rgb[::8, ::8].astype(np.int32), axis=2).max() > tolerance:
        return False  # as of nearly every photo in colour
    values = rgb.astype(np.float32) * (255 / white(rgb))
    hue = np.stack([values[..., 0] - values[..., 1], values[..., 2] - values[..., 1]], axis=-1)
    return all(np.abs(cv2.blur(hue, (n, n))).max() <= most for n, most in NEUTRAL)


def unmultiplied(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return 16-bit colours that were stored multiplied with their opacity (H, W)."""
    seen = np.maximum(alpha, 1).astype(np.float32)[..., None]
    return (rgb * (65535 / seen)).round().clip(0, 65535).astype(np.uint16)


def spread_visible(rgb: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Return RGB pixels with the nearest visible colours where nothing can be seen.

    Cut-outs are mostly stored on black, which the network would mix into their edges.
    """
    if alpha is None or alpha.all() or not alpha.any():
        return rgb
    solid = alpha >= (int(alpha.max()) + 1) // 2
    return np.where((alpha == 0)[..., None], spread(rgb, solid), rgb)


def spread(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Replace values, (H, W, …), by that of the nearest pixel where ``known``, (H, W), is true."""
    _, nearest = cv2.distanceTransformWithLabels(
        np.uint8(~known), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros((int(nearest.max()) + 1, *values.shape[2:]), values.dtype)
    of_label[nearest[known]] = values[known]
    return of_label[nearest]


@lru_cache
def _to_eight_bits() -> np.ndarray:
    """Return round(v / 257) for each v; 257 is odd, so nothing lies half-way."""
    return ((np.arange(65536) + 128) // 257).astype(np.uint8)
