"""Super-resolve your own photos with the texture of sharp ones."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

EPILOG = """
examples:
  python tools/infer.py photo.jpg --ref sharp.jpg --checkpoint masa_rec.pth
  python tools/infer.py photos --ref sharp1.jpg sharp2.jpg --checkpoint C --out results
  python tools/infer.py photos --ref references --checkpoint C --compare
      photos/a.jpg goes with references/a.png, or with all in references/a/
  python tools/infer.py 'photos/**/*.png' --self-ref --checkpoint C --out results --format webp

exit status: 0 all written, 1 some photo failed, 2 wrong use, 130 interrupted
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
        '--self-ref', action='store_true', help='no reference: every photo is its own'
    )
    parser.add_argument(
        '--checkpoint',
        required=True,
        metavar='CKPT',
        help="a checkpoint, ours or the authors'; with --backend onnxruntime an ONNX file",
    )
    parser.add_argument(
        '--backend',
        choices=('torch', 'onnxruntime'),
        default='torch',
        help='what runs the network: PyTorch, or onnxruntime on the CPU with a file of '
        'tools/deployment/export.py (default: torch)',
    )
    parser.add_argument(
        '--config',
        metavar='C',
        help='config of the model, Python code that is run (default: what the checkpoint says)',
    )
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:0' (default: the best there is)")
    parser.add_argument(
        '--dtype',
        choices=('float32', 'bfloat16', 'float16'),
        default='float32',
        help='of the convolutions; the matching is always done in float32 (default: float32)',
    )
    parser.add_argument(
        '--tile',
        type=_tile,
        default='auto',
        metavar='auto|none|N',
        help='run in tiles of N LR pixels, for the same result in less memory (default: auto, '
        'where the whole would not fit into the free memory)',
    )
    parser.add_argument(
        '--ref-dtype',
        choices=('float32', 'bfloat16', 'float16'),
        help='in which tiles keep the reference: float16 takes half the memory for a difference '
        'that is not seen (default: as --dtype)',
    )
    output = parser.add_argument_group('output')
    output.add_argument(
        '--out',
        metavar='FILE_OR_DIR',
        help='file for one photo, or folder (default: beside the photo, or beside the folder)',
    )
    output.add_argument(
        '--suffix', help="goes to the end of a photo's name (default: the scale, such as _x4)"
    )
    output.add_argument(
        '--format', choices=('png', 'jpg', 'webp', 'tiff'), help='(default: as --out, or png)'
    )
    output.add_argument(
        '--quality',
        type=_quality,
        default=95,
        metavar='1-100',
        help='of jpg and webp (default: 95)',
    )
    output.add_argument(
        '--compare', action='store_true', help='also write bicubic, result and reference in a row'
    )
    output.add_argument(
        '--matches', action='store_true', help='also draw where the texture came from'
    )
    output.add_argument(
        '--skip-existing', action='store_true', help='leave out photos whose result is there'
    )
    return parser.parse_args()


def _quality(text: str) -> int:
    value = int(text) if text.isdigit() else 0
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f'{text} is not a whole number from 1 to 100')
    return value


def _tile(text: str) -> int | str | None:
    if text in ('auto', 'none'):
        return None if text == 'none' else text
    if not text.isdigit() or int(text) < 8:
        raise argparse.ArgumentTypeError(f'{text} is not auto, none or a whole number from 8')
    return int(text)


def main(args: argparse.Namespace) -> int:
    """Super-resolve all photos, whatever happens to one of them."""
    # Heavy imports come after the arguments are read, so that --help is quick.
    from masasr_mm.allocator import keep_freed_memory
    from masasr_mm.apis.photo_jobs import plan_jobs
    from masasr_mm.apis.photo_report import exit_status, summary

    keep_freed_memory()
    infer = _inferencer(args)
    refs = None if args.self_ref else args.ref
    suffix = f'_x{infer.scale}' if args.suffix is None else args.suffix
    jobs, kind = plan_jobs(args.lq, refs, args.out, suffix, args.format)
    outcomes = []
    # A job scheduler's way to end a process leaves no half of a file either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for job in _progress(jobs):
            outcomes.append(_outcome(infer, job, kind, args))
            _tell(outcomes[-1])
    except KeyboardInterrupt:
        print(f'interrupted: {summary(outcomes, len(jobs))}', file=sys.stderr)
        return 130
    if len(jobs) > 1:
        print(summary(outcomes, len(jobs)))
        for outcome in outcomes:
            if outcome.status == 'failed':
                print(f'failed: {outcome.line}', file=sys.stderr)
    return exit_status(outcomes)


