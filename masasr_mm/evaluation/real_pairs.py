"""What weights do on real pairs of photos, with references of several kinds."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmagic.evaluation.metrics.base_sample_wise_metric import BaseSampleWiseMetric
from mmagic.evaluation.metrics.psnr import psnr
from mmagic.evaluation.metrics.ssim import ssim
from PIL import Image

from ..apis import MASAInferencer
from ..datasets import CUFED5Dataset
from ..errors import UserError
from ..files import written_whole
from ..images.io import read_rgb
from .extra_metrics import build_metrics
from .lpips import LPIPS, trunk_weights_file

BICUBIC = 'bicubic'
ORIGINAL = 'original'
REFERENCES = {
    'the photo itself': 'off',
    'reference': 'off',
    'reference, aligned': 'auto',
    'unlike': 'off',
    'unlike, aligned': 'auto',
}
"""What the network is given as its reference, and whether that is aligned."""


class Pair(NamedTuple):
    """A photo with two references.

    Attributes:
        name (str): Its name.
        gt (np.ndarray): HR image, shape (H, W, 3), uint8, RGB; H and W are multiples of 4.
        ref (np.ndarray): Another photo of the same scene.
        unlike (np.ndarray): A photo of something else.
    """

    name: str
    gt: np.ndarray
    ref: np.ndarray
    unlike: np.ndarray


class Measured(NamedTuple):
    """One result.

    Attributes:
        weights (str): Name of the weights, or 'bicubic', or 'original' for the HR image itself.
        pair (str): Name of the pair.
        reference (str): One of :data:`REFERENCES`, or '' for bicubic enlargement.
        psnr (float): On Y, in dB.
        ssim (float): On Y.
        lpips (float | None): Where the weights for it are there.
        measures (dict[str, float]): Further metrics by their names.
    """

    weights: str
    pair: str
    reference: str
    psnr: float
    ssim: float
    lpips: float | None
    measures: dict[str, float] = {}


def read_pairs(folder: str) -> list[Pair]:
    """Read pairs that tools/dataset_converters/make_pairs.py wrote, or others laid out like them.

    Args:
        folder (str): With ``NAME_0.png``, ``NAME_1.png`` and ``NAME_2.png``.

    Returns:
        list[Pair]: Sorted by name, cut to multiples of 4.

    Raises:
        UserError: If they are not there.
    """
    pairs = []
    for item in CUFED5Dataset(folder):
        if len(item['ref_path']) < 2:
            raise UserError(f'{folder}: {item["key"]}_2.png, an unlike reference, is not there')
        paths = [item['gt_path'], *item['ref_path'][:2]]
        gt, ref, unlike = (read_rgb(path) for path in paths)
        height, width = (length // 4 * 4 for length in gt.shape[:2])
        pairs.append(Pair(item['key'], gt[:height, :width], ref, unlike))
    return pairs


def low_resolution(gt: np.ndarray, jpeg: int | None = None) -> np.ndarray:
    """Make an LR image as the benchmarks do, and compress it if so asked.

    Args:
        gt (np.ndarray): HR image, shape (4·h, 4·w, 3), uint8.
        jpeg (int, optional): Quality of a JPEG file that it goes through. Default: None.

    Returns:
        np.ndarray: Shape (h, w, 3), uint8.
    """
    size = (gt.shape[1] // 4, gt.shape[0] // 4)
    reduced = Image.fromarray(gt).resize(size, Image.Resampling.BICUBIC)
    if jpeg is not None:
        stream = io.BytesIO()
        reduced.save(stream, 'JPEG', quality=jpeg)
        reduced = Image.open(stream).convert('RGB')
    return np.array(reduced)


def enlarge_bicubic(lq: np.ndarray, refs: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Enlarge an image four times by Pillow's bicubic.

    Args:
        lq (np.ndarray): Shape (h, w, 3), uint8, RGB.
        refs (Sequence[np.ndarray]): Not used; what super-resolves is called with them.

    Returns:
        np.ndarray: Shape (4·h, 4·w, 3), uint8, RGB.
    """
    size = (4 * lq.shape[1], 4 * lq.shape[0])
    return np.array(Image.fromarray(lq).resize(size, Image.Resampling.BICUBIC))


