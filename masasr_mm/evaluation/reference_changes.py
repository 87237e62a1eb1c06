"""Changes of a reference that a robust network should not mind (Fig. 6)."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from PIL import Image
from torchvision.transforms import functional

from ..errors import UserError


class Change(NamedTuple):
    """A kind of change.

    Attributes:
        label (str): A strength as text, with a place for the number.
        axis (str): What the number means.
        neutral (float): The strength that changes nothing.
        strengths (tuple[float, ...]): Strengths to test, in order.
    """

    label: str
    axis: str
    neutral: float
    strengths: tuple[float, ...]

    @property
    def strongest(self) -> float:
        """float: The strength farthest from changing nothing."""
        return max(self.strengths, key=lambda strength: abs(strength - self.neutral))


CHANGES = dict(
    luminance=Change(
        label='luminance × {:g}',
        axis='factor of the luminance',
        neutral=1.0,
        strengths=(0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6),
    ),
    color=Change(
        label='hue {:+g}°',
        axis='turn of the hue (degrees)',
        neutral=0.0,
        strengths=(-90.0, -30.0, 0.0, 30.0, 90.0, 180.0),
    ),
    blur=Change(
        label='Gaussian, σ = {:g} pixels',
        axis='deviation of the Gaussian (pixels)',
        neutral=0.0,
        strengths=(0.0, 1.0, 2.0, 4.0, 8.0),
    ),
)


@TRANSFORMS.register_module()
class ChangeReference(BaseTransform):
    """Change the luminance, colour or sharpness of a reference.

    It comes right after the reference is read, so that Ref↓ changes with it.

    Modified keys: ``key``, an array (H, W, 3) RGB uint8, or a list of them.

    Args:
        change (str): 'luminance' multiplies all pixels by ``strength``, 'color' turns their hue by
            so many degrees, 'blur' applies a Gaussian of that deviation in pixels.
        strength (float): How much.
        key (str): The reference. Defaults to 'ref'.

    Raises:
        UserError: If there is no such change.
    """

    def __init__(self, change: str, strength: float, key: str = 'ref') -> None:
        if change not in CHANGES:
            raise UserError(
                f'ChangeReference: change={change!r} is not one of {", ".join(CHANGES)}'
            )
        self.change = change
        self.strength = strength
        self.key = key

    def transform(self, results: dict) -> dict:
        """Change the reference, or all of them.

        Args:
            results (dict): Results with ``key``.

        Returns:
            dict: The same results with new arrays in ``key``.
        """
        value = results[self.key]
        several = isinstance(value, (list, tuple))
        results[self.key] = [self._apply(v) for v in value] if several else self._apply(value)
        return results

    def _apply(self, image: np.ndarray) -> np.ndarray:
        if self.strength == CHANGES[self.change].neutral:
            return image.copy()
        if self.change == 'blur':
            return cv2.GaussianBlur(image, (0, 0), self.strength, borderType=cv2.BORDER_REPLICATE)
        picture = Image.fromarray(image)
        if self.change == 'luminance':
            return np.array(functional.adjust_brightness(picture, self.strength))
        return np.array(functional.adjust_hue(picture, self.strength / 360))

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(change={self.change}, strength={self.strength}, key={self.key})'
        )
