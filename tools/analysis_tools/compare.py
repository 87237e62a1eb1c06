"""Compare MASA with every other system of Tables 1 and 2: quality, size, time and memory."""

from __future__ import annotations

import argparse
from pathlib import Path

from masasr_mm.version import add_version

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from masasr_mm.cli.values import whole_number

    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='A method without a checkpoint has no quality, and its cells stay empty; its size, '
        'time and memory do not depend on weights.',
    )
    add_version(parser)
    add = parser.add_argument
    add(
        'data', nargs='+', metavar='DATA',
        help='folders laid out like CUFED5, or made by tools/dataset_converters/make_pairs.py',
    )  # fmt: skip
    add(
        '--methods', nargs='+', default=['all'], metavar='NAME',
        help='all, or names such as masa-rec, rcan and ttsr-rec (default: all)',
    )  # fmt: skip
    add(
        '--configs', nargs='+', default=[], metavar='NAME=FILE',
        help='configs of methods of your own, or other ones for those that are known',
    )  # fmt: skip
    add(
        '--checkpoints', nargs='+', default=[], metavar='NAME=FILE',
        help="weights of the methods: ours, mmagic's or the authors'",
    )  # fmt: skip
    add(
        '--references', type=whole_number(1), default=1, metavar='N',
        help='give the first N references of each photo (default: 1)',
    )  # fmt: skip
    add(
        '--align', choices=['auto', 'off'], default='off',
        help="bring the references to the photo's frame first, for all methods (default: off)",
    )  # fmt: skip
    add('--limit', type=whole_number(1), metavar='N', help='the first N photos of each folder')
    add(
        '--size', nargs=2, type=int, default=(128, 128), metavar=('H', 'W'),
        help='LR size for operations, time and memory; the reference is four times that (128 128)',
    )  # fmt: skip
    add(
        '--runs', type=whole_number(0), default=3, metavar='N',
        help='timed runs of each method after the first; 0 to measure no time (default: 3)',
    )  # fmt: skip
    add(
        '--pictures', type=whole_number(0), default=3, metavar='N',
        help='draw crops of the first N photos of each folder (default: 3)',
    )  # fmt: skip
    add('--device', help="such as 'cpu' or 'cuda:0' (default: the best there is)")
    add(
        '--out', type=Path, default=Path('work_dirs/comparison'), metavar='DIR',
        help='CSV, JSON, Markdown and the pictures go there (default: work_dirs/comparison)',
    )  # fmt: skip
    return parser.parse_args()


def read_sets(args: argparse.Namespace) -> dict:
    """Read the photos of all folders."""
    from masasr_mm.errors import UserError
    from masasr_mm.evaluation.comparison import read_photos

    sets = {
        Path(folder).resolve().name: read_photos(folder, args.references, args.limit)
        for folder in args.data
    }
    if len(sets) < len(args.data):
        raise UserError(f'{" ".join(args.data)}: two folders of one name; give each its own')
    return sets


def outputs(args: argparse.Namespace, sets: dict) -> list[Path]:
    """Return all files that will be written."""
    names = ['comparison.csv', 'comparison.json', 'comparison.md', 'psnr_time.png']
    names += [picture(name, p.name) for name in sets for p in sets[name][: args.pictures]]
    return [args.out / name for name in names]


def picture(name: str, pair: str) -> str:
    """Return the name of the picture with the crops of a photo of a set."""
    return f'crops_{name}_{pair}.png'


def compare_quality(
    args: argparse.Namespace, sets: dict, configs: dict, files: dict, device: str, progress
) -> tuple:
    """Super-resolve all photos by bicubic enlargement and by every method that has weights."""
    from masasr_mm.apis import MASAInferencer
    from masasr_mm.evaluation import comparison
    from masasr_mm.evaluation.lpips import LPIPS, trunk_weights_file
    from masasr_mm.evaluation.real_pairs import BICUBIC, enlarge_bicubic

    distance = LPIPS() if trunk_weights_file('alex').is_file() else None
    work = [BICUBIC, *(name for name in configs if name in files)]
    task = progress.add_task('', total=len(work) * sum(map(len, sets.values())))
    quality, images, drawn = {}, [], {}
    for method in work:
        progress.update(task, description=method)
        if method == BICUBIC:
            infer = enlarge_bicubic
        else:
            infer = MASAInferencer(files[method], configs[method], device, align=args.align)
        for name, photos in sets.items():
            found = []
            for measured, sr in comparison.measure_quality(method, infer, photos, distance):
                progress.advance(task)
                if len(found) < args.pictures:
                    drawn.setdefault((name, measured.pair), {})[method] = sr
                found.append(measured)
            images += found
            quality.setdefault(method, {})[name] = comparison.mean_quality(found)
    return quality, images, drawn


