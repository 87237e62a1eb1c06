"""One photo, from its file to the file of its result."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError
from ..images.io import DEEP_FORMATS, Photo, read_photo, write_photo, write_picture
from ..images.pixels import resize
from .album import Album, file_names
from .jobs import Job, PhotoOptions
from .postprocessing import postprocess, reduced_size
from .prediction import Prediction
from .report import Outcome, failed, skipped, written

if TYPE_CHECKING:
    from .inferencer import MASAInferencer


class PhotoPipeline:
    """What is done with every photo: read, super-resolve, postprocess, write, report."""

    def __init__(
        self,
        kind: str,
        options: PhotoOptions,
        infer: MASAInferencer | None = None,
        album: Album | None = None,
    ) -> None:
        self.kind = kind
        self.options = options
        self.infer = infer
        self.album = album
        self._references: tuple[tuple[Path, ...], list[Photo]] = ((), [])

    def __call__(self, job: Job) -> Outcome:
        """Do one photo, and say what became of it; none that fails stops those that follow."""
        if job.done:
            return skipped(job)
        try:
            return self._super_resolve(job)
        except Exception as error:
            return failed(job, error)

    def read_references(self, refs: tuple[Path, ...]) -> list[Photo]:
        """Return references; those of the photo before are not read again."""
        if self._references[0] != refs:
            self._references = ((), [])
            self._references = refs, [read_photo(path, self.options.stretch) for path in refs]
        return self._references[1]

    def _super_resolve(self, job: Job) -> Outcome:
        """Go through the steps; the result's file comes last, so that it stands for all of them."""
        if job.problem:
            raise UserError(job.problem)
        start, options = time.perf_counter(), self.options
        photo, changed = read_photo(job.lq, options.stretch), job.lq.stat()
        lq = self._reduced_first(photo)
        found = None
        if self.album:
            job, found = self._with_references(job, lq)
        itself = not options.ref and job.refs == (job.lq,)
        refs = [lq] if itself else self.read_references(job.refs)
        copy = not itself and all(np.array_equal(ref.rgb, lq.rgb) for ref in refs)
        bits = options.depth or photo.bits
        prediction = self.infer.predict(lq, refs, bits if self.kind in DEEP_FORMATS else 8)
        result, problems = postprocess(
            photo, prediction.pixels, self.kind, options.outscale, options.strip_metadata
        )
        problems += [
            f'its reference {path} {warning}'
            for path, ref in zip(job.refs, refs)
            for warning in (() if itself else ref.warnings)
        ]
        if copy:
            problems.append(
                f'its reference {job.refs[0]} is the photo itself, which adds no detail'
            )
            job = job._replace(refs=(job.lq,))
        self._write_pictures(prediction, job.pictures)
        seconds = time.perf_counter() - start
        outcome = written(job, photo, prediction, result, seconds, problems, found)
        write_photo(result, job.out, self.kind, options.quality or 95)
        if options.keep_time:
            os.utime(job.out, ns=(changed.st_atime_ns, changed.st_mtime_ns))
        return outcome

    def _with_references(self, job: Job, lq: Photo) -> tuple[Job, str]:
        """Find the references of a photo in the album; return them and what to say of them."""
        without = (job.lq, job.out, *job.pictures.values())
        found = self.album.find(lq, self.options.refs or 3, self.infer.scale, without)
        if not found:
            where = self.album.folder
            return job._replace(refs=(job.lq,)), f'nothing like it in {where}: its own reference'
        return job._replace(refs=tuple(ref.path for ref in found)), f'found: {file_names(found)}'

    def _reduced_first(self, photo: Photo) -> Photo:
        """Return the photo as the network shall see it."""
        if self.options.reduce_first == 1:
            return photo
        size = reduced_size(*photo.size, self.options.reduce_first)
        # As the LR images of the training were made: bicubically.
        return photo._replace(rgb=resize(photo.visible(), *size), alpha=None)

    @staticmethod
    def _write_pictures(prediction: Prediction, pictures: dict[str, Path]) -> None:
        """Write the pictures that were asked for beside the result."""
        if not pictures:
            return
        # matplotlib, which takes as long to import as a photo to super-resolve
        from ..visualization.match_picture import draw_matches
        from ..visualization.panels import compare

        lq, image = prediction.lq, prediction.image
        if prediction.matches is None:
            ref, count = prediction.ref, prediction.num_refs
        else:
            ref, count, matches, texture = prediction.shown()
        if 'compare' in pictures:
            write_picture(compare(lq, image, ref, count), pictures['compare'])
        if 'matches' in pictures:
            picture = draw_matches(lq, image, ref, matches, count, texture)
            write_picture(picture, pictures['matches'])
