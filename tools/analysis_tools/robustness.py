"""Test a model with references of changed luminance, colour and sharpness (Fig. 6)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mmengine.config import DictAction

from masasr_mm.cli.values import whole_number
from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.files import check_outputs, written_whole
from masasr_mm.version import add_version

if TYPE_CHECKING:
    import numpy as np
    from mmagic.evaluation.metrics.base_sample_wise_metric import BaseSampleWiseMetric
    from mmagic.models import BaseEditModel
    from mmengine.dataset import BaseDataset
    from pandas import DataFrame


class Change(NamedTuple):
    """A change of ``ChangeReference``: a strength as text, the axis of a plot, the strengths."""

    label: str
    axis: str
    neutral: float
    strengths: tuple[float, ...]

    @property
    def strongest(self) -> float:
        """float: The strength farthest from changing nothing."""
        return max(self.strengths, key=lambda strength: abs(strength - self.neutral))


CHANGES = dict(
    luminance=Change(
        'luminance × {:g}', 'factor of the luminance', 1.0, (0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)
    ),
    color=Change(
        'hue {:+g}°', 'turn of the hue (degrees)', 0.0, (-90.0, -30.0, 0.0, 30.0, 90.0, 180.0)
    ),
    blur=Change(
        'Gaussian, σ = {:g} pixels', 'deviation of the Gaussian (pixels)', 0.0,
        (0.0, 1.0, 2.0, 4.0, 8.0),
    ),
)  # fmt: skip
RUNS = sum(len(change.strengths) for change in CHANGES.values()) - (len(CHANGES) - 1)
"""How often every image is super-resolved; what changes nothing is computed once."""


class Measured(NamedTuple):
    """The means over a data set whose references were changed, and its first image.

    Images are of the shape (H, W, 3), uint8, RGB; ``ref`` is the reference as the network saw it.
    """

    change: str
    strength: float
    metrics: dict[str, float]
    gt: np.ndarray
    ref: np.ndarray
    sr: np.ndarray
    psnr: float


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_version(parser)
    add = parser.add_argument
    add('config', metavar='CONFIG', help='config file, such as those in configs/')
    add('checkpoint', metavar='CKPT', help="a checkpoint, ours or the authors'")
    add(
        '--baseline', nargs=2, metavar=('CONFIG', 'CKPT'),
        help='a model to compare with, such as one of configs/ablations/table3_baseline.py',
    )  # fmt: skip
    add('--images', type=whole_number(1), metavar='N', help='take the first N images alone')
    add('--out', metavar='DIR', help='default: work_dirs/robustness/<name of the config>')
    add('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides')
    return parser.parse_args()


def load(path: str, checkpoint: str, options: dict | None, written: list[Path]):
    """Return the config of a model, and the model ready to be tested; it reads nothing written."""
    from mmagic.registry import MODELS
    from mmengine.device import get_device

    from masasr_mm.checkpoints.hub import files_of
    from masasr_mm.checkpoints.loading import load_generator
    from masasr_mm.config import check_data, config_files, load_config

    config = load_config(path, options)
    datasets = check_data(config, 'test')
    if not isinstance(config.test_dataloader, dict):
        raise UserError(f'{path}: it tests several data sets; take a config that tests one')
    images = getattr(datasets[0], 'image_paths', list)()
    check_outputs(written, [*config_files(config), *files_of(checkpoint), *images])
    config.model.update(discriminator=None, gan_loss=None, perceptual_loss=None)
    model = MODELS.build(config.model)
    load_generator(model, checkpoint)
    return config, model.to(get_device()).eval()


def changed_pipeline(pipeline: Sequence[dict], change: str, strength: float) -> list[dict]:
    """Put a change of the reference into a pipeline, right after the reference is there."""
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
    """Test a model with every strength of every change; ``advance`` is called for each image."""
    unchanged = None
    for name, change in CHANGES.items():
        for strength in change.strengths:
            neutral = strength == change.neutral
            if neutral and unchanged:
                yield unchanged._replace(change=name, strength=strength)
                continue
            found = measure_dataset(model, build_dataset(name, strength), metrics, advance)
            measured = Measured(name, strength, *found)
            unchanged = measured if neutral else unchanged
            yield measured


def measure_dataset(
    model: BaseEditModel,
    dataset: BaseDataset,
    metrics: Sequence[BaseSampleWiseMetric],
    advance: Callable[[], None],
) -> tuple:
    """Return the means over a data set, and its first image with its reference, SR and PSNR."""
    import torch
    from mmengine.dataset import pseudo_collate

    first = None
    for metric in metrics:
        metric.results.clear()
    for index in range(len(dataset)):
        with torch.no_grad():
            [sample] = model.test_step(pseudo_collate([dataset[index]]))
        for metric in metrics:
            metric.process(None, [sample.to_dict()])
        if first is None:  # of BGR images (3, H, W)
            images = (sample.gt_img, sample.ref_img, sample.output.pred_img)
            first = [image.flip(0).permute(1, 2, 0).byte().cpu().numpy() for image in images]
        advance()
    means, psnr = {}, None
    for metric in metrics:
        name = '/'.join(part for part in (metric.prefix, metric.metric) if part)
        means[name] = float(metric.compute_metrics(metric.results)[metric.metric])
        if name == 'PSNR':
            psnr = float(metric.results[0][metric.metric])
    return means, *first, psnr


def measure_all(models: dict, images: int | None) -> dict[str, list[Measured]]:
    """Test all models, with a progress bar."""
    from functools import partial

    from mmagic.registry import DATASETS, METRICS
    from rich.progress import Progress

    measured = {}
    with Progress(transient=True) as progress:
        for name, (config, model) in models.items():
            data = config.test_dataloader.dataset
            metrics = [METRICS.build(metric) for metric in config.test_evaluator['metrics']]

            def build(change: str, strength: float, data=data):
                pipeline = changed_pipeline(data.pipeline, change, strength)
                return DATASETS.build(dict(data, pipeline=pipeline, indices=images))

            task = progress.add_task(name, total=len(build('blur', 0.0)) * RUNS)
            advance = partial(progress.advance, task)
            measured[name] = list(measure(model, build, metrics, advance))
    return measured


def table_of(measured: dict[str, list[Measured]]) -> DataFrame:
    """Return a row for each model, change and strength, with the metrics."""
    from pandas import DataFrame

    return DataFrame(
        dict(model=name, change=row.change, strength=row.strength, **row.metrics)
        for name, rows in measured.items()
        for row in rows
    )


def print_table(table: DataFrame) -> None:
    """Print the metrics and what a change costs."""
    neutral = table.apply(lambda row: row['strength'] == CHANGES[row['change']].neutral, axis=1)
    unchanged = table[neutral].groupby('model')['PSNR'].first()
    shown = table[['model']].assign(
        reference=[
            CHANGES[change].label.format(strength)
            for change, strength in zip(table['change'], table['strength'])
        ],
        PSNR=table['PSNR'],
        SSIM=table['SSIM'],
        lost=table['model'].map(unchanged) - table['PSNR'],
    )
    print(shown.rename(columns=dict(lost='PSNR lost')).to_markdown(index=False, floatfmt='.4f'))


def plot(table: DataFrame, path: Path) -> None:
    """Draw PSNR and SSIM against the strength of every change."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6), layout='constrained')
    grid = figure.subplots(2, len(CHANGES), sharey='row')
    for line, metric in zip(grid, ('PSNR', 'SSIM')):
        for axes, (kind, change) in zip(line, CHANGES.items()):
            for name, rows in table[table['change'] == kind].groupby('model', sort=False):
                axes.plot(rows['strength'], rows[metric], marker='o', label=name)
            if f'bicubic/{metric}' in table:
                bicubic = table[f'bicubic/{metric}'].iloc[-1]
                axes.axhline(bicubic, color='gray', linestyle=':', label='bicubic')
            axes.axvline(change.neutral, color='gray', alpha=0.3)
            axes.set(title=kind, xlabel=change.axis, ylabel=metric)
            axes.grid(alpha=0.3)
    grid[0, -1].legend()
    with written_whole(path) as part:
        figure.savefig(part, dpi=120)


