"""Write a network for programs without this package: torch.export, ONNX, OpenVINO, or weights."""

from __future__ import annotations

import argparse

from masasr_mm.errors import exit_with_user_errors
from masasr_mm.version import add_version

EPILOG = """
The files of all but --format safetensors take lq, ref and ref_down, RGB in [0, 1], of any size that
suits the network; a size that is given with --lq or --ref is fixed. docs/deployment.md has more.

examples:
  python tools/deployment/export.py CONFIG CKPT --format onnx --out masa.onnx
  python tools/deployment/export.py CONFIG CKPT --format onnx --lq 128 128 --ref 512 512 --out F
  python tools/deployment/export.py CONFIG CKPT --format safetensors --out masa.safetensors
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_version(parser)
    parser.add_argument('config', metavar='CONFIG', help='config of the model, which is run')
    parser.add_argument(
        'checkpoint', metavar='CKPT', help="photos, bicubic, or a checkpoint, ours or the authors'"
    )
    parser.add_argument(
        '--format',
        choices=('torch', 'onnx', 'openvino', 'safetensors'),
        required=True,
        help='a program of torch.export, an ONNX file for onnxruntime, a file of OpenVINO (*.xml, '
        'with *.bin beside it), or the weights alone',
    )
    parser.add_argument('--out', metavar='FILE', required=True, help='the file to write')
    for name, what in (('--lq', 'photos'), ('--ref', 'references')):
        parser.add_argument(
            name,
            type=int,
            nargs=2,
            metavar=('H', 'W'),
            help=f'fix the size of the {what}, rounded up (default: any size)',
        )
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Export and say what the file takes."""
    from masasr_mm.config import load_config
    from masasr_mm.deployment.export import export

    config = load_config(args.config)
    interface = export(config, args.checkpoint, args.format, args.out, args.lq, args.ref)
    if interface is None:
        print(f'{args.out}: weights and the config of the generator written')
        return
    scale, divisor = interface.scale, interface.size_divisor
    print(f'{args.out}: written')
    print(f'  lq        1×3×h×w, {_size(interface.lq_size, f"multiples of {divisor}")}')
    print(f'  ref       1×3×{scale}H×{scale}W, {_size(interface.ref_size, "any H and W")}')
    print('  ref_down  1×3×H×W, ref reduced bicubically')


def _size(fixed: tuple[int, int] | None, free: str) -> str:
    return f'{fixed[0]}×{fixed[1]}, fixed' if fixed else free


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
