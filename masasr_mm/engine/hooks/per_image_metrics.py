"""Writing the metrics of every image of a test."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

from mmagic.evaluation.metrics.base_sample_wise_metric import BaseSampleWiseMetric
from mmagic.registry import HOOKS
from mmengine.dist import collect_results, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...files import written_whole
from .save_images import image_file
from .tested_data import current_test_set


@HOOKS.register_module()
class PerImageMetricsHook(Hook):
    """Write the metrics of every tested image as ``metrics.csv`` and ``metrics.json``.

    The values are those whose means the test prints. Every image has a row with ``image``, the
    name of its PNG; a test over several data sets adds ``data_set``. The JSON also holds the
    means. With several processes the first one writes for all, every image once.

    Args:
        out_dir (str): The folder; made if needed.
    """

    def __init__(self, out_dir: str) -> None:
        self.out_dir = Path(out_dir)
        self.rows: dict[str | None, list[dict]] = {}
        self.sizes: dict[str | None, int] = {}

    def before_test_epoch(self, runner: Runner) -> None:
        """Forget an earlier test.

        Args:
            runner (Runner): The runner.
        """
        self.rows, self.sizes = {}, {}

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Keep the metrics of one batch.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Which batch it is.
            data_batch (dict, optional): The batch.
            outputs (list[DataSample], optional): Its samples with predictions.
        """
        test_set = current_test_set(runner)
        name = {} if test_set is None else dict(data_set=test_set)
        rows = [
            dict(name, image=image_file(sample.gt_path, test_set).as_posix()) for sample in outputs
        ]
        for metric in runner.test_loop.evaluator.metrics:
            if isinstance(metric, BaseSampleWiseMetric):
                column = self._column(metric, test_set)
                for row, result in zip(rows, metric.results[-len(rows) :]):
                    row[column] = float(result[metric.metric]) * metric.scaling
        self.rows.setdefault(test_set, []).extend(rows)
        self.sizes[test_set] = len(runner.test_loop.dataloader.dataset)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Gather the rows of all processes and write both files.

        Args:
            runner (Runner): The runner.
            metrics (dict[str, float], optional): The means.
        """
        rows = []
        for test_set, size in self.sizes.items():
            # In the order of the data set, without what fills up the last batch of a process.
            rows += collect_results(self.rows[test_set], size) or []
        if is_main_process():
            self._write_csv(rows)
            self._write_json(rows, metrics or {})

    def _write_csv(self, rows: list[dict]) -> None:
        columns = list(dict.fromkeys(column for row in rows for column in row))
        path = self.out_dir / 'metrics.csv'
        with written_whole(path) as part, part.open('w', encoding='utf-8', newline='') as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)

    def _write_json(self, rows: list[dict], metrics: dict[str, float]) -> None:
        content = dict(
            mean={name: finite(float(value)) for name, value in metrics.items()},
            images=[{name: finite(value) for name, value in row.items()} for row in rows],
        )
        with written_whole(self.out_dir / 'metrics.json') as part:
            part.write_text(json.dumps(content, indent=1, ensure_ascii=False), 'utf-8')

    @staticmethod
    def _column(metric: BaseSampleWiseMetric, test_set: str | None) -> str:
        """Return the name of a metric as it is printed, less the name of the data set."""
        prefix = metric.prefix
        return metric.metric if prefix in (None, test_set) else f'{prefix}/{metric.metric}'


def finite(value: float | str) -> float | str | None:
    """Return a value that JSON can hold: the PSNR of equal images is infinite, in JSON null.

    Args:
        value (float | str): A number or a text.

    Returns:
        float | str | None: The same, or None for a number that is not finite.
    """
    return None if isinstance(value, float) and not math.isfinite(value) else value
