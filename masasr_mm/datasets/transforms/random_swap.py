"""Augmentation: the input and its reference change places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform


@TRANSFORMS.register_module()
class RandomSwap(BaseTransform):
    """Swap two images with a probability; what the loader wrote about them follows.

    Modified keys: both ``keys``, and ``{key}_path``, ``ori_{key}_shape`` and ``ori_{key}`` where
    they exist for both.

    Args:
        keys (Sequence[str]): The two images. Defaults to ('gt', 'ref').
        prob (float): Probability, in [0, 1]. Defaults to 0.5.
    """

    COMPANIONS = ('{}', '{}_path', 'ori_{}_shape', 'ori_{}')

    def __init__(self, keys: Sequence[str] = ('gt', 'ref'), prob: float = 0.5) -> None:
        self.first, self.second = keys
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Swap the two images, or do nothing.

        Args:
            results (dict): Results with both ``keys``.

        Returns:
            dict: The same results.
        """
        if np.random.random() >= self.prob:
            return results
        for template in self.COMPANIONS:
            first, second = template.format(self.first), template.format(self.second)
            if first in results and second in results:
                results[first], results[second] = results[second], results[first]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(keys={(self.first, self.second)}, prob={self.prob})'