def _inferencer(args: argparse.Namespace):
    """Return what super-resolves: the network in PyTorch, or an exported one."""
    if args.backend == 'torch':
        from masasr_mm.apis import MASAInferencer

        test_cfg = dict(tile=args.tile, ref_dtype=args.ref_dtype)
        return MASAInferencer(args.checkpoint, args.config, args.device, args.dtype, test_cfg)
    from masasr_mm.deployment.onnx_inferencer import ONNXInferencer
    from masasr_mm.errors import UserError

    # The file holds the network as it is, so that none of these can be changed any more.
    fixed = dict(
        config=args.config,
        device=None if args.device == 'cpu' else args.device,
        dtype=None if args.dtype == 'float32' else args.dtype,
        tile=args.tile if isinstance(args.tile, int) else None,
        ref_dtype=args.ref_dtype,
    )
    for option, value in fixed.items():
        if value is not None:
            raise UserError(
                f'--{option.replace("_", "-")} {value} does not go with --backend onnxruntime, '
                'which runs the whole network of the file in float32 on the CPU'
            )
    return ONNXInferencer(args.checkpoint)


def _progress(jobs: list):
    """Go through the jobs with a bar that tells the time left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = [
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
    ]
    # Lines on standard output go above the bar, but stay what they are where it is a file.
    progress = Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        disable=not console.is_terminal,
    )
    with progress:
        task = progress.add_task('', total=len(jobs))
        for job in jobs:
            progress.update(task, description=job.lq.name)
            yield job
            progress.advance(task)


def _outcome(infer, job, kind: str, args: argparse.Namespace):
    """Do one photo and tell what became of it."""
    from masasr_mm.apis import photo_report

    if args.skip_existing and job.out.exists():
        return photo_report.skipped(job)
    try:
        return _super_resolve(infer, job, kind, args)
    except Exception as error:  # none may stop the photos that follow
        return photo_report.failed(job, error)


def _super_resolve(infer, job, kind: str, args: argparse.Namespace):
    """Read one photo, super-resolve it, and write what was asked for; the result comes last."""
    from masasr_mm.apis.photo_report import written
    from masasr_mm.apis.photos import read_photo, super_resolved, write_photo
    from masasr_mm.errors import UserError

    if not job.refs:
        folder = Path(args.ref[0])
        raise UserError(
            f'{job.lq}: no reference of that name; expected {folder / job.lq.stem}.* or images in '
            f'{folder / job.lq.stem}{os.sep}'
        )
    start = time.perf_counter()
    photo = read_photo(job.lq)
    refs = [photo.rgb] if args.self_ref else list(job.refs)
    prediction = infer.predict(photo.rgb, refs)
    _write_pictures(prediction, job.out, args)
    outcome = written(job, prediction, time.perf_counter() - start)
    write_photo(super_resolved(photo, prediction.image), job.out, kind, args.quality)
    return outcome


def _write_pictures(prediction, out: Path, args: argparse.Namespace) -> None:
    """Write the pictures that were asked for beside the result."""
    from masasr_mm.apis.photos import write_picture
    from masasr_mm.visualization.comparison import compare
    from masasr_mm.visualization.match_picture import draw_matches

    lq, image, ref = prediction.lq, prediction.image, prediction.ref
    count = prediction.num_refs
    if args.compare:
        write_picture(compare(lq, image, ref, count), out.with_name(f'{out.stem}_compare.png'))
    if args.matches:
        picture = draw_matches(lq, image, ref, prediction.matches, count)
        write_picture(picture, out.with_name(f'{out.stem}_matches.png'))


def _tell(outcome) -> None:
    """Print what became of a photo: results to standard output, trouble to standard error."""
    print(outcome.line, file=sys.stderr if outcome.status == 'failed' else sys.stdout, flush=True)
    if outcome.warning:
        print(f'warning: {outcome.warning}', file=sys.stderr, flush=True)


if __name__ == '__main__':
    arguments = parse_args()
    from masasr_mm.errors import exit_with_user_errors

    exit_with_user_errors(lambda: main(arguments))
