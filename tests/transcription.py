"""The test protocol and its metrics in NumPy, Pillow and scikit-image, without the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import metrics


def load(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert('RGB'))


def pad(image: np.ndarray, height: int, width: int, centered: bool = True) -> np.ndarray:
    rows, columns = height - image.shape[0], width - image.shape[1]
    top, left = (rows // 2, columns // 2) if centered else (0, 0)
    return np.pad(image, ((top, rows - top), (left, columns - left), (0, 0)), mode='edge')


def pad_to_multiple(image: np.ndarray, divisor: int, centered: bool = True) -> np.ndarray:
    height, width = (int(np.ceil(size / divisor)) * divisor for size in image.shape[:2])
    return pad(image, height, width, centered)


def reduce(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    assert height % 4 == width % 4 == 0
    return np.asarray(Image.fromarray(image).resize((width // 4, height // 4), Image.BICUBIC))


def enlarge(image: np.ndarray) -> np.ndarray:
    height, width = (4 * size for size in image.shape[:2])
    channels = [
        # In float, since Pillow would round between its two passes.
        Image.fromarray(channel.astype(np.float32)).resize((width, height), Image.BICUBIC)
        for channel in np.moveaxis(image, 2, 0)
    ]
    return np.stack(channels, axis=2).clip(0, 255).round()


def luma(image: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(image.astype(np.float64) / 255, 2, 0)
    return 16 + 65.481 * red + 128.553 * green + 24.966 * blue


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return metrics.peak_signal_noise_ratio(luma(first), luma(second), data_range=255)


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """By a Gaussian window of 11 pixels, where it lies inside."""
    given = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)
    return metrics.structural_similarity(luma(first), luma(second), **given)
