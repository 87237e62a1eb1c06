"""Measure time and memory of a network, stage by stage and in variants."""

from __future__ import annotations

import argparse
import json
import os
import time
from itertools import chain, repeat
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from mmengine.config import Config, DictAction

from masasr_mm.cli.values import whole_number
from masasr_mm.errors import exit_with_user_errors
from masasr_mm.files import check_outputs, write_text, written_whole
from masasr_mm.version import add_version

if TYPE_CHECKING:
    from pandas import DataFrame

TRAINING_SIZE = (160, 160)
SWEEP = (64, 128, 192, 256)
NUM_REFERENCES = 5
"""As many as CUFED5 has."""
IDLE_LOAD = 0.3
"""Times are reliable if no more processes than this were running on average."""
GROWING = dict(area='LR', references='references')
"""What grows from case to case, by section."""
BATCHES = 50


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='Without --train, --sweep or --loader the forward pass is measured. Every case runs '
        'in a process of its own: once for its memory, --runs times for its time, once for its '
        'stages.',
    )
    add_version(parser)
    add = parser.add_argument
    add('config', metavar='CONFIG', help='config file, such as those in configs/')
    add('--lq', nargs=2, type=int, metavar=('H', 'W'), help='LR size (128 128; training: 40 40)')
    add('--ref', nargs=2, type=int, metavar=('H', 'W'), help='Ref size (default: scale times LR)')
    add('--batch', type=int, metavar='N', help="images (default: 1; training: the config's)")
    add('--device', help="such as 'cpu' or 'cuda:0' (default: the best there is)")
    add('--dtype', default='float32', metavar='T', help='float32; bfloat16 or float16 by autocast')
    add('--tile', type=int, metavar='N', help='run in tiles of N LR pixels')
    add(
        '--variants', nargs='+', default=[], metavar='V',
        help="compare with others: 'layout=nchw', 'tile=128', 'dtype=bfloat16', 'compile', "
        "'with_cp' or 'with_cp=encoder+aggregations' (training alone), 'give_back' (memory that is "
        "freed, to the system), 'unfolded' (matching in the released way), or several of them with "
        'commas between',
    )  # fmt: skip
    add('--stages', action='store_true', help='print a row for every stage')
    add('--train', action='store_true', help='measure training steps')
    add(
        '--sweep', nargs='*', type=int, metavar='SIZE',
        help='measure the growth with the LR, from SIZE² to SIZE² (default: '
        f'{" ".join(map(str, SWEEP))}), and with the number of references',
    )  # fmt: skip
    add('--loader', action='store_true', help='measure the training dataloader')
    add(
        '--runs', type=whole_number(1), default=5, metavar='N',
        help='runs after the first (default: 5)',
    )  # fmt: skip
    add(
        '--out', default='work_dirs/benchmark', metavar='DIR',
        help='benchmark.json and the plots go there (default: work_dirs/benchmark)',
    )  # fmt: skip
    add('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides')
    return parser.parse_args()


