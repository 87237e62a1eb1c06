"""Photos with references, LR images made of them, and the metrics of SR images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmagic.evaluation.metrics.psnr import psnr
from mmagic.evaluation.metrics.ssim import ssim
from mmagic.registry import METRICS
from PIL import Image

from masasr_mm.datasets import CUFED5Dataset
from masasr_mm.evaluation.metrics import LPIPS, metric_configs
from masasr_mm.images.io import read_rgb
from masasr_mm.images.pixels import resize

BICUBIC = 'bicubic'


class Photo(NamedTuple):
    """A photo to super-resolve, its sides multiples of 4, and its references, the best first.

    Images are of the shape (H, W, 3), uint8, RGB.
    """

    name: str
    gt: np.ndarray
    refs: list[np.ndarray]


def read_photos(folder: str, references: int = 1, limit: int | None = None) -> list[Photo]:
    """Read a folder laid out like CUFED5, or by tools/dataset_converters/make_pairs.py."""
    photos = []
    for index in range(min(len(dataset := CUFED5Dataset(folder)), limit or len(dataset))):
        item = dataset[index]
        gt, *refs = map(read_rgb, [item['gt_path'], *item['ref_path'][:references]])
        height, width = (length // 4 * 4 for length in gt.shape[:2])
        photos.append(Photo(item['key'], gt[:height, :width], refs))
    return photos


def low_resolution(gt: np.ndarray, jpeg: int | None = None) -> np.ndarray:
    """Reduce an HR image as the benchmarks do; through JPEG of some quality if so asked."""
    reduced = resize(gt, gt.shape[1] // 4, gt.shape[0] // 4)
    if jpeg is not None:
        Image.fromarray(reduced).save(stream := io.BytesIO(), 'JPEG', quality=jpeg)
        reduced = read_rgb(Image.open(stream))
    return reduced


def enlarge_bicubic(lq: np.ndarray, refs: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Enlarge an image four times by Pillow's bicubic."""
    return resize(lq, 4 * lq.shape[1], 4 * lq.shape[0])


class Metrics:
    """PSNR and SSIM on Y, LPIPS where the weights below it are there, and others by their names."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.others = {config['type']: METRICS.build(config) for config in metric_configs(names)}
        if LPIPS.is_at_hand():
            self.others.setdefault('lpips', LPIPS())

    def __call__(self, gt: np.ndarray, sr: np.ndarray) -> dict[str, float]:
        """Compare an SR image with its HR image, (H, W, 3), uint8, RGB."""
        found = dict(psnr=psnr(gt, sr, convert_to='Y'), ssim=ssim(gt, sr, convert_to='Y'))
        bgr = [torch.from_numpy(image[..., ::-1].transpose(2, 0, 1).copy()) for image in (gt, sr)]
        for name, metric in self.others.items():
            found[name] = metric.process_image(*bgr, None)
        return {name: float(value) for name, value in found.items()}
