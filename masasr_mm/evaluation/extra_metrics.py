"""Adding metrics by name to those of a config."""

from __future__ import annotations

from collections.abc import Sequence

from mmagic.evaluation.metrics.base_sample_wise_metric import BaseSampleWiseMetric
from mmagic.registry import METRICS

from ..errors import UserError

OPTIONS = dict(NIQE=dict(input_order='CHW'))
"""What the configs of metrics need beside their names, since images are (C, H, W) here."""


def build_metrics(names: Sequence[str]) -> list[BaseSampleWiseMetric]:
    """Build registered metrics of single images by name; raise UserError where there is none."""
    _check(names)
    return [METRICS.build(dict(type=name, **OPTIONS.get(name, {}))) for name in names]


def add_metrics(evaluator: dict | list, names: str | Sequence[str]) -> None:
    """Add metrics to the evaluator of a config, for each of its data sets.

    Args:
        evaluator (dict | list): ``test_evaluator`` as in configs/: a config with ``metrics``, or
            one for each data set; changed in place.
        names (str | Sequence[str]): Registered metrics that are computed image by image, such as
            ``LPIPS`` and ``NIQE``.

    Raises:
        UserError: If there is no such metric.
    """
    names = names.split() if isinstance(names, str) else names
    _check(names)
    for part in evaluator if isinstance(evaluator, list) else [evaluator]:
        prefix = _own_prefix(part['metrics'])
        part['metrics'] += [
            dict(type=name, prefix=prefix, **OPTIONS.get(name, {})) for name in names
        ]


def _own_prefix(metrics: Sequence[dict]) -> str | None:
    """Return the prefix of the metrics of the SR images."""
    own = (metric for metric in metrics if metric.get('pred_key', 'pred_img') == 'pred_img')
    return next(own, {}).get('prefix')


def _check(names: Sequence[str]) -> None:
    """Raise UserError for what is no registered metric of single images."""
    for name in names:
        kind = METRICS.get(name)
        if not (isinstance(kind, type) and issubclass(kind, BaseSampleWiseMetric)):
            raise UserError(f'{name} is no metric of single images; LPIPS and NIQE are')
