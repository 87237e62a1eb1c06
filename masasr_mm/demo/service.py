"""What the demo page does with the files it is given; knows nothing of gradio."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn

from ..apis import MASAInferencer
from ..errors import UserError
from ..images.io import Photo, read_header, read_photo, read_rgb, write_photo
from ..images.metadata import Metadata
from ..images.pixels import resize
from ..models.agreement import LOW_AGREEMENT
from ..photos.album import Album, file_names
from ..photos.postprocessing import postprocess
from ..photos.prediction import Prediction, two_digits
from ..visualization.match_picture import draw_matches
from ..weights import FAITHFUL, SHARP

MEGA = 1_000_000
PREVIEW = 480  # pixels
MAX_WAITING = 20  # jobs besides the one that runs
SUPER_RESOLVING = 'super-resolving'

Report = Callable[[float, str], None]  # the share that is done, in [0, 1], and what comes next


class Limits(NamedTuple):
    """What the page takes, and for how many seconds files are kept after they were last used."""

    photo_megapixels: float = 1.0
    ref_megapixels: float = 12.0  # of all references of a photo together
    refs: int = 5
    file_megabytes: float = 20.0
    keep_seconds: float = 600.0

    def in_words(self) -> str:
        """Return what the page takes and how long it keeps it, in two sentences."""
        minutes, seconds = divmod(round(self.keep_seconds), 60)
        kept = _count(60 * minutes + seconds, 'second') if seconds else _count(minutes, 'minute')
        return (
            f'Photos of at most {_count(self.photo_megapixels, "megapixel")}, at most '
            f'{_count(self.refs, "reference")} of {_count(self.ref_megapixels, "megapixel")} '
            f'together, files of at most {self.file_megabytes:g} MB. Your files are deleted after '
            f'{kept}.'
        )


@dataclass(eq=False)
class Job:
    """What a visitor uploaded and asks for; the tile is as in ``test_cfg`` of ``MASA``."""

    photo: str | None
    refs: Sequence[str] | None
    device: str = 'cpu'
    tile: int | str | None = 'auto'
    keep_metadata: bool = False
    sharpness: float | None = None
    visitor: str | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def files(self) -> list[str]:
        """The uploads."""
        return [self.photo, *(self.refs or [])]

    def check(self) -> None:
        """End the job here if it was cancelled."""
        if self.cancelled.is_set():
            raise JobCancelledError


class JobCancelledError(Exception):
    """The visitor cancelled the job, or closed the page."""


class Result(NamedTuple):
    """What the page shows: pictures (H, W, 3), uint8, RGB; the PNG file; a line of Markdown."""

    enlarged: np.ndarray
    image: np.ndarray
    matches: np.ndarray
    file: Path
    message: str


class Service:
    """Super-resolves uploaded photos into a folder, one after another, in their order.

    References that are not uploaded are found in the album.
    """

    def __init__(
        self,
        checkpoint: str,
        config: str | None,
        folder: Path,
        limits: Limits,
        album: Album | None = None,
    ) -> None:
        self.limits = limits
        self.album = album
        self.folder = folder.resolve()
        self._queue: list[Job] = []  # the first one runs
        self._queue_changed = threading.Condition()
        self.has_sharpness = checkpoint in (FAITHFUL, SHARP) and config is None
        self.sharpness = float(checkpoint == SHARP)
        self._inferencer = lru_cache(lambda device: MASAInferencer(checkpoint, config, device))

    def warm_up(self, device: str) -> None:
        """Load the checkpoint, so that what is wrong with it is said before anyone comes."""
        if not self._inferencer(device).tells_matches:
            raise UserError(
                'the page shows where the texture comes from, which this network does not tell; '
                'take one of MASANet, or the command masasr'
            )

    def preview(self, photo: str | None = None, refs: Sequence[str] = ()) -> list[np.ndarray]:
        """Return small pictures of uploads, or refuse them, before they are decoded."""
        self._check(photo, refs)
        pictures = []
        for path in [photo, *refs] if photo else refs:
            with _folder_unnamed(path):
                image = Image.fromarray(read_rgb(path))
            image.thumbnail((PREVIEW, PREVIEW))
            pictures.append(np.asarray(image))
        return pictures

    def super_resolve(self, job: Job, report: Report = lambda share, what: None) -> Result:
        """Do a job when it is its turn; JobCancelledError soon after it was cancelled."""
        if not job.photo:
            raise UserError('upload a photo first')
        if not (job.refs or self.album):
            raise UserError('upload at least one reference, a sharp photo of a similar scene')
        with self._turn(job, report):
            report(0.05, 'reading the files')
            self._check(job.photo, job.refs or [])
            infer = self._inferencer(job.device)
            with _folder_unnamed(job.photo):
                photo = read_photo(job.photo)
            refs, found = job.refs, ''
            if not refs:
                report(0.1, 'looking for references')
                refs, found = self._in_album(photo, infer.scale)
            with _folder_unnamed(*refs):
                references = [read_photo(path) for path in refs] or [photo]
            report(0.2, SUPER_RESOLVING)
            infer.test_cfg = dict(tile=job.tile, track=_tracker(job, report))
            if self.has_sharpness and job.sharpness is not None:
                infer.sharpness = job.sharpness
            with _checking(infer.generator, job):
                prediction = infer.predict(photo, references, bits=photo.bits)
            report(0.9, 'drawing the matches')
            enlarged = resize(prediction.lq, *prediction.image.shape[1::-1])
            ref, count, maps, texture = prediction.shown()
            matches = draw_matches(prediction.lq, prediction.image, ref, maps, count, texture)
            scale = prediction.image.shape[1] // prediction.lq.shape[1]
            name = f'{Path(job.photo).stem}_x{scale}.png'
            file = Path(tempfile.mkdtemp(dir=self.folder)) / name
            result, _ = postprocess(
                photo, prediction.pixels, 'png', strip_metadata=not job.keep_metadata
            )
            write_photo(result, file, 'png')
            message = f'{describe(prediction, found)} {_describe_metadata(result.metadata)}'
            return Result(enlarged, prediction.image, matches, file, message)

    def _in_album(self, photo: Photo, scale: int) -> tuple[list[str], str]:
        """Return the files in the album that may serve a photo, and a sentence on them."""
        found = self.album.find(photo, scale=scale)
        if not found:
            return [], 'Nothing in the album shows what is in the photo; it was its own reference'
        return [str(ref.path) for ref in found], f'Found in the album: {file_names(found)}'

    def cancel(self, visitor: str | None) -> None:
        """Cancel the jobs of a visitor, those that wait and the one that runs."""
        with self._queue_changed:
            for job in self._queue:
                if job.visitor == visitor:
                    job.cancelled.set()
            self._queue_changed.notify_all()

    def jobs(self) -> list[Job]:
        """Return the jobs that are not done, in their order; the first one runs."""
        with self._queue_changed:
            return list(self._queue)

    def files_in_use(self) -> set[str]:
        """Return the uploads of jobs that run or wait."""
        return {os.path.realpath(file) for job in self.jobs() for file in job.files}

    @contextmanager
    def _turn(self, job: Job, report: Report) -> Iterator[None]:
        """Wait until all jobs that came before are done; keep those that come after waiting."""
        with self._queue_changed:
            if len(self._queue) > MAX_WAITING:
                raise UserError(f'{MAX_WAITING} others are waiting already; try again later')
            self._queue.append(job)
        try:
            for path in job.files:
                _touch(path)
            with self._queue_changed:
                while (before := self._queue.index(job)) and not job.cancelled.is_set():
                    report(0, f'waiting for {_count(before, "job")} before this one')
                    self._queue_changed.wait()
            job.check()
            yield
        finally:
            with self._queue_changed:
                self._queue.remove(job)
                self._queue_changed.notify_all()
            for path in job.files:
                with suppress(UserError):
                    _touch(path)

    def _check(self, photo: str | None, refs: Sequence[str]) -> None:
        """Refuse uploads that are too many, or too large by what their headers say."""
        limits = self.limits
        if len(refs) > limits.refs:
            raise UserError(
                f'{len(refs)} references are too many; this page takes at most {limits.refs}'
            )
        for kind, paths, limit in (
            ('photos', [photo] if photo else [], limits.photo_megapixels),
            ('references', refs, limits.ref_megapixels),
        ):
            megapixels = sum(map(self._megapixels, paths))
            if megapixels > limit:
                have = f'the {len(paths)} {kind} have'
                have = f'{Path(paths[0]).name} has' if len(paths) == 1 else have
                raise UserError(
                    f'{have} {megapixels:.3g} megapixels; this page takes {kind} of at most '
                    f'{_count(limit, "megapixel")}{" in all" if paths is refs else ""}: make '
                    f'{"it" if len(paths) == 1 else "them"} smaller'
                )

    def _megapixels(self, path: str) -> float:
        """Return the size of an image from its header; refuse large files."""
        _touch(path)
        megabytes, limit = os.stat(path).st_size / MEGA, self.limits.file_megabytes
        if megabytes > limit:
            raise UserError(
                f'{Path(path).name} has {megabytes:.3g} MB; this page takes files of at most '
                f'{limit:g} MB'
            )
        with _folder_unnamed(path):
            header = read_header(path)
        return header.width * header.height / MEGA


def describe(prediction: Prediction, verdict: str = '') -> str:
    """Return sizes, similarity and a verdict in words, by default whether the photo is shown."""
    (h, w), (height, width) = prediction.lq.shape[:2], prediction.image.shape[:2]
    if prediction.left_out is not None:
        verdict = (
            '**The references show little of the photo**, so it was its own reference; take others'
        )
    elif not verdict and prediction.agreement < LOW_AGREEMENT:
        verdict = (
            '**The references show little of the photo**; look at where its texture comes from'
        )
    verdict = verdict or 'The references show what is in the photo'
    return (
        f'{w}×{h} → {width}×{height} pixels. {verdict} (agreement of the matched detail '
        f'{two_digits(prediction.agreement)} of 1, similarity of features '
        f'{prediction.similarity:.2f}).'
    ) + ''.join(f' {done.in_words().capitalize()}.' for done in prediction.alignments)


def devices() -> list[str]:
    """Return the devices of this machine, the best first, such as ``['cuda:0', 'cpu']``."""
    return [f'cuda:{index}' for index in range(torch.cuda.device_count())] + ['cpu']


def sweep(folder: Path, seconds: float, keep: set[str]) -> None:
    """Delete files and empty folders below a folder that are older than some seconds."""
    oldest = time.time() - seconds
    for parent, folders, files in os.walk(folder, topdown=False):
        for names, delete in ((files, os.unlink), (folders, os.rmdir)):
            for path in (os.path.join(parent, name) for name in names):
                # What is gone, full, or open on Windows is left for the next time.
                with suppress(OSError):
                    if path not in keep and os.stat(path).st_mtime < oldest:
                        delete(path)


def sweep_always(service: Service, keep: set[str]) -> threading.Thread:
    """Delete old files of a service from now on, but for those to keep and those in use."""
    seconds = service.limits.keep_seconds

    def work() -> None:
        while True:
            time.sleep(min(max(1, seconds / 10), 60))
            sweep(service.folder, seconds, keep | service.files_in_use())

    thread = threading.Thread(target=work, name='sweeper', daemon=True)
    thread.start()
    return thread


def _touch(path: str) -> None:
    """Let the time begin anew after which a file is deleted."""
    try:
        os.utime(path)
    except OSError as error:
        raise UserError(f'{Path(path).name} has been deleted meanwhile; upload it again') from error


@contextmanager
def _folder_unnamed(*paths: str) -> Iterator[None]:
    """Leave the folders of uploads, which are nobody's business, out of errors."""
    try:
        yield
    except UserError as error:
        message = str(error)
        for path in paths:
            message = message.replace(path, Path(path).name)
        raise UserError(message) from error


@contextmanager
def _checking(network: nn.Module, job: Job) -> Iterator[None]:
    """See before every layer of a network whether the job was cancelled."""
    hooks = [
        module.register_forward_pre_hook(lambda module, inputs: job.check())
        for module in network.modules()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _tracker(job: Job, report: Report) -> Callable[[list, str], Iterator]:
    """Return what reports the tiles, of which each step has its own."""

    def track(tiles: list, description: str) -> Iterator:
        for index, tile in enumerate(tiles):
            job.check()
            report(index / len(tiles), description)
            yield tile
        report(0.2, SUPER_RESOLVING)  # what follows need not have steps

    return track


def _describe_metadata(metadata: Metadata) -> str:
    sentence = (
        'The file holds the date, camera and place that the photo holds.'
        if metadata.exif or metadata.xmp
        else 'The file holds no date, camera or place.'
    )
    return ' '.join((sentence, *(f'Of the photo, {problem}.' for problem in metadata.problems)))


def _count(number: float, what: str) -> str:
    return f'{number:g} {what}' if number == 1 else f'{number:g} {what}s'