def centre(image: np.ndarray) -> np.ndarray:
    """Return the middle of an image, a third of its height and width."""
    height, width = image.shape[:2]
    return image[height // 3 : -(height // 3), width // 3 : -(width // 3)]


def draw_examples(measured: dict[str, list[Measured]], path: Path) -> None:
    """Put side by side details of the first image with its reference and with changed ones."""
    from matplotlib.figure import Figure

    keys = [('luminance', 1.0), *((kind, change.strongest) for kind, change in CHANGES.items())]
    by_key = [{(row.change, row.strength): row for row in rows} for rows in measured.values()]
    figure = Figure(figsize=(3 * (2 + len(by_key)), 2.8 * len(keys)), layout='constrained')
    for line, key in zip(figure.subplots(len(keys), 2 + len(by_key)), keys):
        what = 'Ref' if key is keys[0] else f"Ref': {CHANGES[key[0]].label.format(key[1])}"
        pictures = [(what, by_key[0][key].ref), ('HR, detail', centre(by_key[0][key].gt))]
        for name, rows in zip(measured, by_key):
            pictures.append((f'{name}: {rows[key].psnr:.2f} dB', centre(rows[key].sr)))
        for axes, (title, image) in zip(line, pictures):
            axes.imshow(image, interpolation='nearest')
            axes.set_title(title, fontsize=9)
            axes.set_axis_off()
    with written_whole(path) as part:
        figure.savefig(part, dpi=150)


def main(args: argparse.Namespace) -> None:
    """Test with changed references."""
    pairs = [(args.config, args.checkpoint), *([args.baseline] if args.baseline else [])]
    out = Path(args.out or Path('work_dirs/robustness') / Path(args.config).stem)
    written = [out / name for name in ('robustness.json', 'robustness.png', 'examples.png')]
    models = {}
    for config, checkpoint in pairs:
        name = Path(config).stem
        name = f'{name} ({Path(checkpoint).stem})' if name in models else name
        models[name] = load(config, checkpoint, args.cfg_options, written)
    measured = measure_all(models, args.images)
    table = table_of(measured)
    print_table(table)
    with written_whole(written[0]) as part:
        table.to_json(part, orient='records', indent=1, force_ascii=False)
    plot(table, written[1])
    draw_examples(measured, written[2])
    print(f'written to {out}')


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
