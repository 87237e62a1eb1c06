"""The test protocol and its metrics in plain numpy, scipy and Pillow, without the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.signal import convolve2d


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
    return 10 * np.log10(255**2 / np.mean((luma(first) - luma(second)) ** 2))


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    offset = np.arange(-5, 6)
    window = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(values: np.ndarray) -> np.ndarray:
        return convolve2d(values, window, mode='valid')

    x, y = luma(first), luma(second)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    covariance = mean(x * y) - mean(x) * mean(y)
    variances = mean(x * x) - mean(x) ** 2 + mean(y * y) - mean(y) ** 2
    luminance = (2 * mean(x) * mean(y) + c1) / (mean(x) ** 2 + mean(y) ** 2 + c1)
    return (luminance * (2 * covariance + c2) / (variances + c2)).mean()
