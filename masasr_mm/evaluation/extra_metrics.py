"""Metrics of single images by name."""

from __future__ import annotations

from collections.abc import Sequence

from mmagic.evaluation.metrics.base_sample_wise_metric import BaseSampleWiseMetric
from mmagic.registry import METRICS

from ..errors import UserError

OPTIONS = dict(NIQE=dict(input_order='CHW'))
"""What the configs of metrics need beside their names, since images are (C, H, W) here."""


def metric_configs(names: str | Sequence[str], prefix: str | None = None) -> list[dict]:
    """Return the configs of registered metrics, such as ``LPIPS`` and ``NIQE``."""
    names = names.split() if isinstance(names, str) else names
    for name in names:
        kind = METRICS.get(name)
        if not (isinstance(kind, type) and issubclass(kind, BaseSampleWiseMetric)):
            raise UserError(f'{name} is no metric of single images; LPIPS and NIQE are')
    return [dict(type=name, prefix=prefix, **OPTIONS.get(name, {})) for name in names]


def add_metrics(evaluator: dict | list, names: str | Sequence[str]) -> None:
    """Add metrics to the evaluator of a config, or to each of several data sets."""
    for part in evaluator if isinstance(evaluator, list) else [evaluator]:
        own = (m for m in part['metrics'] if m.get('pred_key', 'pred_img') == 'pred_img')
        part['metrics'] += metric_configs(names, next(own, {}).get('prefix'))
