"""Augmentation: an image as it looks from elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform


@TRANSFORMS.register_module()
class RandomViewpoint(BaseTransform):
    """Turn, scale, shift and tilt an image, so that a network learns to match other views.

    The image keeps its size; what comes in from outside is mirrored. All draws are uniform, the
    scale's on its logarithm. It belongs before Ref↓ is made.

    Modified keys: ``key``.

    Args:
        key (str): The image, (H, W, 3) uint8. Defaults to 'ref'.
        prob (float): Probability of a new viewpoint, in [0, 1]; else the image is only shifted.
            Defaults to 0.6.
        angle (float): Largest turn to either side, in degrees. Defaults to 15.
        scale (float): Largest factor by which it is enlarged or reduced. Defaults to 1.3.
        tilt (float): Largest shift of each corner by perspective, as a part of the sides.
            Defaults to 0.06.
        shift (float): Largest shift of the whole, as a part of the sides. Defaults to 0.12.
    """

    def __init__(
        self,
        key: str = 'ref',
        prob: float = 0.6,
        angle: float = 15,
        scale: float = 1.3,
        tilt: float = 0.06,
        shift: float = 0.12,
    ) -> None:
        self.key = key
        self.prob = prob
        self.angle = angle
        self.scale = scale
        self.tilt = tilt
        self.shift = shift

    def transform(self, results: dict) -> dict:
        """Draw a viewpoint and show the image from there.

        Args:
            results (dict): Results with ``key``.

        Returns:
            dict: The same results, with a new array in ``key``.
        """
        image = results[self.key]
        results[self.key] = warped(image, self._draw(*image.shape[:2]))
        return results

    def _draw(self, height: int, width: int) -> np.ndarray:
        """Return a homography from the image to itself, shape (3, 3)."""
        sides = np.array([width, height])
        corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * sides
        moved = corners + np.random.uniform(-self.shift, self.shift, 2) * sides
        if np.random.random() < self.prob:
            angle = np.radians(np.random.uniform(-self.angle, self.angle))
            scale = self.scale ** np.random.uniform(-1, 1)
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            moved = scale * moved @ turn
            moved += np.random.uniform(-self.tilt, self.tilt, (4, 2)) * sides
        centre = (sides - 1) / 2
        return cv2.getPerspectiveTransform(
            (corners + centre).astype(np.float32), (moved + centre).astype(np.float32)
        )

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(key={self.key}, prob={self.prob}, angle={self.angle}, '
            f'scale={self.scale}, tilt={self.tilt}, shift={self.shift})'
        )


def warped(image: np.ndarray, homography: np.ndarray) -> np.ndarray:
    """Return an image after a homography, without aliasing down to half the size.

    Args:
        image (np.ndarray): Pixels (H, W, 3), uint8.
        homography (np.ndarray): From pixels of the image to pixels of the result, (3, 3).

    Returns:
        np.ndarray: Pixels (H, W, 3), uint8.
    """
    height, width = image.shape[:2]
    # Drawn at twice the size and averaged, since warpPerspective alone does not filter.
    twice = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    drawn = cv2.warpPerspective(
        image,
        twice @ homography,
        (2 * width, 2 * height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
