"""Measure time and memory of a network, stage by stage and in variants."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from masasr_mm.version import add_version

TRAINING_SIZE = (160, 160)
SWEEP = (64, 128, 192, 256)
NUM_REFERENCES = 5
"""As many as CUFED5 has."""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='Without --train, --sweep or --loader the forward pass is measured. Every case runs '
        'in a process of its own: once for its memory, then --runs times for its time.',
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
    add('--runs', type=int, default=5, metavar='N', help='runs after the first (default: 5)')
    add(
        '--out', default='work_dirs/benchmark', metavar='DIR',
        help='benchmark.json and the plots go there (default: work_dirs/benchmark)',
    )  # fmt: skip
    add('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides')
    return parser.parse_args()


def plan(args: argparse.Namespace) -> list[tuple]:
    """Return what to measure: sections, cases and variants."""
    from masasr_mm.benchmark.cases import Case, build_network, check_case
    from masasr_mm.benchmark.variants import Variant
    from masasr_mm.config import load_config

    net = build_network(args.config, args.cfg_options)
    base = Variant().changed(f'dtype={args.dtype}')
    base = base if args.tile is None else base.changed(f'tile={args.tile}')
    variants = [base, *(base.changed(text) for text in args.variants)]

    def sizes(lq: tuple) -> tuple[tuple, tuple]:
        lq = tuple(args.lq or lq)
        return lq, tuple(args.ref or (net.scale * size for size in lq))

    lq, ref = sizes((128, 128))
    found = []
    if args.train:
        batch = args.batch or load_config(args.config, args.cfg_options).train_dataloader.batch_size
        case = Case(*sizes(tuple(size // net.scale for size in TRAINING_SIZE)), batch)
        found += [('training', case, variant) for variant in variants]
    if args.sweep is not None:
        for size in sorted(args.sweep or SWEEP):
            found.append(('area', Case((size, size), (net.scale * size,) * 2), base))
        for count in range(1, NUM_REFERENCES + 1):
            found.append(('references', Case(lq, (count * ref[0], ref[1])), base))
    if not (found or args.loader):
        case = Case(lq, ref, args.batch or 1)
        found = [('inference', case, variant) for variant in variants]
    for _, case, _ in found:
        check_case(net, case)
    return found


def measure_all(args: argparse.Namespace, planned: list[tuple], device: str) -> tuple:
    """Measure the yardstick and everything planned, with a progress bar."""
    from rich.progress import Progress

    from masasr_mm.benchmark import fresh_process, measuring
    from masasr_mm.benchmark.rows import Row
    from masasr_mm.system import keep_freed_memory

    rows = []
    with Progress(transient=True) as progress:
        task = progress.add_task('yardstick', total=1 + len(planned))
        yardstick = fresh_process.in_child(measuring.measure_yardstick, device, args.runs)
        for section, case, variant in planned:
            progress.update(task, advance=1, description=f'{section}, {variant.label}')
            work = measuring.measure_inference
            if section == 'training':
                work = measuring.measure_training
            arguments = (args.config, args.cfg_options, case, variant, device, args.runs)
            first = None if variant.give_back else keep_freed_memory
            measured = fresh_process.in_child(work, *arguments, first=first)
            rows.append(Row(section, case, variant, measured))
    return yardstick, rows


def show(console, rows: list, yardstick, stages: bool, out: Path) -> None:
    """Print the tables of one section and draw its plot."""
    from masasr_mm.benchmark import plots, tables
    from masasr_mm.benchmark.rows import growing_pixels

    section = rows[0].section
    if section in ('area', 'references'):
        console.print(tables.growth_table(rows))
        if len(rows) > 1:
            seconds = [row.time.median for row in rows]
            exponent = tables.growth_exponent(growing_pixels(rows), seconds)
            console.print(f'time grows with the power {exponent:.2f}', highlight=False)
        plots.plot_growth(rows, out / f'{section}.png')
    else:
        console.print(tables.comparison_table(rows, yardstick))
        plots.plot_stages(rows, out / f'{section}.png')
    if stages:
        console.print(tables.stage_table(rows))


def measure_loader(args: argparse.Namespace, console) -> dict:
    """Measure the training dataloader and print the result."""
    from masasr_mm.benchmark.loading_speed import measure_loading
    from masasr_mm.benchmark.timing import spread

    speed = measure_loading(args.config, args.cfg_options, rounds=args.runs)
    rate = spread(speed.pairs_per_second)
    console.print(
        f'loading with {speed.workers} workers: {rate.minimum:.0f} to {rate.maximum:.0f} pairs a '
        f'second, median {rate.median:.0f}: a batch of {speed.batch_size} every '
        f'{1e3 * speed.batch_size / rate.median:.1f} ms; the first one after {speed.first:.1f} s',
        highlight=False,
    )
    return speed._asdict()


def main(args: argparse.Namespace) -> None:
    """Measure."""
    # Importing torch is work for a while; the load is taken before.
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else 0
    import json
    from itertools import groupby

    from mmengine.device import get_device
    from rich.console import Console

    from masasr_mm.benchmark.rows import IDLE_LOAD, machine
    from masasr_mm.benchmark.timing import spread
    from masasr_mm.config import check_data, config_files, load_config
    from masasr_mm.errors import UserError
    from masasr_mm.files import check_outputs, written_whole

    if args.runs < 1:
        raise UserError(f'--runs {args.runs}: at least one run is needed')
    planned, out = plan(args), Path(args.out)
    config = load_config(args.config, args.cfg_options)
    read = config_files(config)
    for dataset in check_data(config, 'train') if args.loader else ():
        read += getattr(dataset, 'image_paths', list)()
    pictures = sorted({f'{section}.png' for section, _, _ in planned})
    check_outputs([out / name for name in ('benchmark.json', *pictures)], read)
    device, console = args.device or get_device(), Console()
    content = dict(config=args.config, machine=machine(device, load))
    if load > IDLE_LOAD:
        console.print('[bold]this machine is busy with other work: the times are too long[/bold]')
    if planned:
        measured, rows = measure_all(args, planned, device)
        yardstick = spread(measured.seconds)
        numbers = ', '.join(f'{value:.3f}' for value in yardstick)
        console.print(f'yardstick, eight convolutions: {numbers} s (min, median, max)')
        for _, group in groupby(rows, key=lambda row: row.section):
            show(console, list(group), yardstick, args.stages, out)
        content.update(yardstick=yardstick._asdict(), rows=[row.as_dict() for row in rows])
    if args.loader:
        content.update(loader=measure_loader(args, console))
    with written_whole(out / 'benchmark.json') as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False), 'utf-8')
    console.print(f'written to {out}', highlight=False)


if __name__ == '__main__':
    arguments = parse_args()
    from masasr_mm.errors import exit_with_user_errors

    exit_with_user_errors(lambda: main(arguments))
