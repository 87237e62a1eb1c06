"""Measure weights on real pairs of photos: each with itself, its pair and an unlike reference."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from masasr_mm.cli.values import whole_number
from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.files import check_outputs, written_whole
from masasr_mm.version import add_version

if TYPE_CHECKING:
    from pandas import DataFrame
    from quality import Photo

    from masasr_mm.apis import MASAInferencer

REFERENCES = {
    'the photo itself': 'off',
    'reference': 'off',
    'reference, aligned': 'auto',
    'unlike': 'off',
    'unlike, aligned': 'auto',
}
"""What the network is given as its reference, and whether that is aligned."""
DIGITS = dict(psnr=2, ssim=3, lpips=3)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_version(parser)
    add = parser.add_argument
    add('data', metavar='DATA', help='folder that tools/dataset_converters/make_pairs.py made')
    add(
        '--checkpoints', nargs='+', required=True, metavar='CKPT',
        help="checkpoints, ours or the authors'",
    )  # fmt: skip
    add(
        '--jpeg', type=whole_number(1, 100), metavar='QUALITY',
        help='let the LR images go through JPEG of this quality, such as 75 (default: they do not)',
    )  # fmt: skip
    add(
        '--measures', nargs='+', default=[], metavar='NAME',
        help='further metrics: LPIPS and NIQE, and with the extra `measures` installed '
        'XFeatDistance and ALIKEDDistance; the original has its own row then',
    )  # fmt: skip
    add('--ensemble', action='store_true', help='average over the eight flips and turns')
    add('--device', help="such as 'cpu' or 'cuda:0' (default: the best there is)")
    add('--out', metavar='FILE', type=Path, help='also write all results, as JSON')
    return parser.parse_args()


def read_pairs(folder: str) -> list[Photo]:
    """Read photos with a reference of the same scene and one of another."""
    from quality import read_photos

    pairs = read_photos(folder, references=2)
    for pair in pairs:
        if len(pair.refs) < 2:
            raise UserError(f'{folder}: {pair.name}_2.png, an unlike reference, is not there')
    return pairs


def measure(
    networks: dict[str, MASAInferencer],
    pairs: Sequence[Photo],
    jpeg: int | None = None,
    measures: Sequence[str] = (),
) -> Iterator[dict]:
    """Super-resolve all pairs with all weights and references; yield the metrics one by one.

    With further ``measures`` the HR image's own values are among them. The ``align`` of the
    networks is changed.
    """
    from quality import BICUBIC, Metrics, enlarge_bicubic, low_resolution

    metrics = Metrics(measures)
    for name, gt, (ref, unlike) in pairs:
        lq = low_resolution(gt, jpeg)
        given = {BICUBIC: enlarge_bicubic(lq)}
        for kind, image in (dict(original=gt, **given) if measures else given).items():
            yield dict(weights=kind, reference='', pair=name, **metrics(gt, image))
        for weights, infer in networks.items():
            given = zip(REFERENCES.items(), (lq, ref, ref, unlike, unlike))
            for (reference, infer.align), image in given:
                row = dict(weights=weights, reference=reference, pair=name)
                yield dict(row, **metrics(gt, infer(lq, image)))


def table_of(results: DataFrame, metric: str) -> DataFrame:
    """Arrange a metric with a row for weights and reference, and a column for each pair."""
    index = ['weights', 'reference']
    table = results.pivot_table(metric, index, 'pair', sort=False)
    return table.assign(mean=table.mean(axis=1)).reset_index()


def main(args: argparse.Namespace) -> None:
    """Measure, print and write."""
    from pandas import DataFrame
    from rich.console import Console
    from rich.progress import track

    from masasr_mm.apis import MASAInferencer
    from masasr_mm.checkpoints.hub import files_of
    from masasr_mm.system import keep_freed_memory

    if args.out:
        read = [file for name in args.checkpoints for file in files_of(name)]
        check_outputs([args.out], [args.data, *read])
    pairs = read_pairs(args.data)
    keep_freed_memory()
    test_cfg = dict(tile='auto', ensemble=args.ensemble)
    networks = {
        Path(name).stem: MASAInferencer(name, device=args.device, test_cfg=test_cfg)
        for name in args.checkpoints
    }
    total = len(pairs) * (1 + bool(args.measures) + len(networks) * len(REFERENCES))
    measured = measure(networks, pairs, args.jpeg, args.measures)
    screen = Console(stderr=True)
    results = DataFrame(track(measured, 'Super-resolving', total=total, console=screen))
    for metric in results.columns[3:]:
        print(f'\n{metric.upper() if metric in DIGITS else metric}')
        table = table_of(results, metric)
        print(table.to_markdown(index=False, floatfmt=f'.{DIGITS.get(metric, 4)}f'))
    if args.out:
        with written_whole(args.out) as part:
            results.to_json(part, orient='records', indent=1, force_ascii=False)


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
