"""How well a model does with references that were changed (Fig. 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmagic.evaluation.metrics.base_sample_wise_metric import BaseSampleWiseMetric
from mmagic.models import BaseEditModel
from mmengine.dataset import BaseDataset, pseudo_collate
from torch import Tensor

from ..errors import UserError
from .reference_changes import CHANGES


class Example(NamedTuple):
    """One image with its result.

    Attributes:
        gt (np.ndarray): HR image, (H, W, 3), uint8, RGB.
        ref (np.ndarray): The reference as the network saw it, likewise.
        sr (np.ndarray): SR image, likewise.
        metrics (dict[str, float]): The metrics of this image.
    """

    gt: np.ndarray
    ref: np.ndarray
    sr: np.ndarray
    metrics: dict[str, float]


class Measured(NamedTuple):
    """A model on a data set whose references were changed.

    Attributes:
        change (str): The kind of change.
        strength (float): Its strength.
        metrics (dict[str, float]): Means over the data set.
        example (Example): Its first image.
    """

    change: str
    strength: float
    metrics: dict[str, float]
    example: Example


def changed_pipeline(pipeline: Sequence[dict], change: str, strength: float) -> list[dict]:
    """Put a change of the reference into a pipeline, right after the reference is there.

    Args:
        pipeline (Sequence[dict]): Configs of transforms.
        change (str): A key of :data:`CHANGES`.
        strength (float): How much.

    Returns:
        list[dict]: Configs with one more transform.

    Raises:
        UserError: If the pipeline neither loads a reference nor makes one.
    """
    for index, step in enumerate(pipeline):
        if step.get('key') == 'ref' or 'ref' in step.get('dst_keys', ()):
            changing = dict(type='ChangeReference', change=change, strength=strength)
            return [*pipeline[: index + 1], changing, *pipeline[index + 1 :]]
    raise UserError("the test pipeline has no reference: no transform loads or copies 'ref'")


def measure(
    model: BaseEditModel,
    build_dataset: Callable[[str, float], BaseDataset],
    metrics: Sequence[BaseSampleWiseMetric],
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Measured]:
    """Test a model with every strength of every change.

    Args:
        model (BaseEditModel): The model, on its device and in evaluation mode.
        build_dataset (Callable): Returns the data set for a change and a strength.
        metrics (Sequence[BaseSampleWiseMetric]): Metrics, such as PSNR and SSIM.
        advance (Callable): Called after every image. Default: does nothing.

    Yields:
        Measured: One after another; what changes nothing is computed once.
    """
    unchanged = None
    for name, change in CHANGES.items():
        for strength in change.strengths:
            neutral = strength == change.neutral
            if neutral and unchanged:
                yield unchanged._replace(change=name, strength=strength)
                continue
            dataset = build_dataset(name, strength)
            means, example = _measure_dataset(model, dataset, metrics, advance)
            measured = Measured(name, strength, means, example)
            unchanged = measured if neutral else unchanged
            yield measured


def runs_per_image() -> int:
    """Return how often :func:`measure` super-resolves every image.

    Returns:
        int: The number of different conditions.
    """
    return sum(len(change.strengths) for change in CHANGES.values()) - (len(CHANGES) - 1)


@torch.no_grad()
def _measure_dataset(
    model: BaseEditModel,
    dataset: BaseDataset,
    metrics: Sequence[BaseSampleWiseMetric],
    advance: Callable[[], None],
) -> tuple[dict[str, float], Example]:
    """Return the means over a data set, and its first image."""
    example = None
    for metric in metrics:
        metric.results.clear()
    for index in range(len(dataset)):
        [sample] = model.test_step(pseudo_collate([dataset[index]]))
        for metric in metrics:
            metric.process(None, [sample.to_dict()])
        if example is None:
            images = (sample.gt_img, sample.ref_img, sample.output.pred_img)
            first = {_name(metric): float(metric.results[0][metric.metric]) for metric in metrics}
            example = Example(*map(_rgb, images), first)
        advance()
    means = {
        _name(metric): float(metric.compute_metrics(metric.results)[metric.metric])
        for metric in metrics
    }
    return means, example


def _name(metric: BaseSampleWiseMetric) -> str:
    return '/'.join(part for part in (metric.prefix, metric.metric) if part)


def _rgb(image: Tensor) -> np.ndarray:
    """Turn (3, H, W), BGR in [0, 255], into (H, W, 3), RGB."""
    return image.flip(0).permute(1, 2, 0).byte().cpu().numpy()
