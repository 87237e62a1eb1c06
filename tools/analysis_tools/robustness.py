"""Test a model with references of changed luminance, colour and sharpness (Fig. 6)."""

from __future__ import annotations

import argparse
from pathlib import Path

from masasr_mm.version import add_version


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(description=__doc__)
    add_version(parser)
    parser.add_argument('config', metavar='CONFIG', help='config file, such as those in configs/')
    parser.add_argument('checkpoint', metavar='CKPT', help="a checkpoint, ours or the authors'")
    parser.add_argument(
        '--baseline',
        nargs=2,
        metavar=('CONFIG', 'CKPT'),
        help='a model to compare with, such as one of configs/ablations/table3_baseline.py',
    )
    parser.add_argument('--images', type=int, metavar='N', help='take the first N images alone')
    parser.add_argument(
        '--out', metavar='DIR', help='default: work_dirs/robustness/<name of the config>'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides'
    )
    return parser.parse_args()


def load(path: str, checkpoint: str, options: dict | None, written: list[Path]):
    """Return the config of a model, and the model ready to be tested; it reads nothing written."""
    from mmagic.registry import MODELS
    from mmengine.device import get_device

    from masasr_mm.checkpoints.hub import files_of
    from masasr_mm.checkpoints.loading import load_generator
    from masasr_mm.config import check_data, config_files, load_config
    from masasr_mm.errors import UserError
    from masasr_mm.files import check_outputs

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


def measure_all(models: dict, images: int | None) -> dict[str, list]:
    """Test all models, with a progress bar."""
    from functools import partial

    from mmagic.registry import DATASETS, METRICS
    from rich.progress import Progress

    from masasr_mm.evaluation.robustness import changed_pipeline, measure, runs_per_image

    found = {}
    with Progress(transient=True) as progress:
        for name, (config, model) in models.items():
            data = config.test_dataloader.dataset
            metrics = [METRICS.build(metric) for metric in config.test_evaluator['metrics']]

            def build(change: str, strength: float, data=data):
                pipeline = changed_pipeline(data.pipeline, change, strength)
                return DATASETS.build(dict(data, pipeline=pipeline, indices=images))

            count = len(build('blur', 0.0))
            task = progress.add_task(name, total=count * runs_per_image())
            found[name] = list(measure(model, build, metrics, partial(progress.advance, task)))
    return found


def print_table(measured: dict[str, list]) -> None:
    """Print the metrics and what a change costs."""
    from rich.console import Console
    from rich.table import Table

    from masasr_mm.evaluation.reference_changes import CHANGES

    table = Table('', 'reference', 'PSNR', 'SSIM', 'PSNR lost')
    for name, rows in measured.items():
        unchanged = next(r for r in rows if r.strength == CHANGES[r.change].neutral)
        for row in rows:
            change = CHANGES[row.change]
            psnr, lost = row.metrics['PSNR'], unchanged.metrics['PSNR'] - row.metrics['PSNR']
            table.add_row(
                name if row is rows[0] else '',
                change.label.format(row.strength),
                f'{psnr:.4f}',
                f'{row.metrics["SSIM"]:.4f}',
                f'{lost:.4f}',
                end_section=row.strength == change.strengths[-1],
            )
    Console().print(table)


def plot(measured: dict[str, list], path: Path) -> None:
    """Draw PSNR and SSIM against the strength of every change."""
    from matplotlib.figure import Figure

    from masasr_mm.evaluation.reference_changes import CHANGES
    from masasr_mm.files import written_whole

    figure = Figure(figsize=(12, 6), layout='constrained')
    grid = figure.subplots(2, len(CHANGES), sharey='row')
    for line, metric in zip(grid, ('PSNR', 'SSIM')):
        for axes, (kind, change) in zip(line, CHANGES.items()):
            for name, rows in measured.items():
                points = [(r.strength, r.metrics[metric]) for r in rows if r.change == kind]
                axes.plot(*zip(*points), marker='o', label=name)
            bicubic = rows[0].metrics.get(f'bicubic/{metric}')
            if bicubic is not None:
                axes.axhline(bicubic, color='gray', linestyle=':', label='bicubic')
            axes.axvline(change.neutral, color='gray', alpha=0.3)
            axes.set(title=kind, xlabel=change.axis, ylabel=metric)
            axes.grid(alpha=0.3)
    grid[0, -1].legend()
    with written_whole(path) as part:
        figure.savefig(part, dpi=120)


def centre(image):
    """Return the middle of an image, a third of its height and width."""
    height, width = image.shape[:2]
    return image[height // 3 : -(height // 3), width // 3 : -(width // 3)]


def draw_examples(measured: dict[str, list], path: Path) -> None:
    """Put side by side details of the first image with its reference and with changed ones."""
    from matplotlib.figure import Figure

    from masasr_mm.evaluation.reference_changes import CHANGES
    from masasr_mm.files import written_whole

    keys = [('luminance', 1.0), *((kind, change.strongest) for kind, change in CHANGES.items())]
    tables = [{(row.change, row.strength): row.example for row in m} for m in measured.values()]
    figure = Figure(figsize=(3 * (2 + len(tables)), 2.8 * len(keys)), layout='constrained')
    for line, key in zip(figure.subplots(len(keys), 2 + len(tables)), keys):
        example = tables[0][key]
        what = 'Ref' if key is keys[0] else f"Ref': {CHANGES[key[0]].label.format(key[1])}"
        pictures = [(what, example.ref), ('HR, detail', centre(example.gt))]
        for name, table in zip(measured, tables):
            title = f'{name}: {table[key].metrics["PSNR"]:.2f} dB'
            pictures.append((title, centre(table[key].sr)))
        for axes, (title, image) in zip(line, pictures):
            axes.imshow(image, interpolation='nearest')
            axes.set_title(title, fontsize=9)
            axes.set_axis_off()
    with written_whole(path) as part:
        figure.savefig(part, dpi=150)


def write_json(measured: dict[str, list], path: Path) -> None:
    """Write the numbers behind table and plot."""
    import json

    from masasr_mm.files import written_whole

    rows = [
        dict(model=name, change=row.change, strength=row.strength, **row.metrics)
        for name, rows in measured.items()
        for row in rows
    ]
    with written_whole(path) as part:
        part.write_text(json.dumps(rows, indent=1, ensure_ascii=False), 'utf-8')


def main(args: argparse.Namespace) -> None:
    """Test with changed references."""
    from masasr_mm.errors import UserError

    if args.images is not None and args.images < 1:
        raise UserError(f'--images {args.images}: at least one image is needed')
    pairs = [(args.config, args.checkpoint), *([args.baseline] if args.baseline else [])]
    out = Path(args.out or Path('work_dirs/robustness') / Path(args.config).stem)
    written = [out / name for name in ('robustness.json', 'robustness.png', 'examples.png')]
    models = {}
    for config, checkpoint in pairs:
        name = Path(config).stem
        name = f'{name} ({Path(checkpoint).stem})' if name in models else name
        models[name] = load(config, checkpoint, args.cfg_options, written)

    measured = measure_all(models, args.images)
    print_table(measured)
    for write, path in zip((write_json, plot, draw_examples), written):
        write(measured, path)
    print(f'written to {out}')


if __name__ == '__main__':
    arguments = parse_args()
    from masasr_mm.errors import exit_with_user_errors

    exit_with_user_errors(lambda: main(arguments))
