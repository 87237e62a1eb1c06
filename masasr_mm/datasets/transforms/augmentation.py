"""Augmentation and degradation of training pairs, and when it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import cv2
import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from .references import as_list

_progress: ContextVar[float] = ContextVar('progress', default=1.0)


@TRANSFORMS.register_module()
@dataclass(eq=False)
class RandomSwap(BaseTransform):
    """Swap two images with a probability; what the loader wrote about them follows.

    Modified keys: both ``keys``, and ``{key}_path``, ``ori_{key}_shape`` and ``ori_{key}`` where
    they exist for both.

    Args:
        keys (Sequence[str]): The two images. Defaults to ('gt', 'ref').
        prob (float): Probability, in [0, 1]. Defaults to 0.5.
    """

    keys: Sequence[str] = ('gt', 'ref')
    prob: float = 0.5
    COMPANIONS = ('{}', '{}_path', 'ori_{}_shape', 'ori_{}')

    def transform(self, results: dict) -> dict:
        """Swap the two images, or do nothing."""
        if np.random.random() >= self.prob:
            return results
        for template in self.COMPANIONS:
            first, second = (template.format(key) for key in self.keys)
            if first in results and second in results:
                results[first], results[second] = results[second], results[first]
        return results


@TRANSFORMS.register_module()
@dataclass(eq=False)
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

    keys: Sequence[str] = ('gt', 'ref')
    contrast: tuple[float, float] = (0.7, 1.3)
    brightness: tuple[float, float] = (-20, 20)

    def transform(self, results: dict) -> dict:
        """Change the colours of one of the two images."""
        key = self.keys[0] if np.random.random() < 0.5 else self.keys[1]
        alpha = np.random.uniform(*self.contrast)
        beta = np.random.uniform(*self.brightness)
        results[key] = cv2.convertScaleAbs(results[key], alpha=alpha, beta=beta)
        return results


@TRANSFORMS.register_module()
@dataclass(eq=False)
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

    keys: str | Sequence[str]
    prob: float = 0.5

    def transform(self, results: dict) -> dict:
        """Rotate the images, or do nothing."""
        if np.random.random() >= self.prob:
            return results
        turns = np.random.randint(4)
        given = {key: as_list(results[key]) for key in as_list(self.keys)}
        if any(image.shape[0] != image.shape[1] for images in given.values() for image in images):
            turns = turns // 2 * 2
        for key, images in given.items():
            # contiguous, as OpenCV and torch need it
            turned = [np.ascontiguousarray(np.rot90(image, turns)) for image in images]
            results[key] = turned if isinstance(results[key], list) else turned[0]
        return results


@TRANSFORMS.register_module()
@dataclass(eq=False)
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

    key: str = 'ref'
    prob: float = 0.6
    angle: float = 15
    scale: float = 1.3
    tilt: float = 0.06
    shift: float = 0.12

    def transform(self, results: dict) -> dict:
        """Draw a viewpoint and show the image from there."""
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


def warped(image: np.ndarray, homography: np.ndarray) -> np.ndarray:
    """Return an image after a homography, without aliasing down to half the size."""
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


@TRANSFORMS.register_module()
@dataclass(eq=False)
class RoundToUint8(BaseTransform):
    """Round images to whole grey levels and limit them to [0, 255].

    It comes before JPEG compression: noise and blur leave floating-point numbers, with numpy 2 of
    64 bits, which OpenCV compresses with a warning or not at all.

    Modified keys: ``keys``.

    Args:
        keys (Sequence[str]): Images, (H, W, 3), of any type, in grey levels.
    """

    keys: Sequence[str]

    def transform(self, results: dict) -> dict:
        """Round the images."""
        for key in self.keys:
            results[key] = np.clip(np.rint(results[key]), 0, 255).astype(np.uint8)
        return results


@contextmanager
def training_progress(share: float) -> Iterator[None]:
    """Prepare samples that are used after a share of the training, in [0, 1]."""
    token = _progress.set(share)
    try:
        yield
    finally:
        _progress.reset(token)


@TRANSFORMS.register_module()
@dataclass(eq=False)
class DelayedTransforms(BaseTransform):
    """Apply transforms only after a share of the training.

    The released training flips and rotates only after its first 30 of 250 epochs, "to warm up the
    encoder". :class:`ResumableTrainLoop` says for each sample how far the training is; without it
    they always apply.

    Args:
        transforms (Sequence[dict | Callable]): The transforms, or their configs.
        begin (float): The share of the training that passes before, in [0, 1].
    """

    transforms: Sequence[dict | Callable]
    begin: float

    def __post_init__(self) -> None:
        built = (TRANSFORMS.build(t) if isinstance(t, dict) else t for t in self.transforms)
        self.transforms = Compose(list(built))

    def transform(self, results: dict) -> dict | None:
        """Apply the transforms, or do nothing before their time."""
        return results if _progress.get() < self.begin else self.transforms(results)
