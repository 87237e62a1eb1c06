"""Count and decode every image of a RefSR data set.

Exit status: 0 if all is well, 1 if an image is bad or the counts are not the benchmark's, 2 if the
folder is not laid out as it should be.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.progress import track

from masasr_mm.datasets import (
    CUFED5Dataset,
    CUFEDDataset,
    RefSRDataset,
    Sun80Dataset,
    Urban100Dataset,
)
from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.images.io import read_rgb
from masasr_mm.version import add_version

BENCHMARKS = {
    'cufed': (CUFEDDataset, dict(images=11_871, references=1)),
    'cufed5': (CUFED5Dataset, dict(images=126, references=5)),
    'sun80': (Sun80Dataset, dict(images=80, references=1)),
    'urban100': (Urban100Dataset, dict(images=100, references=0)),
}
"""HR images and references each of them has, as the paper's Sec. 4.1 uses them."""


def parse_arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_version(parser)
    parser.add_argument('dataset', choices=BENCHMARKS, help='the layout of the data set')
    parser.add_argument('root', metavar='ROOT', help='its folder, as data/CUFED/train')
    parser.add_argument(
        '--any-count',
        action='store_true',
        help="accept another number of images or references than the benchmark's (own data)",
    )
    return parser.parse_args()


def counts(dataset: RefSRDataset) -> dict[str, int]:
    """Return the number of HR images, and of references that each is tested with."""
    references = dataset.get_data_info(0).get('ref_path', [])
    return dict(
        images=len(dataset),
        references=1 if isinstance(references, str) else len(references),
    )


def inspect(path: str) -> tuple[int, int] | str:
    """Return the width and height of an image, or what is wrong with it."""
    try:
        height, width = read_rgb(path).shape[:2]
    except UserError as error:
        return str(error)
    return width, height


def inspect_all(paths: list[str], console: Console) -> Iterator[tuple[int, int] | str]:
    """Yield what :func:`inspect` says of each image, with a progress bar."""
    pool = ThreadPoolExecutor()  # Pillow and OpenCV decode outside of the interpreter's lock
    try:
        results = pool.map(inspect, paths)
        yield from track(results, 'Decoding', total=len(paths), console=console)
    finally:
        pool.shutdown(cancel_futures=True)


def report(
    dataset: RefSRDataset, results: list[tuple[int, int] | str], console: Console
) -> list[str]:
    """Print counts, the range of sizes and each bad file; return the lines about those."""
    bad = [result for result in results if isinstance(result, str)]
    sizes = [result for result in results if not isinstance(result, str)]
    console.print('HR images: {images}, references of each: {references}'.format(**counts(dataset)))
    console.print(f'image files: {len(results)}, of them bad: {len(bad)}')
    if sizes:
        ranges = (f'{min(side)} to {max(side)}' for side in zip(*sizes))
        console.print('width {}, height {}'.format(*ranges))
    for line in bad:
        console.print(f'bad: {line}')
    return bad


def main() -> int:
    """Check a data set and return the exit status."""
    arguments = parse_arguments()
    console = Console(soft_wrap=True, highlight=False, markup=False)
    kind, expected = BENCHMARKS[arguments.dataset]
    dataset = kind(arguments.root)
    results = list(inspect_all(dataset.image_paths(), Console(stderr=True)))

    console.print(f'{arguments.root}: {arguments.dataset}')
    bad = report(dataset, results, console)
    wrong_count = counts(dataset) != expected and not arguments.any_count
    if wrong_count:
        console.print(
            'expected {images} HR images with {references} references each '
            '(--any-count accepts other numbers)'.format(**expected)
        )
    console.print('not as it should be' if bad or wrong_count else 'all well')
    return 1 if bad or wrong_count else 0


if __name__ == '__main__':
    exit_with_user_errors(main)
