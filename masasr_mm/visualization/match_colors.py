"""Matches as colours: places in the reference, similarities, and the texture itself."""

from __future__ import annotations

import cv2
import numpy as np
from matplotlib import colormaps

#: Colours of the reference's corners: top left, top right, bottom left, bottom right.
CORNERS = np.array(
    [[[1.00, 0.10, 0.15], [1.00, 0.90, 0.00]], [[0.35, 0.10, 1.00], [0.00, 0.85, 0.45]]]
)
HEAT = 'inferno'
UNUSED = 0.25


def place_colors(position: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Give every place in the reference its colour, blended between those of the corners.

    Args:
        position (np.ndarray): (y, x), shape (..., 2).
        grid (tuple[int, int]): Height and width of the reference in the same unit.

    Returns:
        np.ndarray: RGB in [0, 1], shape (..., 3).
    """
    y, x = ((position[..., axis] / max(1, grid[axis] - 1))[..., None].clip(0, 1) for axis in (0, 1))
    top = CORNERS[0, 0] * (1 - x) + CORNERS[0, 1] * x
    bottom = CORNERS[1, 0] * (1 - x) + CORNERS[1, 1] * x
    return top * (1 - y) + bottom * y


def tint(image: np.ndarray, colors: np.ndarray, strength: float = 0.85) -> np.ndarray:
    """Colour an image and keep its light and shade.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8, RGB.
        colors (np.ndarray): RGB in [0, 1], shape (H, W, 3).
        strength (float): 0 leaves grey, 1 takes the colours as they are. Default: 0.85.

    Returns:
        np.ndarray: Shape (H, W, 3), uint8, RGB.
    """
    light = (image @ np.array([0.299, 0.587, 0.114]) / 255)[..., None]
    shaded = colors * (0.45 + 0.55 * light)
    return np.uint8(np.round(255 * (strength * shaded + (1 - strength) * light)))


def heat(image: np.ndarray, similarity: np.ndarray, low: float, high: float) -> np.ndarray:
    """Lay similarities over an image as a heat map.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8, RGB.
        similarity (np.ndarray): Shape (H, W); NaN where there is none, which stays grey.
        low (float): The similarity of the coldest colour.
        high (float): The similarity of the hottest colour.

    Returns:
        np.ndarray: Shape (H, W, 3), uint8, RGB.
    """
    there = np.isfinite(similarity)
    share = (np.where(there, similarity, low) - low) / max(high - low, 1e-6)
    warm = tint(image, colormaps[HEAT](share.clip(0, 1))[..., :3])
    return np.where(there[..., None], warm, faded(image))


def faded(image: np.ndarray) -> np.ndarray:
    """Return an image in dark grey, as what was not used is shown.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8, RGB.

    Returns:
        np.ndarray: Shape (H, W, 3), uint8, RGB.
    """
    return tint(np.uint8(image * UNUSED), np.zeros(3), strength=0)


def similarity_on_reference(
    position: np.ndarray, similarity: np.ndarray, grid: tuple[int, int]
) -> np.ndarray:
    """Return the highest similarity with which each place of the reference was used.

    A match takes a patch of 3×3, so it uses the places around it, too.

    Args:
        position (np.ndarray): (y, x) for every LR pixel, shape (h, w, 2).
        similarity (np.ndarray): R (Eq. 4), shape (h, w).
        grid (tuple[int, int]): Height and width of the reference in the unit of ``position``.

    Returns:
        np.ndarray: Shape (H, W), float32; NaN where nothing was taken from.
    """
    highest = np.full(grid, -np.inf, np.float32)
    np.maximum.at(highest, (position[..., 0], position[..., 1]), similarity)
    highest = cv2.dilate(highest, np.ones((3, 3)), borderValue=-np.inf)
    return np.where(np.isfinite(highest), highest, np.nan)


def texture_in_place(ref: np.ndarray, position: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Put the matched reference pixels in the LR's place.

    Args:
        ref (np.ndarray): Shape (scale·H, scale·W, 3), uint8, RGB.
        position (np.ndarray): (y, x) on the grid of H×W for every LR pixel, shape (h, w, 2).
        grid (tuple[int, int]): H and W.

    Returns:
        np.ndarray: Shape (scale·h, scale·w, 3), uint8, RGB: for every LR pixel the scale×scale
        pixels of its match.
    """
    scale = ref.shape[0] // grid[0]
    cells = ref.reshape(grid[0], scale, grid[1], scale, 3).swapaxes(1, 2)
    found = cells[position[..., 0], position[..., 1]].swapaxes(1, 2)
    return found.reshape(position.shape[0] * scale, position.shape[1] * scale, 3)
