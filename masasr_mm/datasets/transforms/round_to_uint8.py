"""What a camera's file can hold: whole grey levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform


@TRANSFORMS.register_module()
class RoundToUint8(BaseTransform):
    """Round images to whole grey levels and limit them to [0, 255].

    It comes before JPEG compression: noise and blur leave floating-point numbers, with numpy 2 of
    64 bits, which OpenCV compresses with a warning or not at all.

    Modified keys: ``keys``.

    Args:
        keys (Sequence[str]): Images, (H, W, 3), of any type, in grey levels.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys

    def transform(self, results: dict) -> dict:
        """Round the images.

        Args:
            results (dict): Results with ``keys``.

        Returns:
            dict: The same results, with arrays of uint8 in ``keys``.
        """
        for key in self.keys:
            results[key] = np.clip(np.rint(results[key]), 0, 255).astype(np.uint8)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(keys={self.keys})'
