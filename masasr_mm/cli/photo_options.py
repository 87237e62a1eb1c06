"""What can be asked of the command ``masasr``; nothing heavy is imported to read it."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, fields

from ..photos.jobs import PHOTO_SUFFIXES, PhotoOptions
from ..version import add_version
from ..weights import DEFAULT
from .values import final_size, number, quality, tile, whole_number

DESCRIPTION = 'Super-resolve your own photos with the texture of sharp ones.'

EPILOG = f"""
examples:
  masasr photo.jpg --ref sharp.jpg
  masasr photos --ref sharp1.jpg sharp2.jpg --out results --checkpoint masa_rec.pth
  masasr photos --ref references --compare
      photos/a.jpg goes with references/a.png, or with all in references/a/
      (all of references for every photo: --ref 'references/*')
  masasr blurry.jpg --ref-from ~/Pictures
      the best references are found in this folder, or below it
  masasr album --recursive --ref sharp.jpg --out results
      the folders of album are made in results, too
  masasr 'photos/**/*.png' --self-ref --out results --format webp

of folders and patterns files are taken that end in
{textwrap.fill(' '.join(PHOTO_SUFFIXES), 78, initial_indent='  ', subsequent_indent='  ')}
with --recursive and patterns, what lies in --out is left out, and so are references

