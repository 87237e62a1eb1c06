"""A scene of two textured planes, seen from two places, for tests."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image
from skimage import data

SCALE = 4
SIZE = (240, 320)
BOARD = (130, 45, 290, 195)  # left, top, right, bottom in the photo
BEHIND = np.array([[1.05, 0.05, -30], [-0.04, 1.02, 12], [1e-4, 5e-5, 1]])
"""From the photo to the reference: what lies behind the board, and the board itself."""
BEFORE = np.array([[0.8, -0.1, 40], [0.05, 0.93, -8], [-5e-4, 1e-4, 1]])


def mapped(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points (x, y), (h, w, 2), by a homography, as OpenCV does."""
    return cv2.perspectiveTransform(points.astype(np.float64), matrix)


class Scene(NamedTuple):
    gt: np.ndarray
    lq: np.ndarray
    ref: np.ndarray
    is_board: np.ndarray

    def place(self) -> np.ndarray:
        """Where in the reference each LR pixel lies, (x, y), (h, w, 2)."""
        y, x = np.mgrid[: SIZE[0] : SCALE, : SIZE[1] : SCALE] + (SCALE - 1) / 2
        here = np.dstack([x, y])
        is_board = self.is_board[::SCALE, ::SCALE, None]
        return np.where(is_board, mapped(BEFORE, here), mapped(BEHIND, here))


def two_planes() -> Scene:
    """A board before a picture that it hides; the reference is seen from aside, and darker."""
    height, width = SIZE
    wall, front = (
        np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
        for image in (data.coffee(), data.astronaut())
    )
    left, top, right, bottom = BOARD
    is_board = np.zeros(SIZE, np.uint8)
    is_board[top:bottom, left:right] = 1
    gt = np.where(is_board[..., None] > 0, front, wall)

    def seen(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        return cv2.warpPerspective(image, matrix, (width, height), flags=cv2.INTER_CUBIC)

    ref = np.where(seen(is_board, BEFORE)[..., None] > 0, seen(front, BEFORE), seen(wall, BEHIND))
    ref = np.clip(255 * (ref / 255) ** 1.3, 0, 255).astype(np.uint8)
    lq = np.array(Image.fromarray(gt).resize((width // SCALE, height // SCALE), Image.BICUBIC))
    return Scene(gt, lq, ref, is_board > 0)
