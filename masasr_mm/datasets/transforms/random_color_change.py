"""Augmentation: one image of a pair changes in contrast and brightness."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform


@TRANSFORMS.register_module()
class RandomColorChange(BaseTransform):
    """Change one of two images, drawn with equal chance, to ``|contrast · x + brightness|``.

    The result is rounded and limited to [0, 255]. It comes before LR and Ref↓ are made, so that
    they change with their image.

    Modified keys: one of ``keys``.

    Args:
        keys (Sequence[str]): The two images, (H, W, 3) uint8. Defaults to ('gt', 'ref').
        contrast (tuple[float, float]): Range of the factor. Defaults to (0.7, 1.3).
        brightness (tuple[float, float]): Range of the offset, in grey levels.
            Defaults to (-20, 20).
    """

    def __init__(
        self,
        keys: Sequence[str] = ('gt', 'ref'),
        contrast: tuple[float, float] = (0.7, 1.3),
        brightness: tuple[float, float] = (-20, 20),
    ) -> None:
        self.first, self.second = keys
        self.contrast = contrast
        self.brightness = brightness

    def transform(self, results: dict) -> dict:
        """Change the colours of one of the two images.

        Args:
            results (dict): Results with both ``keys``.

        Returns:
            dict: The same results, with a new array for one of the keys.
        """
        key = self.first if np.random.random() < 0.5 else self.second
        alpha = np.random.uniform(*self.contrast)
        beta = np.random.uniform(*self.brightness)
        results[key] = cv2.convertScaleAbs(results[key], alpha=alpha, beta=beta)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(keys={(self.first, self.second)}, '
            f'contrast={self.contrast}, brightness={self.brightness})'
        )