exit status: 0 all written, 1 some photo failed, 2 wrong use, 130 interrupted
"""

COMPILE_FROM = 1000
"""Photos of one size from which on compiling pays on a CPU: 94 s for 0.1 of 3.7 s each."""


@dataclass(frozen=True)
class NetworkOptions:
    """Which network runs, and how."""

    checkpoint: str
    backend: str
    config: str | None
    device: str | None
    dtype: str
    align: str
    sharpness: float | None
    tile: int | str | None
    ref_dtype: str | None
    ensemble: bool
    compile: bool


def parse_args(arguments: Sequence[str] | None = None) -> tuple[NetworkOptions, PhotoOptions]:
    """Read the words of a command line, by default those of this process."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_version(parser)
    parser.add_argument(
        'lq', metavar='LQ', nargs='+', help='photos of any size: files, folders or patterns'
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        '--ref',
        nargs='+',
        metavar='REF',
        help='sharp photos of a similar scene, which serve every photo; or one folder, whose files '
        'and folders pair with the photos by name',
    )
    source.add_argument(
        '--ref-from',
        metavar='FOLDER',
        help='folder with any number of photos, also in folders below it: of those that show what '
        'a photo shows, in more detail, the best become its references',
    )
    source.add_argument(
        '--self-ref', action='store_true', help='no reference: every photo is its own'
    )
    parser.add_argument(
        '--refs',
        type=whole_number(1),
        metavar='N',
        help='how many references of the folder of --ref-from a photo gets at most (default: 3)',
    )
    parser.add_argument(
        '--recursive',
        action='store_true',
        help='take folders with all that is in them, and make the same folders below --out; a '
        'folder as --ref pairs folder by folder',
    )
    parser.add_argument(
        '--checkpoint',
        default=DEFAULT,
        metavar='CKPT',
        help='photos, sharp or bicubic, which come with the package; or a checkpoint, ours or the '
        "authors', or its URL, from where it is downloaded once; with another --backend a file of "
        f'tools/deployment/export.py (default: {DEFAULT})',
    )
    parser.add_argument(
        '--sharpness',
        type=number(0, 1),
        metavar='S',
        help='from 0, the faithful results of the weights photos, to 1, the sharp ones of sharp, '
        'which invent more (default: those of the checkpoint)',
    )
    parser.add_argument(
        '--backend',
        choices=('torch', 'onnxruntime', 'openvino'),
        default='torch',
        help='what runs the network: PyTorch, or onnxruntime or OpenVINO with a file that '
        'tools/deployment/export.py wrote for it (default: torch)',
    )
    parser.add_argument(
        '--config',
        metavar='C',
        help='config of the model, Python code that is run (default: what the checkpoint says)',
    )
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:0' (default: the best there is)")
    parser.add_argument(
        '--dtype',
        choices=('auto', 'float32', 'bfloat16', 'float16'),
        default='auto',
        help='of the convolutions; the matching is always done in float32 (default: auto, bfloat16 '
        'on a CPU that has units for it, else float32)',
    )
    parser.add_argument(
        '--compile',
        action='store_true',
        help=f'compile the network, for {COMPILE_FROM:,} photos of one size or more: it takes a '
        'minute or two, and saves some hundredths of the time of each',
    )
    parser.add_argument(
        '--align',
        choices=('auto', 'sift', 'learned', 'off'),
        default='auto',
        help="bring references of another size, angle or viewpoint to the photo's frame, by key "
        'points of SIFT or learned ones (extra matchers; default: auto, learned ones where they '
        'are installed and SIFT is not sure)',
    )
    parser.add_argument(
        '--tile',
        type=tile,
        default='auto',
        metavar='auto|none|N',
        help='run in tiles of N LR pixels, for the same result in less memory (default: auto, '
        'large photos on a CPU, where that is faster, and what would not fit into the memory)',
    )
    parser.add_argument(
        '--ref-dtype',
        choices=('float32', 'bfloat16', 'float16'),
        help='in which tiles keep the reference: float16 takes half the memory for a difference '
        'that is not seen (default: as --dtype)',
    )
    parser.add_argument(
        '--ensemble',
        action='store_true',
        help='average the results of the eight flips and turns of photo and reference: a little '
        'better, about seven times as long',
    )
    parser.add_argument(
        '--reduce-first',
        type=number(1, 64),
        default=1.0,
        metavar='N',
        help='make photos N times smaller before they are super-resolved: for large soft ones, '
        'which hold no more detail than that (default: 1)',
    )
    parser.add_argument(
        '--stretch',
        action='store_true',
        help='where a 16-bit photo does not say what its range is, as of microscopes and scanners, '
        'take its lowest and highest values for black and white',
    )
    output = parser.add_argument_group('output')
    output.add_argument(
        '--out',
        metavar='FILE_OR_DIR',
        help='file for one photo, or folder (default: beside the photo, or beside the folder)',
    )
    output.add_argument(
        '--suffix',
        help="goes to the end of a photo's name (default: the scale, such as _x4, or what "
        '--outscale says)',
    )
    output.add_argument(
        '--outscale',
        type=final_size,
        metavar='N|Wpx',
        help='reduce results to N times the photo, such as 2 or 2.5, or to a width, such as '
        '1920px, with a Lanczos filter (default: as large as the network makes them)',
    )
    output.add_argument(
        '--format',
        choices=('png', 'jpg', 'webp', 'tiff'),
        help='of the results (default: as the name that --out gives, or png)',
    )
    output.add_argument(
        '--depth',
        type=int,
        choices=(8, 16),
        help='bits of png and tiff results (default: as many as the photo has)',
    )
    output.add_argument(
        '--quality',
        type=quality,
        metavar='1-100|lossless',
        help='of jpg and webp; lossless for webp (default: 95)',
    )
    output.add_argument(
        '--strip-metadata',
        action='store_true',
        help='leave out date, camera, place and whatever else EXIF and XMP say of the photo',
    )
    output.add_argument(
        '--keep-time', action='store_true', help='give results the time of their photos'
    )
    output.add_argument(
        '--report',
        metavar='FILE',
        help='also write sizes, similarity, agreement, alignment, seconds and warnings of every '
        'photo to this file, *.csv or *.json',
    )
    output.add_argument(
        '--compare', action='store_true', help='also write bicubic, result and reference in a row'
    )
    output.add_argument(
        '--matches', action='store_true', help='also draw where the texture came from'
    )
    output.add_argument(
        '--skip-existing',
        action='store_true',
        help='leave out photos whose result and pictures are there, and newer than photo and '
        'references',
    )
    values = vars(parser.parse_args(arguments))
    network, photos = (
        kind(**{field.name: values[field.name] for field in fields(kind)})
        for kind in (NetworkOptions, PhotoOptions)
    )
    return network, photos
