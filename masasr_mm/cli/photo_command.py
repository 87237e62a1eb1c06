"""The command ``masasr``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError, exit_with_user_errors
from ..photos.jobs import Plan, plan_jobs
from ..weights import NAMES
from .photo_options import NetworkOptions, PhotoOptions, parse_args

if TYPE_CHECKING:
    from ..apis import MASAInferencer
    from ..photos.pipeline import PhotoPipeline
    from ..photos.report import Outcome
    from .photo_progress import PhotoProgress

EXPORTED = dict(onnxruntime='onnx', openvino='openvino')
"""The formats of export.py that the backends run."""


def main() -> None:
    """Read the command line, do what it says, and leave the process with an exit status."""
    options = parse_args()
    exit_with_user_errors(lambda: run(*options))


def run(network: NetworkOptions, options: PhotoOptions) -> int:
    """Super-resolve all photos, whatever happens to one of them; return the exit status."""
    from ..photos.pipeline import PhotoPipeline
    from ..system import keep_freed_memory
    from .photo_progress import PhotoProgress

    keep_freed_memory()
    plan, infer = _planned(network, options)
    for note in plan.notes:
        print(note, file=sys.stderr)
    super_resolve, progress = PhotoPipeline(plan.format, options), PhotoProgress()
    ahead = [job for job in plan.jobs if not (job.done or job.problem)]
    if ahead:
        if options.ref and len({job.refs for job in ahead}) == 1:
            super_resolve.read_references(ahead[0].refs)
        infer = super_resolve.infer = infer or make_inferencer(network)
        if options.matches and not infer.tells_matches:
            raise UserError(
                f'--matches: the network of {network.config or network.checkpoint} does not tell '
                'where its texture comes from; leave the option out'
            )
        infer.test_cfg.update(
            ensemble=network.ensemble, track=progress.track, announce=progress.announce
        )
    return _done(plan, super_resolve, progress, options.report)


def _planned(network: NetworkOptions, options: PhotoOptions) -> tuple[Plan, MASAInferencer | None]:
    """Return what is going to be done; and the network, where it had to be loaded for that."""
    from ..checkpoints.hub import files_of
    from ..checkpoints.loading import network_scale

    reads = [*files_of(network.checkpoint), *([network.config] if network.config else [])]
    if network.backend == 'torch':
        scale = network_scale(network.checkpoint, network.config)
        return plan_jobs(options, scale, reads), None
    infer = make_inferencer(network)
    return plan_jobs(options, infer.scale, reads), infer


def _done(
    plan: Plan, super_resolve: PhotoPipeline, progress: PhotoProgress, report: str | None
) -> int:
    """Do all photos, say what became of them, and return the exit status."""
    from ..photos.report import FAILED, summary, write_report

    outcomes = []
    # A job scheduler's way to end a process leaves no half of a file either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for job in progress.over(plan.jobs):
            outcomes.append(super_resolve(job))
            _tell(outcomes[-1])
    except KeyboardInterrupt:
        print(f'interrupted: {summary(outcomes, len(plan.jobs))}', file=sys.stderr)
        return 130
    finally:
        if report:
            write_report(outcomes, report)
    failures = [outcome for outcome in outcomes if outcome.status == FAILED]
    if len(plan.jobs) > 1:
        print(summary(outcomes, len(plan.jobs)))
        for failure in failures:
            print(f'failed: {failure.line}', file=sys.stderr)
    return int(bool(failures))


def make_inferencer(options: NetworkOptions) -> MASAInferencer:
    """Return what super-resolves: the network in PyTorch, or an exported one."""
    if options.backend != 'torch':
        return _exported(options)
    from ..apis import MASAInferencer
    from ..system import warn_of_emulation

    test_cfg = dict(tile=options.tile, ref_dtype=options.ref_dtype)
    infer = MASAInferencer(
        options.checkpoint, options.config, options.device, options.dtype, test_cfg, options.align
    )
    warn_of_emulation('--dtype', infer.dtype, infer.device)
    return infer


def _exported(options: NetworkOptions) -> MASAInferencer:
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
