"""What a homography leaves: parallax, found by optical flow, and what needs no warping."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageFilter

from ..images.pixels import resize
from ..models.agreement import agreement, detail_of, local_agreement
from .warping import Part, transform_points

ENLARGED = 2
"""Flow is sought on LR images of twice their size: MASA takes whole LR pixels, so that what is
below one must be right already."""
SPREAD_SIGMA = 6.0  # LR pixels over which the contrast is made even
WINDOW = 9
"""LR pixels, in each direction, whose median displacement each one takes: single ones that differ
from those around them are errors, and tear the texture, while edges of things stay."""
LEAST_SIDE = 6  # LR pixels; enlarged, OpenCV's flow takes nothing much smaller
FLAT = 2.0  # grey levels of contrast, below which detail is noise
NEIGHBOURHOOD_SIGMA = 4.0
"""LR pixels over which it is decided whether a reference is warped."""
AS_GOOD, AS_GOOD_IN_ALL, NOISE = 1.1, 1.07, 0.001
"""How many times the disagreement of what is warped a reference may have as it is, and how much
more. Warping blurs, and its errors grow where the photo is compressed."""


def displacements(lq: np.ndarray, aligned: np.ndarray) -> np.ndarray:
    """Find where in a reference in the SR frame every LR pixel really lies, by optical flow (DIS).

    Returns (x, y) in LR pixels to add to places in the frame, (h, w, 2). Both are compared at the
    LR's resolution, in contrast made even, so that neither the sharpness nor the exposure of the
    reference matters. Zeros where flow makes the images no more alike, and in tiny images.
    """
    size = lq.shape[:2]
    if min(size) < LEAST_SIDE:
        return np.zeros((*size, 2), np.float32)
    reduced = resize(aligned, *size[::-1])
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(0)
    found = flow.calc(_even(lq), _even(reduced), None) / ENLARGED
    found = _medians(cv2.resize(found, size[::-1], interpolation=cv2.INTER_AREA))
    here = np.stack(np.mgrid[: size[0], : size[1]], axis=-1)
    places = (here[..., ::-1] + found).astype(np.float32)
    moved = cv2.remap(reduced, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    better = agreement(lq, moved, here) > agreement(lq, reduced, here)
    return found if better else np.zeros_like(found)


def as_good_unwarped(
    lq: np.ndarray, warped: Part, image: np.ndarray, whole: Part, whole_image: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find where a reference shows the photo as well in its own whole LR pixels as warped, (h, w).

    And (x, y) to add to places in the frame there, as ``warped`` has it, in its pixels (h, w, 2).
    """
    size, scale = lq.shape[:2], warped.size[0] // warped.moved.shape[0]
    y, x = np.mgrid[: size[0], : size[1]]
    place = (np.stack([x, y], axis=-1) + 0.5) * scale - 0.5
    in_whole = transform_points(np.linalg.inv(whole.matrix), warped.trace(place))
    steps = np.round((in_whole - place) / scale).astype(int)
    reduced = resize(image[: size[0] * scale, : size[1] * scale], *size[::-1])
    whole_reduced = resize(whole_image, *(length // scale for length in whole.size[::-1]))
    unwarped = whole_reduced[
        (y + steps[..., 1]).clip(0, whole_reduced.shape[0] - 1),
        (x + steps[..., 0]).clip(0, whole_reduced.shape[1] - 1),
    ]
    (agreement_here, contrast), (agreement_unwarped, _) = (
        local_agreement(lq, shown) for shown in (reduced, unwarped)
    )
    weight = contrast + NOISE
    error, error_unwarped = weight * (1 - agreement_here), weight * (1 - agreement_unwarped)
    around, around_unwarped, weight_around = (
        cv2.GaussianBlur(values, (0, 0), NEIGHBOURHOOD_SIGMA)
        for values in (error, error_unwarped, weight)
    )
    as_good = around_unwarped <= AS_GOOD * around + NOISE * weight_around
    best = np.where(as_good, error_unwarped, error).sum()
    if error_unwarped.sum() <= AS_GOOD_IN_ALL * best + NOISE * weight.sum():
        as_good[:] = True
    in_ref = transform_points(whole.matrix, place + scale * steps)
    return as_good, transform_points(np.linalg.inv(warped.matrix), in_ref) - place


def _medians(found: np.ndarray) -> np.ndarray:
    """Return the median displacement around every pixel, by Pillow, as OpenCV's takes 8 bits."""
    taken = ImageFilter.MedianFilter(WINDOW)
    parts = (Image.fromarray(np.ascontiguousarray(part)) for part in np.moveaxis(found, -1, 0))
    return np.stack([np.asarray(part.filter(taken)) for part in parts], axis=-1)


def _even(image: np.ndarray) -> np.ndarray:
    """Return an enlarged image's detail with the same contrast everywhere, uint8."""
    enlarged = resize(image, *(length * ENLARGED for length in image.shape[1::-1]))
    detail = detail_of(enlarged, SPREAD_SIGMA * ENLARGED)
    energy = cv2.GaussianBlur(detail**2, (0, 0), SPREAD_SIGMA * ENLARGED)
    return np.clip(detail / np.sqrt(energy + FLAT**2) * 40 + 128, 0, 255).astype(np.uint8)
