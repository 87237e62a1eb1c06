"""Pack CUFED or CUFED5 into one LMDB database, for disks that are slow with many small files."""

from __future__ import annotations

import argparse

from masasr_mm.version import add_version


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_version(parser)
    parser.add_argument(
        'dataset', choices=['cufed', 'cufed5'], help='the layout: training pairs, or test images'
    )
    parser.add_argument('root', metavar='ROOT', help='its folder, as data/CUFED/train')
    parser.add_argument('out', metavar='OUT', help='the database, as data/CUFED/train.lmdb')
    parser.add_argument(
        '--decoded',
        action='store_true',
        help='store pixels in place of PNG files: more bytes, but nothing to decode in training',
    )
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Pack."""
    from pathlib import Path

    from rich.console import Console
    from rich.progress import track

    from masasr_mm.datasets import CUFED5Dataset, CUFEDDataset
    from masasr_mm.datasets.lmdb_folder import pack

    dataset = dict(cufed=CUFEDDataset, cufed5=CUFED5Dataset)[args.dataset](args.root)
    paths = dataset.image_paths()
    progress = track(paths, 'Packing', console=Console(stderr=True))
    count = pack(progress, args.root, args.out, args.decoded)
    size = sum(file.stat().st_size for file in Path(args.out).iterdir())
    print(f'{args.out}: {count} images, {size / 1e6:.1f} MB; use data_root=lmdb://{args.out}')


if __name__ == '__main__':
    arguments = parse_args()
    from masasr_mm.errors import exit_with_user_errors

    exit_with_user_errors(lambda: main(arguments))
