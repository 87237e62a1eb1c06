"""Measure weights on real pairs of photos: each with itself, its pair and an unlike reference."""

from __future__ import annotations

import argparse
from itertools import chain
from pathlib import Path

from masasr_mm.version import add_version


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_version(parser)
    parser.add_argument(
        'data', metavar='DATA', help='folder that tools/dataset_converters/make_pairs.py made'
    )
    parser.add_argument(
        '--checkpoints',
        nargs='+',
        required=True,
        metavar='CKPT',
        help="checkpoints, ours or the authors'",
    )
    parser.add_argument(
        '--jpeg',
        type=int,
        metavar='QUALITY',
        help='let the LR images go through JPEG of this quality, such as 75 (default: they do not)',
    )
    parser.add_argument(
        '--measures',
        nargs='+',
        default=[],
        metavar='NAME',
        help='further metrics: LPIPS and NIQE, and with the extra `measures` installed '
        'XFeatDistance and ALIKEDDistance; the original has its own row then',
    )
    parser.add_argument(
        '--ensemble', action='store_true', help='average over the eight flips and turns'
    )
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:0' (default: the best there is)")
    parser.add_argument('--out', metavar='FILE', type=Path, help='also write all results, as JSON')
    return parser.parse_args()


def print_table(measured: list, metric: str, digits: int) -> None:
    """Print a metric of all results."""
    from rich.console import Console
    from rich.table import Table

    from masasr_mm.evaluation.real_pairs import rows

    found = rows(measured, metric)
    table = Table(title=metric.upper())
    table.add_column('', no_wrap=True)
    for name in next(iter(found.values())):
        table.add_column(name, no_wrap=True)
    for name, values in found.items():
        table.add_row(name, *(f'{value:.{digits}f}' for value in values.values()))
    # No narrower than its content where there is no terminal to fit into.
    Console(width=max(100, Console().width)).print(table)


def main(args: argparse.Namespace) -> None:
    """Measure, print and write."""
    from rich.console import Console
    from rich.progress import track

    from masasr_mm.apis import MASAInferencer
    from masasr_mm.checkpoints.hub import files_of
    from masasr_mm.errors import UserError
    from masasr_mm.evaluation.real_pairs import count, measure, read_pairs, write_results
    from masasr_mm.files import check_outputs
    from masasr_mm.system import keep_freed_memory

    if args.jpeg is not None and not 1 <= args.jpeg <= 100:
        raise UserError(f'--jpeg {args.jpeg}: the qualities are 1 to 100')
    if args.out:
        check_outputs(
            [args.out], [args.data, *chain.from_iterable(map(files_of, args.checkpoints))]
        )
    keep_freed_memory()
    test_cfg = dict(tile='auto', ensemble=args.ensemble)
    networks = {
        Path(name).stem: MASAInferencer(name, device=args.device, test_cfg=test_cfg)
        for name in args.checkpoints
    }
    pairs = read_pairs(args.data)
    measured = list(
        track(
            measure(networks, pairs, args.jpeg, args.measures),
            'Super-resolving',
            total=count(len(networks), len(pairs), args.measures),
            console=Console(stderr=True),
        )
    )
    print_table(measured, 'psnr', 2)
    print_table(measured, 'ssim', 3)
    if measured[0].lpips is not None:
        print_table(measured, 'lpips', 3)
    for name in measured[0].measures:
        print_table(measured, name, 4)
    if args.out:
        write_results(measured, args.out)


if __name__ == '__main__':
    arguments = parse_args()
    from masasr_mm.errors import exit_with_user_errors

    exit_with_user_errors(lambda: main(arguments))
