"""Super-resolve your own photo with the texture of sharp ones."""

from __future__ import annotations

import argparse
from pathlib import Path

from masasr_mm.errors import UserError, exit_with_user_errors


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('lq', metavar='LQ', help='the photo to super-resolve, of any size')
    parser.add_argument(
        '--ref', nargs='+', required=True, metavar='REF', help='sharp photos of a similar scene'
    )
    parser.add_argument(
        '--checkpoint', required=True, metavar='CKPT', help="a checkpoint, ours or the authors'"
    )
    parser.add_argument(
        '--config', metavar='C', help='config of the model (default: what the checkpoint says)'
    )
    parser.add_argument(
        '--out',
        metavar='FILE_OR_DIR',
        help='PNG file to write, or a folder (default: LQ with _x4 at the end of its name)',
    )
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:0' (default: the best there is)")
    return parser.parse_args()


def output_path(lq: str, out: str | None) -> Path:
    """Return the file to write."""
    name = f'{Path(lq).stem}_x4.png'
    if out is None:
        return Path(lq).with_name(name)
    path = Path(out)
    if path.is_dir() or out.endswith('/') or not path.suffix:
        return path / name
    if path.suffix.lower() != '.png':
        raise UserError(f'{out}: the result is written as PNG; name it .png')
    return path


def main() -> None:
    """Super-resolve."""
    args = parse_args()
    path = output_path(args.lq, args.out)
    from PIL import Image

    import masasr_mm  # noqa: F401
    from masasr_mm.apis import MASAInferencer
    from masasr_mm.files import written_whole

    infer = MASAInferencer(args.checkpoint, args.config, args.device)
    image = infer(args.lq, args.ref)
    with written_whole(path) as temporary:
        Image.fromarray(image).save(temporary)
    print(f'{path}: {image.shape[1]}×{image.shape[0]}')


if __name__ == '__main__':
    exit_with_user_errors(main)
