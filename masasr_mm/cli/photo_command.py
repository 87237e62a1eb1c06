"""The command ``masasr``."""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError, exit_with_user_errors
from ..weights import NAMES
from .photo_options import parse_args

if TYPE_CHECKING:
    from ..apis import MASAInferencer
    from ..photos.outcomes import Outcome

EXPORTED = dict(onnxruntime='onnx', openvino='openvino')
"""The formats of export.py that the backends run."""


def main() -> None:
    """Read the command line, do what it says, and leave the process with an exit status."""
    options = parse_args()
    exit_with_user_errors(lambda: run(options))


def run(options: argparse.Namespace) -> int:
    """Super-resolve all photos, whatever happens to one of them.

    Args:
        options (argparse.Namespace): From :func:`~masasr_mm.cli.photo_options.parse_args`.

    Returns:
        int: The exit status: 0 if all went well, 1 if a photo failed, 130 if interrupted.

    Raises:
        UserError: If what is asked for cannot be begun with.
    """
    from ..checkpoints.hub import files_of
    from ..checkpoints.loading import network_scale
    from ..photos.jobs import PhotoOptions, plan_jobs
    from ..photos.outcomes import exit_status, summary
    from ..photos.pipeline import PhotoPipeline
    from ..photos.report import write_report
    from ..system import keep_freed_memory
    from .photo_progress import PhotoProgress

    keep_freed_memory()
    asked = PhotoOptions(
        **{field.name: getattr(options, field.name) for field in fields(PhotoOptions)}
    )
    # An exported network tells its scale once it is loaded.
    reads = [*files_of(options.checkpoint), *([options.config] if options.config else [])]
    infer = None if options.backend == 'torch' else make_inferencer(options)
    scale = infer.scale if infer else network_scale(options.checkpoint, options.config)
    jobs, kind, notes = plan_jobs(asked, scale, reads)
    for note in notes:
        print(note, file=sys.stderr)
    super_resolve = PhotoPipeline(kind, asked)
    progress = PhotoProgress()
    ahead = [job for job in jobs if not (job.done or job.problem)]
    if ahead:
        if options.ref and len({job.refs for job in ahead}) == 1:
            super_resolve.read_references(ahead[0].refs)
        infer = super_resolve.infer = infer or make_inferencer(options)
        if options.matches and not infer.tells_matches:
            raise UserError(
                f'--matches: the network of {options.config or options.checkpoint} does not tell '
                'where its texture comes from; leave the option out'
            )
        infer.test_cfg.update(
            ensemble=options.ensemble, track=progress.track, announce=progress.announce
        )
    outcomes = []
    # A job scheduler's way to end a process leaves no half of a file either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for job in progress.over(jobs):
            outcomes.append(super_resolve(job))
            _tell(outcomes[-1])
    except KeyboardInterrupt:
        print(f'interrupted: {summary(outcomes, len(jobs))}', file=sys.stderr)
        return 130
    finally:
        if options.report:
            write_report(outcomes, options.report)
    if len(jobs) > 1:
        print(summary(outcomes, len(jobs)))
        for outcome in outcomes:
            if outcome.status == 'failed':
                print(f'failed: {outcome.line}', file=sys.stderr)
    return exit_status(outcomes)


def make_inferencer(options: argparse.Namespace) -> MASAInferencer:
    """Return what super-resolves: the network in PyTorch, or an exported one.

    Args:
        options (argparse.Namespace): From :func:`~masasr_mm.cli.photo_options.parse_args`.

    Returns:
        MASAInferencer: With its weights loaded.

    Raises:
        UserError: If the weights cannot be used, or an option does not go with them.
    """
    if options.backend == 'torch':
        from ..apis import MASAInferencer
        from ..system import warn_of_emulation

        test_cfg = dict(tile=options.tile, ref_dtype=options.ref_dtype)
        infer = MASAInferencer(
            options.checkpoint,
            options.config,
            options.device,
            options.dtype,
            test_cfg,
            options.align,
        )
        warn_of_emulation('--dtype', infer.dtype, infer.device)
        return infer
    return _exported(options)


def _exported(options: argparse.Namespace) -> MASAInferencer:
    """Return what runs an exported network."""
    backend, kind = options.backend, EXPORTED[options.backend]
    of_openvino = Path(options.checkpoint).suffix == '.xml'
    if options.checkpoint in NAMES or of_openvino != (backend == 'openvino'):
        raise UserError(
            f'--backend {backend} needs --checkpoint with a file that tools/deployment/export.py '
            f'wrote with --format {kind}'
        )
    # The file holds the network as it is, so that none of these can be changed any more.
    fixed = dict(
        config=options.config,
        tile=options.tile if isinstance(options.tile, int) else None,
        ref_dtype=options.ref_dtype,
    )
    if backend == 'onnxruntime':
        fixed['dtype'] = None if options.dtype in ('auto', 'float32') else options.dtype
    for option, value in fixed.items():
        if value is not None:
            raise UserError(
                f'--{option.replace("_", "-")} {value} does not go with --backend {backend}, '
                'which runs the whole network of the file'
            )
    from ..deployment.runtimes import ExportedInferencer

    return ExportedInferencer(options.checkpoint, options.align, options.device, options.dtype)


def _tell(outcome: Outcome) -> None:
    """Print what became of a photo: results to standard output, trouble to standard error."""
    print(outcome.line, file=sys.stderr if outcome.status == 'failed' else sys.stdout, flush=True)
    for warning in outcome.warnings:
        print(f'warning: {warning}', file=sys.stderr, flush=True)