def plan(args: argparse.Namespace, config: Config) -> list[tuple]:
    """Return what to measure: sections, cases and variants."""
    from measuring import Case, Variant, build_network, check_case

    net = build_network(args.config, args.cfg_options)
    base = Variant().changed(f'dtype={args.dtype}')
    base = base if args.tile is None else base.changed(f'tile={args.tile}')
    variants = [base, *(base.changed(text) for text in args.variants)]

    def sizes(lq: tuple) -> tuple[tuple, tuple]:
        lq = tuple(args.lq or lq)
        return lq, tuple(args.ref or (net.scale * size for size in lq))

    lq, ref = sizes((128, 128))
    planned = []
    if args.train:
        batch = args.batch or config.train_dataloader.batch_size
        case = Case(*sizes(tuple(size // net.scale for size in TRAINING_SIZE)), batch)
        planned += [('training', case, variant) for variant in variants]
    if args.sweep is not None:
        for size in sorted(args.sweep or SWEEP):
            planned.append(('area', Case((size, size), (net.scale * size,) * 2), base))
        for count in range(1, NUM_REFERENCES + 1):
            planned.append(('references', Case(lq, (count * ref[0], ref[1])), base))
    if not (planned or args.loader):
        case = Case(lq, ref, args.batch or 1)
        planned = [('inference', case, variant) for variant in variants]
    for _, case, _ in planned:
        check_case(net, case)
    return planned


def measure_all(args: argparse.Namespace, planned: list[tuple], device: str) -> tuple:
    """Measure the baseline and everything planned, with a progress bar."""
    import measuring
    from pandas import DataFrame
    from rich.progress import Progress

    rows = []
    with Progress(transient=True) as progress:
        task = progress.add_task('baseline', total=1 + len(planned))
        arguments = measuring.measure_baseline, device, args.runs
        baseline = spread(measuring.in_child(*arguments, keep_freed=False).seconds)
        for section, case, variant in planned:
            progress.update(task, advance=1, description=f'{section}, {variant}')
            work = measuring.measure_inference
            if section == 'training':
                work = measuring.measure_training
            arguments = (args.config, args.cfg_options, case, variant, device, args.runs)
            found = measuring.in_child(work, *arguments, keep_freed=not variant.give_back)
            row = dict(section=section, **case._asdict(), variant=variant._asdict())
            row.update(images=str(case), label=str(variant), first=found.first)
            row.update(spread(found.seconds), added_peak_bytes=found.memory)
            rows.append(dict(row, seconds=found.seconds, stages=found.stages))
    return baseline, DataFrame(rows)


def spread(seconds: list[float]) -> dict[str, float]:
    """Return the minimum, median and maximum of measurements."""
    return dict(minimum=min(seconds), median=median(seconds), maximum=max(seconds))


def pixels(rows: DataFrame, section: str):
    """Return the pixels of what grows in a section, case by case."""
    sizes = rows['lq'] if section == 'area' else rows['ref']
    return sizes.map(lambda size: size[0] * size[1])


def relative(values):
    """Return values as multiples of the first one."""
    return values / values.iloc[0]


def table_of(rows: DataFrame, section: str, baseline: float) -> DataFrame:
    """Compare variants of one case, or say how it grows; ratios are to the first row."""
    memory = rows['added_peak_bytes'].astype(float)
    if section in GROWING:
        area = relative(pixels(rows, section))
        table = rows[['images']].assign(area=area, median=rows['median'])
    else:
        table = rows[['label', 'first', 'minimum', 'median', 'maximum']]
        table = table.assign(baselines=rows['median'] / baseline)
    return table.assign(
        ratio=relative(rows['median']), added_gib=memory / 2**30, memory_ratio=relative(memory)
    )


def stage_table(rows: DataFrame) -> DataFrame:
    """Return the seconds of every stage of variants of one case, a column each."""
    from measuring import REST
    from pandas import DataFrame

    table = DataFrame({row['label']: row['stages'] for _, row in rows.iterrows()}, dtype=float)
    longest = max(rows['stages'], key=len)
    names = dict.fromkeys([*longest, *table.index])
    del names[REST]
    return table.reindex([*names, REST])


def show(rows: DataFrame, section: str, baseline: dict, stages: bool, out: Path) -> None:
    """Print the tables of one section and draw its plot."""
    import numpy as np

    rows = rows[rows['section'] == section]
    if section in GROWING:
        label = rows['label'].iloc[0]
        print(f'\ngrowth with the area of the {GROWING[section]} ({label}), seconds')
    else:
        print(f'\n{section}: {rows["images"].iloc[0]}, seconds')
    print_table(table_of(rows, section, baseline['median']))
    if section in GROWING and len(rows) > 1:
        logarithms = np.log(pixels(rows, section)), np.log(rows['median'])
        print(f'time grows with the power {np.polyfit(*logarithms, 1)[0]:.2f}')
    if stages:
        print(f'\nstages of {section}: {", ".join(dict.fromkeys(rows["images"]))}, seconds')
        print_table(stage_table(rows).reset_index(names='stage'))
    plot(rows, section, out / f'{section}.png')


def print_table(table: DataFrame) -> None:
    """Print a table, what is missing as an empty cell."""
    print(table.to_markdown(index=False, floatfmt='.3f', missingval=''))


def plot(rows: DataFrame, section: str, path: Path) -> None:
    """Draw time by stage and memory of all variants, or time and memory against the size."""
    from matplotlib.figure import Figure

    growing = section in GROWING
    figure = Figure(figsize=(12, 4 if growing else 2.5 + 0.5 * len(rows)), layout='constrained')
    time_axes, memory_axes = figure.subplots(1, 2, width_ratios=(1, 1) if growing else (3, 1))
    memory = rows['added_peak_bytes'].astype(float) / 2**30
    if growing:
        size = pixels(rows, section) / 1e6
        for axes, values, name in (
            (time_axes, rows['median'], 'seconds'),
            (memory_axes, memory, 'added peak (GiB)'),
        ):
            axes.plot(size, values, marker='o', label='measured')
            axes.plot(size, relative(size) * values.iloc[0], ':', color='gray', label='linear')
            axes.set(xlabel=f'megapixels of the {GROWING[section]}', ylabel=name)
            axes.set(xlim=(0, None), ylim=(0, None))
            axes.legend()
    else:
        table = stage_table(rows).T
        table.plot.barh(stacked=True, ax=time_axes, colormap='tab20', title=rows['images'].iloc[0])
        time_axes.set(xlabel='seconds')
        time_axes.invert_yaxis()
        time_axes.legend(fontsize=8, ncols=2, loc='center left', bbox_to_anchor=(1.35, 0.5))
        memory_axes.barh(rows['label'], memory, color='gray')
        memory_axes.invert_yaxis()
        memory_axes.set(xlabel='added peak (GiB)')
    with written_whole(path) as part:
        figure.savefig(part, dpi=120)


def measure_loader(config: Config, rounds: int) -> dict:
    """Run the training dataloader with nothing else to do, and print how fast it is."""
    from mmengine.runner import Runner

    loader = Runner.build_dataloader(config.train_dataloader, seed=0)
    start = time.perf_counter()
    batches = chain.from_iterable(repeat(loader))
    next(batches)
    first = time.perf_counter() - start
    rates = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        for _ in range(BATCHES):
            next(batches)
        rates.append(BATCHES * loader.batch_size / (time.perf_counter() - start))
    rate = spread(rates[1:])
    print(
        f'loading with {loader.num_workers} workers: {rate["minimum"]:.0f} to '
        f'{rate["maximum"]:.0f} pairs a second, median {rate["median"]:.0f}: a batch of '
        f'{loader.batch_size} every {1e3 * loader.batch_size / rate["median"]:.1f} ms; the first '
        f'one after {first:.1f} s'
    )
    return dict(
        first=first,
        pairs_per_second=rates[1:],
        batch_size=loader.batch_size,
        workers=loader.num_workers,
    )


def main(args: argparse.Namespace) -> None:
    """Measure."""
    # Importing torch is work for a while; the load is taken before.
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else 0
    from measuring import machine
    from mmengine.device import get_device

    from masasr_mm.config import check_data, config_files, load_config

    config, out = load_config(args.config, args.cfg_options), Path(args.out)
    planned = plan(args, config)
    read = config_files(config)
    for dataset in check_data(config, 'train') if args.loader else ():
        read += getattr(dataset, 'image_paths', list)()
    sections = list(dict.fromkeys(section for section, _, _ in planned))
    names = ['benchmark.json', *(f'{section}.png' for section in sections)]
    check_outputs([out / name for name in names], read)
    device = args.device or get_device()
    content = dict(config=args.config, machine=machine(device, load))
    if load > IDLE_LOAD:
        print('this machine is busy with other work: the times are too long')
    if planned:
        baseline, rows = measure_all(args, planned, device)
        numbers = ', '.join(f'{value:.3f}' for value in baseline.values())
        print(f'baseline, eight convolutions: {numbers} s (min, median, max)')
        for section in sections:
            show(rows, section, baseline, args.stages, out)
        content.update(baseline=baseline, rows=json.loads(rows.to_json(orient='records')))
    if args.loader:
        content.update(loader=measure_loader(config, args.runs))
    write_text(out / 'benchmark.json', json.dumps(content, indent=1, ensure_ascii=False))
    print(f'written to {out}')


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
