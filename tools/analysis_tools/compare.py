"""Compare MASA with every other system of Tables 1 and 2: quality, size, time and memory."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from masasr_mm.cli.values import whole_number
from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.files import check_outputs, write_text, written_whole
from masasr_mm.version import add_version

if TYPE_CHECKING:
    from measuring import Case
    from pandas import DataFrame

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
PEERS = ('srcnn', 'mdsr', 'rdn', 'rcan', 'han', 'srgan', 'enet', 'esrgan', 'crossnet', 'srntt',
         'srntt-rec', 'ttsr', 'ttsr-rec')  # fmt: skip
METHODS = {
    **{name: f'peers/{name}_x4_cufed5.py' for name in PEERS},
    'masa': 'masa_x4_cufed5.py',
    'masa-rec': 'masa-rec_x4_cufed5.py',
}
"""The config of each method, below ``configs/``, in the order of Table 1."""
DIGITS = dict(psnr=2, ssim=4, lpips=4)
COSTS = {
    'parameters': ('parameters (M)', 1e6, '{:.2f}'),
    'operations': ('operations (G)', 1e9, '{:.2f}'),
    'seconds': ('time (s)', 1, '{:.3f}'),
    'memory': ('memory (MiB)', 2**20, '{:.0f}'),
}
"""Head, unit and format of the costs."""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
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
        '--align', choices=['auto', 'sift', 'learned', 'off'], default='off',
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


def configs_of(methods: Sequence[str], texts: Sequence[str] = ()) -> dict[str, str]:
    """Return the config files of methods; ``texts``, NAME=FILE each, add to the known ones."""
    known = {name: str(CONFIGS / file) for name, file in METHODS.items()}
    known.update(_named_files('--configs', texts))
    if list(methods) == ['all']:
        return known
    for method in methods:
        if method not in known:
            raise UserError(f'--methods {method}: not one of {", ".join(known)} (or all)')
    return {method: known[method] for method in methods}


def checkpoints_of(methods: Collection[str], texts: Sequence[str]) -> dict[str, str]:
    """Return the checkpoints, NAME=FILE each, of the methods that are compared."""
    files = _named_files('--checkpoints', texts)
    for name, file in files.items():
        if name not in methods:
            raise UserError(f'--checkpoints {name}={file}: {name} is none of {", ".join(methods)}')
    return files


def _named_files(option: str, texts: Sequence[str]) -> dict[str, str]:
    files = {}
    for text in texts:
        name, _, file = text.partition('=')
        if not (name and file):
            raise UserError(f'{option} {text}: NAME=FILE is needed')
        files[name] = file
    return files


def read_sets(args: argparse.Namespace) -> dict:
    """Read the photos of all folders."""
    from quality import read_photos

    sets = {
        Path(folder).resolve().name: read_photos(folder, args.references, args.limit)
        for folder in args.data
    }
    if len(sets) < len(args.data):
        raise UserError(f'{" ".join(args.data)}: two folders of one name; give each its own')
    return sets


def crops_file(folder: Path, name: str, pair: str) -> Path:
    """Return the picture with the crops of a photo of a set."""
    return folder / f'crops_{name}_{pair}.png'


def compare_quality(
    args: argparse.Namespace, sets: dict, configs: dict, files: dict, progress
) -> tuple[DataFrame, dict]:
    """Super-resolve all photos by every method that has weights.

    Returns a row with the metrics of every image, and the SR images to draw by set, photo and
    method.
    """
    from pandas import DataFrame
    from quality import BICUBIC, Metrics, enlarge_bicubic, low_resolution

    from masasr_mm.apis import MASAInferencer

    metrics = Metrics()
    work = [BICUBIC, *(name for name in configs if name in files)]
    task = progress.add_task('', total=len(work) * sum(map(len, sets.values())))
    rows, drawn = [], {}
    for method in work:
        progress.update(task, description=method)
        infer = enlarge_bicubic
        if method != BICUBIC:
            infer = MASAInferencer(files[method], configs[method], args.device, align=args.align)
        for name, photos in sets.items():
            for number, photo in enumerate(photos):
                sr = infer(low_resolution(photo.gt), photo.refs)
                found = metrics(photo.gt, sr)
                rows.append(dict(method=method, set=name, photo=photo.name, **found))
                if number < args.pictures:
                    drawn.setdefault((name, photo.name), {})[method] = sr
                progress.advance(task)
    return DataFrame(rows), drawn


def measure_costs(config: str, case: Case, device: str, runs: int) -> dict:
    """Count a method's parameters and operations, and measure its time and memory if it is run."""
    from complexity import costs, total
    from measuring import Variant, build_network, in_child, measure_inference

    whole = total(costs(build_network(config), case.lq, case.ref))
    found = dict(parameters=whole.parameters, operations=whole.as_run)
    if runs:
        measured = in_child(measure_inference, config, None, case, Variant(), device, runs)
        found.update(seconds=median(measured.seconds), memory=measured.memory)
    return found


