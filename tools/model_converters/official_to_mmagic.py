"""Convert a checkpoint of the authors (masa_rec.pth, masa.pth) to ours, or back."""

from __future__ import annotations

import argparse

from masasr_mm.errors import exit_with_user_errors
from masasr_mm.files import check_outputs
from masasr_mm.version import add_version


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_version(parser)
    parser.add_argument('input', metavar='IN.pth', help='the checkpoint to convert')
    parser.add_argument('output', metavar='OUT.pth', help='where to write the result')
    parser.add_argument(
        '--reverse', action='store_true', help="convert ours to the authors' format instead"
    )
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Convert and report."""
    import masasr_mm
    from masasr_mm.checkpoints.formats import from_released, to_released
    from masasr_mm.tensor_files import read_tensors, weights_of, write_tensors

    check_outputs([args.output], [args.input])
    state_dict = weights_of(read_tensors(args.input))
    if args.reverse:
        result = to_released(state_dict, args.input)
    else:
        meta = dict(masasr_mm_version=masasr_mm.__version__, source='released')
        result = dict(state_dict=from_released(state_dict, args.input), meta=meta)
    write_tensors(result, args.output)
    count = sum(value.numel() for value in weights_of(result).values())
    print(f'{args.output}: {count:,} parameters written')


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