def draw(drawn: dict, sets: dict, out: Path) -> None:
    """Write the pictures with the crops."""
    from PIL import Image

    from masasr_mm.files import written_whole
    from masasr_mm.visualization.crops import crops

    for (name, pair), results in drawn.items():
        gt = next(photo.gt for photo in sets[name] if photo.name == pair)
        with written_whole(out / picture(name, pair)) as part:
            Image.fromarray(crops(gt, results)).save(part, 'PNG')


def compare_costs(args: argparse.Namespace, configs: dict, device: str, progress) -> dict:
    """Count and measure what every method needs."""
    from masasr_mm.benchmark.cases import Case
    from masasr_mm.evaluation import comparison

    case = Case(tuple(args.size), tuple(4 * length for length in args.size))
    task = progress.add_task('', total=len(configs))
    costs = {}
    for method, config in configs.items():
        progress.update(task, description=f'time of {method}')
        costs[method] = comparison.measure_costs(config, case, device, args.runs)
        progress.advance(task)
    return costs


def print_table(results: list, console) -> None:
    """Print the table, and which methods have no checkpoint."""
    from rich.table import Table

    from masasr_mm.evaluation import comparison_report as report

    table = Table()
    for head in report.columns(results):
        table.add_column(head, justify='left' if head == 'method' else 'right')
    for result in results:
        table.add_row(*report.cells(result, results))
    console.print(table)
    if missing := report.without_weights(results):
        console.print(f'no checkpoint, so no quality: {", ".join(missing)}', highlight=False)


def main(args: argparse.Namespace) -> None:
    """Compare, print and write."""
    import os

    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else 0
    from mmengine.device import get_device
    from rich.console import Console
    from rich.progress import Progress

    from masasr_mm.benchmark.rows import machine
    from masasr_mm.checkpoints.hub import files_of
    from masasr_mm.checkpoints.loading import read_checkpoint
    from masasr_mm.config import config_files, load_config
    from masasr_mm.evaluation import comparison
    from masasr_mm.evaluation import comparison_report as report
    from masasr_mm.evaluation.methods import checkpoints_of, configs_of
    from masasr_mm.evaluation.real_pairs import BICUBIC
    from masasr_mm.files import check_outputs
    from masasr_mm.system import keep_freed_memory

    keep_freed_memory()
    configs = configs_of(args.methods, CONFIGS, args.configs)
    files = checkpoints_of(configs, args.checkpoints)
    # What is wrong with one is told before the others are run.
    read = [*args.data]
    for config in configs.values():
        read += config_files(load_config(config))
    for file in files.values():
        read += files_of(file)
        read_checkpoint(file)
    sets = read_sets(args)
    check_outputs(outputs(args, sets), read)
    device, console = args.device or get_device(), Console()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        quality, images, drawn = compare_quality(args, sets, configs, files, device, progress)
        costs = compare_costs(args, configs, device, progress)
    results = [
        comparison.Result(name, files.get(name), quality.get(name, {}), costs.get(name))
        for name in [BICUBIC, *configs]
    ]
    print_table(results, console if console.is_terminal else Console(width=160))
    about = dict(
        data=args.data,
        references=args.references,
        align=args.align,
        lq=args.size,
        machine=machine(device, load),
    )
    report.write_files(results, images, about, args.out)
    report.plot_time(results, args.out / 'psnr_time.png')
    draw(drawn, sets, args.out)
    console.print(f'written to {args.out}', highlight=False)


if __name__ == '__main__':
    arguments = parse_args()
    from masasr_mm.errors import exit_with_user_errors

    exit_with_user_errors(lambda: main(arguments))