def table_of(quality: DataFrame, costs: DataFrame, methods: Sequence[str]) -> DataFrame:
    """Return the table as texts: a row a method, its metrics by set and its costs."""
    from pandas import DataFrame

    means = quality.groupby(['method', 'set'], sort=False).mean(numeric_only=True).unstack()
    sets = list(dict.fromkeys(quality['set']))
    table = DataFrame(index=list(methods))
    for name in sets:
        for metric, digits in DIGITS.items():
            if metric in quality:
                head = f'{metric.upper()} {name}' if len(sets) > 1 else metric.upper()
                table[head] = means[metric, name].map(f'{{:.{digits}f}}'.format)
    for key, (head, unit, text) in COSTS.items():
        table[head] = '' if key not in costs else (costs[key] / unit).map(text.format)
    return table.fillna('').replace('nan', '').rename_axis('method').reset_index()


def plot_time(quality: DataFrame, costs: DataFrame, path: Path) -> None:
    """Draw PSNR against time, for the first set of photos, if there is a method with both."""
    from matplotlib.figure import Figure

    name = quality['set'].iloc[0]
    psnr = quality[quality['set'] == name].groupby('method')['psnr'].mean()
    points = costs.reindex(columns=['seconds']).join(psnr).dropna()
    if points.empty:
        return
    axes = (figure := Figure(figsize=(7, 5), layout='constrained')).subplots()
    for method, point in points.iterrows():
        axes.plot(*point, 'o')
        axes.annotate(method, point, xytext=(5, 4), textcoords='offset points')
    axes.set(xscale='log', xlabel='time of a forward pass (s)', ylabel='PSNR on Y (dB)', title=name)
    axes.grid(alpha=0.3, which='both')
    with written_whole(path) as part:
        figure.savefig(part, dpi=120)


def write_files(
    table: DataFrame, quality: DataFrame, costs: DataFrame, files: dict, about: dict, out: Path
) -> None:
    """Write the table as CSV and Markdown, and all numbers as JSON."""
    records = {name: json.loads(group.drop(columns='method').to_json(orient='records'))
               for name, group in quality.groupby('method')}  # fmt: skip
    content = dict(about, methods=[])
    for method in table['method']:
        cost = json.loads(costs.loc[method].to_json()) if method in costs.index else None
        content['methods'].append(
            dict(method=method, checkpoint=files.get(method), costs=cost,
                 images=records.get(method, []))
        )  # fmt: skip
    text = table.to_markdown(index=False, disable_numparse=True)
    if missing := [method for method in costs.index if method not in files]:
        text += f'\n\nNo checkpoint was given for {", ".join(missing)}.'
    with written_whole(out / 'comparison.csv') as part:
        table.to_csv(part, index=False)
    write_text(out / 'comparison.md', text + '\n')
    write_text(out / 'comparison.json', json.dumps(content, indent=1) + '\n')


def draw(drawn: dict, sets: dict, out: Path) -> None:
    """Write the pictures with the crops."""
    from crops import crops
    from PIL import Image

    for (name, pair), results in drawn.items():
        gt = next(photo.gt for photo in sets[name] if photo.name == pair)
        with written_whole(crops_file(out, name, pair)) as part:
            Image.fromarray(crops(gt, results)).save(part, 'PNG')


def main(args: argparse.Namespace) -> None:
    """Compare, print and write."""
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else 0
    from measuring import Case, machine
    from mmengine.device import get_device
    from pandas import DataFrame
    from quality import BICUBIC
    from rich.console import Console
    from rich.progress import Progress

    from masasr_mm.checkpoints.hub import files_of
    from masasr_mm.checkpoints.loading import read_checkpoint
    from masasr_mm.config import config_files, load_config
    from masasr_mm.system import keep_freed_memory

    keep_freed_memory()
    configs = configs_of(args.methods, args.configs)
    files = checkpoints_of(configs, args.checkpoints)
    # What is wrong with one is reported before the others are run.
    read = [*args.data]
    for config in configs.values():
        read += config_files(load_config(config))
    for file in files.values():
        read += files_of(file)
        read_checkpoint(file)
    sets = read_sets(args)
    names = ['comparison.csv', 'comparison.json', 'comparison.md', 'psnr_time.png']
    pictures = [crops_file(args.out, n, p.name) for n in sets for p in sets[n][: args.pictures]]
    check_outputs([*(args.out / name for name in names), *pictures], read)
    args.device = args.device or get_device()
    case = Case(tuple(args.size), tuple(4 * length for length in args.size))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        quality, drawn = compare_quality(args, sets, configs, files, progress)
        task, costs = progress.add_task('', total=len(configs)), {}
        for method, config in configs.items():
            progress.update(task, advance=1, description=f'time of {method}')
            costs[method] = measure_costs(config, case, args.device, args.runs)
    costs = DataFrame.from_dict(costs, orient='index')
    table = table_of(quality, costs, [BICUBIC, *configs])
    print(table.to_markdown(index=False, disable_numparse=True))
    if missing := [method for method in configs if method not in files]:
        print(f'no checkpoint, so no quality: {", ".join(missing)}')
    about = {key: getattr(args, key) for key in ('data', 'references', 'align')}
    about.update(lq=args.size, machine=machine(args.device, load))
    write_files(table, quality, costs, files, about, args.out)
    plot_time(quality, costs, args.out / 'psnr_time.png')
    draw(drawn, sets, args.out)
    print(f'written to {args.out}')


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
