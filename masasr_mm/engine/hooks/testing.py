"""What a test leaves beside its log: a table, metrics of every image, images, their matches."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import cv2
from mmagic.evaluation.metrics.base_sample_wise_metric import BaseSampleWiseMetric
from mmagic.registry import HOOKS
from mmengine.dist import collect_results, is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

from ...errors import UserError
from ...files import write_text, written_whole
from ...visualization.visualizers import draw_sample, picture_name


@HOOKS.register_module()
class MetricsTableHook(Hook):
    """Print the metrics of a test, a row for each prefix and a column for each metric.

    The row without prefix is the model's own, and has the name of its network, where that has one.
    Where prefixes are data sets, each beside its bicubic enlargement, a second table has a column
    for each of them, as Table 1 of the paper.
    """

    priority = 'LOWEST'

    @master_only
    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Print the table."""
        model = getattr(runner.model, 'module', runner.model)
        generator = getattr(model, 'generator', None)
        own_name = getattr(getattr(generator, 'module', generator), 'name', type(model).__name__)
        rows: dict[str, dict[str, float]] = {}
        for name, value in (metrics or {}).items():
            prefix, _, metric = name.rpartition('/')
            rows.setdefault(prefix or own_name, {})[metric] = value
        columns = list(dict.fromkeys(metric for row in rows.values() for metric in row))

        table = Table('', *columns)
        for row, values in sorted(rows.items(), key=lambda item: item[0] == own_name):
            cells = (f'{values[metric]:.4f}' if metric in values else '' for metric in columns)
            table.add_row(row, *cells)
        Console().print(table)
        if sets := [name for name in rows if f'bicubic/{name}' in rows]:
            table = Table('PSNR / SSIM', *sets)
            for row, prefix in (('bicubic', 'bicubic/'), (own_name, '')):
                found = (rows[f'{prefix}{name}'] for name in sets)
                table.add_row(row, *(f'{f["PSNR"]:.2f} / {f["SSIM"]:.3f}' for f in found))
            Console().print(table)


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
        """Forget an earlier test."""
        self.rows, self.sizes = {}, {}

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Keep the metrics of one batch."""
        test_set = current_test_set(runner)
        name = {} if test_set is None else dict(data_set=test_set)
        rows = [
            dict(name, image=image_file(sample.gt_path, test_set).as_posix()) for sample in outputs
        ]
        for metric in runner.test_loop.evaluator.metrics:
            if isinstance(metric, BaseSampleWiseMetric):
                # as it is printed, less the name of the data set
                prefix = '' if metric.prefix in (None, test_set) else f'{metric.prefix}/'
                for row, result in zip(rows, metric.results[-len(rows) :]):
                    value = float(result[metric.metric]) * metric.scaling
                    row[f'{prefix}{metric.metric}'] = value
        self.rows.setdefault(test_set, []).extend(rows)
        self.sizes[test_set] = len(runner.test_loop.dataloader.dataset)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Gather the rows of all processes and write both files."""
        rows = []
        for test_set, size in self.sizes.items():
            # In the order of the data set, without what fills up the last batch of a process.
            rows += collect_results(self.rows[test_set], size) or []
        if not is_main_process():
            return
        columns = dict.fromkeys(name for row in rows for name in row)
        path = self.out_dir / 'metrics.csv'
        with written_whole(path) as part, part.open('w', encoding='utf-8', newline='') as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(rows)
        content = dict(
            mean={name: finite(float(value)) for name, value in (metrics or {}).items()},
            images=[{name: finite(value) for name, value in row.items()} for row in rows],
        )
        text = json.dumps(content, indent=1, ensure_ascii=False)
        write_text(self.out_dir / 'metrics.json', text)


def finite(value: float | str) -> float | str | None:
    """Return a value that JSON can hold: null for the PSNR of equal images, which is infinite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


@HOOKS.register_module()
class SaveImagesHook(Hook):
    """Write every SR image that is tested as a PNG, named after its HR image.

    The pixels are those that the metrics were computed from. A test over several data sets
    writes a folder for each.

    Args:
        out_dir (str): The folder; made if needed.
    """

    def __init__(self, out_dir: str) -> None:
        self.out_dir = Path(out_dir)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Write the images of one batch."""
        test_set = current_test_set(runner)
        for sample in outputs or ():
            image = sample.output.pred_img.permute(1, 2, 0).byte().numpy()
            _, content = cv2.imencode('.png', image)
            with written_whole(self.out_dir / image_file(sample.gt_path, test_set)) as temporary:
                temporary.write_bytes(content)  # which says why it fails, unlike OpenCV


@HOOKS.register_module()
class MatchVisualizationHook(Hook):
    """Draw where the texture of some images came from, through the Runner's visualizer.

    The pictures go wherever that one writes to: a folder, TensorBoard. With several processes the
    first one draws its own images.

    Args:
        interval (int): Every how many batches; 1 draws all images. Default: 25.
        on_test (bool): Draw in tests as well as in validations. Default: True.

    Example:
        >>> custom_hooks = [dict(type='MatchVisualizationHook', interval=25)]
    """

    def __init__(self, interval: int = 25, on_test: bool = True) -> None:
        self.interval = interval
        self.modes = ('val', 'test') if on_test else ('val',)

    @master_only
    def _after_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None, mode: str = 'train'
    ) -> None:
        """Draw the images of one batch of a validation or a test."""
        if mode not in self.modes or batch_idx % self.interval:
            return
        for sample in outputs or ():
            if sample.output.get('matches') is None:
                raise UserError(
                    'the network of this config tells no matches, so there are none to draw: leave '
                    'MatchVisualizationHook, or --show-matches, out'
                )
            runner.visualizer.add_image(picture_name(sample), draw_sample(sample), runner.iter)


def image_file(gt_path: str, test_set: str | None) -> Path:
    """Return the name of an HR image as PNG, in a folder for each data set of several."""
    return Path(test_set or '') / f'{Path(gt_path).stem}.png'


def current_test_set(runner: Runner) -> str | None:
    """Return ``dataset_type`` of the data set that is being tested; None where there is one."""
    loop = runner.test_loop
    names = [loader.dataset.metainfo['dataset_type'] for loader in getattr(loop, 'dataloaders', [])]
    if len(names) < 2:
        return None
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"the config's test_dataloader has several data sets named '{name}'; give each "
                "its own: dataset=dict(metainfo=dict(dataset_type='…'))"
            )
    return loop.dataloader.dataset.metainfo['dataset_type']
