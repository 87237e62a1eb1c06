"""A super-resolved image with all that tells how it came about."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from ..models.match_maps import MatchMaps

#: Below it a reference shows so little of the photo that its texture is likely to be wrong: of 70
#: pairs of views of one scene 67 are above it, of 370 pairs of unrelated photos 352 below.
LOW_AGREEMENT = 0.74
DETAIL_SIGMA = 3.0
WINDOW = 15
NOISE_VARIANCE = 2.0


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


def two_digits(agreement: float) -> str:
    """Return an agreement in two digits, which look low where it is.

    Args:
        agreement (float): In [-1, 1].

    Returns:
        str: Rounded down, so that nothing below :data:`LOW_AGREEMENT` reads as if it were not.
    """
    return f'{math.floor(agreement * 100) / 100:.2f}'


def agreement(lq: np.ndarray, ref_down: np.ndarray, position: np.ndarray) -> float:
    """Measure how well the matched reference pixels, put in the LR's place, look like the LR.

    R (Eq. 4) lives in feature space: how high it is between unlike photos depends on the weights,
    and on how smooth the photo is. This is seen in the picture itself: the correlation of detail
    (luminance less its Gaussian mean) in windows of 15×15 pixels, averaged with the LR's contrast
    as weight. Exposure and contrast of the reference do not matter.

    Args:
        lq (np.ndarray): LR image, shape (h, w, 3), uint8, RGB.
        ref_down (np.ndarray): Reduced reference, shape (H, W, 3), uint8, RGB.
        position (np.ndarray): (y, x) on the Ref↓ grid for every LR pixel, shape (h, w, 2).

    Returns:
        float: In [-1, 1]; 1 where the LR has no contrast, as it needs no texture then.
    """
    grey, ref_grey = _luminance(lq), _luminance(ref_down)
    detail, found = _detail(grey), _detail(ref_grey[position[..., 0], position[..., 1]])
    # OpenCV's running sums fall a little below 0 where a large image is flat.
    variance, found_variance = (np.maximum(_local_mean(values**2), 0) for values in (detail, found))
    contrast = np.sqrt(variance)
    if contrast.mean() < 0.5:
        return 1.0
    product = np.maximum(variance, NOISE_VARIANCE) * np.maximum(found_variance, NOISE_VARIANCE)
    correlation = _local_mean(detail * found) / np.sqrt(product)
    return float((correlation * contrast).sum() / contrast.sum())


def _luminance(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).convert('L'), np.float32)


def _detail(grey: np.ndarray) -> np.ndarray:
    return grey - cv2.GaussianBlur(grey, (0, 0), DETAIL_SIGMA)


def _local_mean(values: np.ndarray) -> np.ndarray:
    return cv2.boxFilter(values, -1, (WINDOW, WINDOW))
