"""The command ``masasr``."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from ..compat import import_without_transformers
from ..errors import UserError, exit_with_user_errors, tell
from ..photos.jobs import Plan, plan_jobs
from ..weights import NAMES
from .photo_options import COMPILE_FROM, NetworkOptions, PhotoOptions, parse_args
from .processes import Processes, join

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
    # Pillow refuses the 200 megapixels of some phones; with this, 537 and more.
    Image.MAX_IMAGE_PIXELS = 2**28
    exit_with_user_errors(lambda: run(*options))


def run(network: NetworkOptions, options: PhotoOptions) -> int:
    """Super-resolve all photos, whatever happens to one of them; return the exit status."""
    import_without_transformers()
    from ..photos.album import Album
    from ..photos.pipeline import PhotoPipeline
    from ..system import keep_freed_memory
    from .photo_progress import PhotoProgress

    keep_freed_memory()
    with join() as processes:
        if network.backend == 'torch':
            network = replace(network, device=processes.device(network.device))
        plan, infer = _planned(network, options) if processes.first else (processes.plan(), None)
        for note in plan.notes if processes.first else ():
            tell(note, sys.stderr)
        album = Album(options.ref_from) if options.ref_from else None
        super_resolve = PhotoPipeline(plan.format, options, album=album)
        progress = PhotoProgress(processes.first)
        mine = [plan.jobs[index] for index in processes.share(plan.jobs)]
        ahead = [job for job in mine if not (job.done or job.problem)]
        if ahead:
            if options.ref and len({job.refs for job in ahead}) == 1:
                super_resolve.read_references(ahead[0].refs)
            infer = super_resolve.infer = infer or make_inferencer(network)
            if options.matches and not infer.tells_matches:
                raise UserError(
                    f'--matches: the network of {network.config or network.checkpoint} does not '
                    'tell where its texture comes from; leave the option out'
                )
            infer.test_cfg.update(
                ensemble=network.ensemble, track=progress.track, announce=progress.announce
            )
        processes.start(plan)
        if album and ahead:
            for line in album.update(processes.first):
                tell(line, sys.stderr)
        return _done(plan, super_resolve, progress, processes, options.report)


def _planned(network: NetworkOptions, options: PhotoOptions) -> tuple[Plan, MASAInferencer | None]:
    """Return what is going to be done; and the network, where it had to be loaded for that."""
    from ..checkpoints.hub import files_of
    from ..checkpoints.loading import network_scale

    reads = [*files_of(network.checkpoint), *([network.config] if network.config else [])]
    if network.backend == 'torch':
        scale = network_scale(network.checkpoint, network.config)
        plan = plan_jobs(options, scale, reads)
        if network.compile and len(plan.jobs) < COMPILE_FROM:
            raise UserError(
                f'leave out --compile: it pays for {COMPILE_FROM:,} photos of one size or more, '
                f'not for {len(plan.jobs)}'
            )
        return plan, None
    infer = make_inferencer(network)
    return plan_jobs(options, infer.scale, reads), infer


def _done(
    plan: Plan,
    super_resolve: PhotoPipeline,
    progress: PhotoProgress,
    processes: Processes,
    report: str | None,
) -> int:
    """Do the photos of this process; the first also says what became of all."""
    from ..photos.report import FAILED, summary, write_report

    mine, total = processes.share(plan.jobs), len(plan.jobs)
    done, interrupted = {}, False
    # A job scheduler's way to end a process leaves no half of a file either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for job, index in zip(progress.over([plan.jobs[index] for index in mine]), mine):
            done[index] = super_resolve(job)
            _print(done[index])
            processes.report(index, done[index])
        for line in processes.wait(plan.jobs):
            tell(line, sys.stderr)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        done = dict(sorted({**done, **processes.outcomes(total)}.items()))
        outcomes = list(done.values())
        if report and processes.first:
            write_report(outcomes, report)
    if not processes.first:
        # A launcher ends all processes when one fails; that photos failed is for the first to say.
        return 130 if interrupted else 0
    if interrupted:
        tell(f'interrupted: {summary(outcomes, total)}', sys.stderr)
        return 130
    failures = [outcome for outcome in outcomes if outcome.status == FAILED]
    if total > 1:
        tell(summary(outcomes, total))
        for failure in failures:
            tell(f'failed: {failure.line}', sys.stderr)
    return int(bool(failures) or len(outcomes) < total)


def make_inferencer(options: NetworkOptions) -> MASAInferencer:
    """Return what super-resolves: the network in PyTorch, or an exported one."""
    if options.backend != 'torch':
        return _exported(options)
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
        options.sharpness,
        options.compile,
    )
    warn_of_emulation('--dtype', infer.dtype, infer.device)
    return infer


def _exported(options: NetworkOptions) -> MASAInferencer:
    """Return what runs an exported network."""
    backend, kind = options.backend, EXPORTED[options.backend]
    if options.sharpness is not None:
        raise UserError(f'--sharpness needs the weights themselves: leave out --backend {backend}')
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
        compile=options.compile or None,
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


def _print(outcome: Outcome) -> None:
    """Print what became of a photo: results to standard output, trouble to standard error."""
    tell(outcome.line, sys.stderr if outcome.status == 'failed' else sys.stdout)
    for warning in outcome.warnings:
        tell(f'warning: {warning}', sys.stderr)