def measure(
    networks: dict[str, MASAInferencer],
    pairs: Sequence[Pair],
    jpeg: int | None = None,
    measures: Sequence[str] = (),
) -> Iterator[Measured]:
    """Super-resolve all pairs with all weights and all references.

    Args:
        networks (dict[str, MASAInferencer]): By the names of their weights; their ``align`` is
            changed.
        pairs (Sequence[Pair]): The pairs.
        jpeg (int, optional): Quality of JPEG that the LR images go through. Default: None.
        measures (Sequence[str]): Registered metrics to add, such as ``NIQE``. With any, the HR
            image's own values come first. Default: none.

    Yields:
        Measured: One after another; the bicubic enlargement of a pair before those of networks.
    """
    distance = LPIPS() if trunk_weights_file('alex').is_file() else None
    metrics = build_metrics(measures)
    for pair in pairs:
        lq = low_resolution(pair.gt, jpeg)
        if metrics:
            yield measured((ORIGINAL, pair.name, ''), pair.gt, pair.gt, distance, metrics)
        enlarged = enlarge_bicubic(lq)
        yield measured((BICUBIC, pair.name, ''), pair.gt, enlarged, distance, metrics)
        for weights, infer in networks.items():
            references = lq, pair.ref, pair.ref, pair.unlike, pair.unlike
            for (reference, align), ref in zip(REFERENCES.items(), references):
                infer.align = align
                names = (weights, pair.name, reference)
                yield measured(names, pair.gt, infer(lq, ref), distance, metrics)


def count(networks: int, pairs: int, measures: Sequence[str] = ()) -> int:
    """Return how many results :func:`measure` yields.

    Args:
        networks (int): How many weights.
        pairs (int): How many pairs.
        measures (Sequence[str]): The metrics that are added. Default: none.

    Returns:
        int: How many results.
    """
    return pairs * (1 + bool(measures) + networks * len(REFERENCES))


def measured(
    names: tuple[str, str, str],
    gt: np.ndarray,
    sr: np.ndarray,
    distance: LPIPS | None,
    metrics: Sequence[BaseSampleWiseMetric] = (),
) -> Measured:
    """Compare an SR image with its HR image.

    Args:
        names (tuple[str, str, str]): Weights, pair and reference, as :class:`Measured` has them.
        gt (np.ndarray): HR image, shape (H, W, 3), uint8, RGB.
        sr (np.ndarray): SR image, the same.
        distance (LPIPS, optional): The perceptual distance, if it can be had.
        metrics (Sequence[BaseSampleWiseMetric]): Further metrics. Default: none.

    Returns:
        Measured: The metrics.
    """
    bgr = [torch.from_numpy(image[..., ::-1].transpose(2, 0, 1).copy()) for image in (gt, sr)]
    perceptual = None if distance is None else distance.process_image(*bgr)
    return Measured(
        *names,
        float(psnr(gt, sr, convert_to='Y')),
        float(ssim(gt, sr, convert_to='Y')),
        perceptual,
        {metric.metric: float(metric.process_image(*bgr, None)) for metric in metrics},
    )


def rows(results: Iterable[Measured], metric: str) -> dict[str, dict[str, float]]:
    """Arrange results as a table with a row for weights and reference.

    Args:
        results (Iterable[Measured]): The results.
        metric (str): 'psnr', 'ssim', 'lpips', or the name of a further metric.

    Returns:
        dict[str, dict[str, float]]: For each row the values by pair, and their 'mean'.
    """
    table: dict[str, dict[str, float]] = {}
    for result in results:
        name = ', '.join(part for part in (result.weights, result.reference) if part)
        value = {**result._asdict(), **result.measures}[metric]
        table.setdefault(name, {})[result.pair] = value
    for values in table.values():
        values['mean'] = float(np.mean(list(values.values())))
    return table


def write_results(measured: Sequence[Measured], path: Path) -> None:
    """Write results as JSON.

    Args:
        measured (Sequence[Measured]): The results.
        path (Path): The file.

    Raises:
        UserError: If it cannot be written.
    """
    with written_whole(path) as temporary:
        content = [result._asdict() for result in measured]
        temporary.write_text(json.dumps(content, indent=1) + '\n', 'utf-8')
