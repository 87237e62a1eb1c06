"""Augmentation: rotation by a multiple of a right angle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform


@TRANSFORMS.register_module()
class RandomRotation90(BaseTransform):
    """Rotate images together by k·90° anticlockwise, k uniform in 0..3, with a probability.

    Images that are not square are turned by 180° where they would be by 270°, and left as they are
    where they would be by 90°: those of a batch are stacked and must keep one shape.

    Modified keys: all ``keys``, each an array (H, W, C) or a list of them.

    Args:
        keys (str | Sequence[str]): The images that are rotated by the same angle.
        prob (float): Probability, in [0, 1], that an angle is drawn; a quarter of the angles
            drawn is 0°. Defaults to 0.5.
    """

    def __init__(self, keys: str | Sequence[str], prob: float = 0.5) -> None:
        self.keys = [keys] if isinstance(keys, str) else list(keys)
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Rotate the images, or do nothing.

        Args:
            results (dict): Results with all ``keys``.

        Returns:
            dict: The same results, with new arrays where an angle was drawn.
        """
        if np.random.random() >= self.prob:
            return results
        turns = np.random.randint(4)
        if not all(_is_square(results[key]) for key in self.keys):
            turns = turns // 2 * 2
        for key in self.keys:
            value = results[key]
            if isinstance(value, list):
                results[key] = [self._rotate(image, turns) for image in value]
            else:
                results[key] = self._rotate(value, turns)
        return results

    @staticmethod
    def _rotate(image: np.ndarray, turns: int) -> np.ndarray:
        """Return an image after quarter turns, contiguous as OpenCV and torch need it."""
        return np.ascontiguousarray(np.rot90(image, turns))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(keys={self.keys}, prob={self.prob})'


def _is_square(value: np.ndarray | list[np.ndarray]) -> bool:
    """Tell whether an image, or every one of a list, is as wide as high."""
    images = value if isinstance(value, list) else [value]
    return all(image.shape[0] == image.shape[1] for image in images)
