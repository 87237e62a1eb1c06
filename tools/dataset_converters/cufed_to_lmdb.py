"""Pack CUFED or CUFED5 into one LMDB database, for disks that are slow with many small files."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Iterable
from pathlib import Path

from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.files import folder_written_whole
from masasr_mm.version import add_version

FIRST_MAP_SIZE = 2**26


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


def pack(paths: Iterable[str], root: str, out: str | os.PathLike, decoded: bool = False) -> int:
    """Write images into a database, whole or not at all; return how many there are.

    Every image is decoded once, so that none in the database is broken.
    """
    import lmdb
    from PIL import Image

    from masasr_mm.datasets.lmdb_folder import LISTING, SUFFIX
    from masasr_mm.images.io import decode_rgb, read_bytes

    if Path(out).suffix != SUFFIX:
        raise UserError(f'{out}: the name of the database must end in {SUFFIX}')
    names = []
    try:
        # Nothing is on the disk for certain before the last sync, hence the temporary folder.
        with (
            folder_written_whole(out) as made,
            lmdb.open(str(made), map_size=FIRST_MAP_SIZE, sync=False) as environment,
        ):
            for path in paths:
                content = read_bytes(path)
                pixels = decode_rgb(content, path)
                if decoded:
                    Image.fromarray(pixels).save(buffer := io.BytesIO(), 'PPM')
                    content = buffer.getvalue()
                names.append(Path(os.path.relpath(path, root)).as_posix())
                if not names[-1].isascii():
                    raise UserError(f'{path}: LMDB takes names in ASCII alone; rename the file')
                put(environment, names[-1], content)
            put(environment, LISTING, '\n'.join(sorted(names)).encode())
            environment.sync(True)
    except lmdb.Error as error:
        raise UserError(f'cannot write {out}: {error}') from error
    return len(names)


def put(environment, name: str, content: bytes) -> None:
    """Store a value under a name as mmengine's LmdbBackend does, making room where needed."""
    import lmdb

    while True:
        try:
            with environment.begin(write=True) as transaction:
                transaction.put(name.encode('ascii'), content)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()['map_size'])


def main(args: argparse.Namespace) -> None:
    """Pack."""
    from rich.console import Console
    from rich.progress import track

    from masasr_mm.datasets import CUFED5Dataset, CUFEDDataset

    dataset = dict(cufed=CUFEDDataset, cufed5=CUFED5Dataset)[args.dataset](args.root)
    paths = dataset.image_paths()
    progress = track(paths, 'Packing', console=Console(stderr=True))
    count = pack(progress, args.root, args.out, args.decoded)
    size = sum(file.stat().st_size for file in Path(args.out).iterdir())
    print(f'{args.out}: {count} images, {size / 1e6:.1f} MB; use data_root=lmdb://{args.out}')


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
