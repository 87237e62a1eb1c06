"""How much of a photo its references show, seen in the pictures themselves."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ..images.pixels import to_grey
from .matching import MatchMaps

#: Below it a reference shows so little of the photo that its texture is likely to be wrong: of 70
#: pairs of views of one scene 67 are above it, of 370 pairs of unrelated photos 352 below.
LOW_AGREEMENT = 0.74
DETAIL_SIGMA = 3.0
WINDOW = 15
NOISE_VARIANCE = 2.0


def agreement(lq: np.ndarray, ref_down: np.ndarray, position: np.ndarray) -> float:
    """Measure how well the matched reference pixels, put in the LR's place, look like the LR.

    The correlation of detail (luminance less its Gaussian mean) in windows of 15×15 pixels,
    averaged with the LR's contrast as weight, in [-1, 1]; 1 where the LR has no contrast, as it
    needs no texture then. R (Eq. 4) depends on the weights and on how smooth the photo is; this
    does not. Takes (h, w, 3) and (H, W, 3), uint8, RGB, and (y, x) on the Ref↓ grid, (h, w, 2).
    """
    correlation, contrast = local_agreement(lq, ref_down[position[..., 0], position[..., 1]])
    if contrast.mean() < 0.5:
        return 1.0
    return float((correlation * contrast).sum() / contrast.sum())


def local_agreement(lq: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how alike two images (h, w, 3) are around each pixel, and the first one's contrast."""
    detail, found = (detail_of(image) for image in (lq, other))
    # OpenCV's running sums fall a little below 0 where a large image is flat.
    variance, found_variance = (np.maximum(_local_mean(values**2), 0) for values in (detail, found))
    product = np.maximum(variance, NOISE_VARIANCE) * np.maximum(found_variance, NOISE_VARIANCE)
    return _local_mean(detail * found) / np.sqrt(product), np.sqrt(variance)


class LowAgreementError(Exception):
    """References show too little of a photo, for which it is better off without them."""

    def __init__(self, agreement: float) -> None:
        super().__init__(agreement)
        self.agreement = agreement


def require_agreement(lq: np.ndarray, ref_down: np.ndarray) -> Callable[[list[MatchMaps]], None]:
    """Return what raises LowAgreementError where matches of an LR image with Ref↓ show little.

    For ``examine`` of ``super_resolve``; both images are (H, W, 3), uint8, RGB.
    """

    def examine(maps: list[MatchMaps]) -> None:
        measured = agreement(lq, ref_down, maps[0].position)
        if measured < LOW_AGREEMENT:
            raise LowAgreementError(measured)

    return examine


def detail_of(image: np.ndarray, sigma: float = DETAIL_SIGMA) -> np.ndarray:
    """Return what differs from the surroundings in (H, W, 3), uint8, RGB.

    That is luminance less its Gaussian mean, (H, W), float32.
    """
    grey = to_grey(image).astype(np.float32)
    return grey - cv2.GaussianBlur(grey, (0, 0), sigma)


def _local_mean(values: np.ndarray) -> np.ndarray:
    return cv2.boxFilter(values, -1, (WINDOW, WINDOW))
