"""A super-resolved image with all that tells how it came about."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from ..models.match_maps import MatchMaps

#: Below it a reference shows so little of the photo that its texture is likely to be wrong: 94 % of
#: 70 pairs of views of one scene are above it, 87 % of 320 pairs of unrelated photos below.
LOW_AGREEMENT = 0.7
WINDOW = 7
NOISE_VARIANCE = 4.0


class Prediction(NamedTuple):
    """One super-resolved image.

    Attributes:
        image (np.ndarray): The SR image, shape (scale·h, scale·w, 3), uint8, RGB.
        lq (np.ndarray): The LR image, shape (h, w, 3), uint8, RGB.
        ref (np.ndarray): The references, padded to one size and stacked from top to bottom, shape
            (scale·H, scale·W, 3), uint8, RGB.
        ref_down (np.ndarray): ``ref`` bicubically reduced, shape (H, W, 3), uint8, RGB.
        num_refs (int): How many references are stacked.
        matches (MatchMaps): Where the texture came from.
    """

    image: np.ndarray
    lq: np.ndarray
    ref: np.ndarray
    ref_down: np.ndarray
    num_refs: int
    matches: MatchMaps

    @property
    def similarity(self) -> float:
        """float: Mean of R (Eq. 4) over the LR image, in [-1, 1]."""
        return float(self.matches.similarity.mean())

    @property
    def agreement(self) -> float:
        """float: How much of the LR image the references show, see :func:`agreement`."""
        return agreement(self.lq, self.ref_down, self.matches.position)


def agreement(lq: np.ndarray, ref_down: np.ndarray, position: np.ndarray) -> float:
    """Measure how well the matched reference pixels, put in the LR's place, look like the LR.

    R (Eq. 4) lives in feature space: how high it is between unlike photos depends on the weights,
    and on how smooth the photo is. This is seen in the picture itself: the correlation of
    luminance in windows of 7×7 pixels, averaged with the LR's contrast as weight. Exposure and
    contrast of the reference do not matter.

    Args:
        lq (np.ndarray): LR image, shape (h, w, 3), uint8, RGB.
        ref_down (np.ndarray): Reduced reference, shape (H, W, 3), uint8, RGB.
        position (np.ndarray): (y, x) on the Ref↓ grid for every LR pixel, shape (h, w, 2).

    Returns:
        float: In [-1, 1]; 1 where the LR has no contrast, as it needs no texture then.
    """
    grey, ref_grey = (
        np.asarray(Image.fromarray(x).convert('L'), np.float32) for x in (lq, ref_down)
    )
    found = ref_grey[position[..., 0], position[..., 1]]
    mean, found_mean = _local_mean(grey), _local_mean(found)
    variance = _local_mean(grey**2) - mean**2
    found_variance = _local_mean(found**2) - found_mean**2
    covariance = _local_mean(grey * found) - mean * found_mean
    product = np.maximum(variance, NOISE_VARIANCE) * np.maximum(found_variance, NOISE_VARIANCE)
    contrast = np.sqrt(np.maximum(variance, 0))
    if contrast.sum() < grey.size * 0.5:
        return 1.0
    return float((covariance / np.sqrt(product) * contrast).sum() / contrast.sum())


def _local_mean(values: np.ndarray) -> np.ndarray:
    return cv2.boxFilter(values, -1, (WINDOW, WINDOW))
