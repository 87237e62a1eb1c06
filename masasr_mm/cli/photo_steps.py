"""One photo, from its file to the file of its result."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..apis.metadata import NO_METADATA, fitting
from ..apis.photo_jobs import Job
from ..apis.photo_report import Outcome, failed, skipped, written
from ..apis.photos import Photo, read_photo, super_resolved, write_photo, write_picture
from ..apis.prediction import Prediction
from ..errors import UserError
from .photo_sizes import LEAST, reduced

if TYPE_CHECKING:
    from ..apis import MASAInferencer


class PhotoSteps:
    """What is done with every photo: read, super-resolve, finish, report, write.

    Args:
        infer (MASAInferencer): The network.
        kind (str): Format of the results, a key of :data:`~masasr_mm.apis.photos.FORMATS`.
        options (argparse.Namespace): What the command was told.
    """

    def __init__(self, infer: MASAInferencer, kind: str, options: argparse.Namespace) -> None:
        self.infer = infer
        self.kind = kind
        self.options = options

    def __call__(self, job: Job) -> Outcome:
        """Do one photo, and tell what became of it.

        Args:
            job (Job): The photo, its references and where the result goes.

        Returns:
            Outcome: Also where it failed: no photo stops those that follow.
        """
        if self.options.skip_existing and job.out.exists():
            return skipped(job)
        try:
            return self._super_resolve(job)
        except Exception as error:
            return failed(job, error)

    def _super_resolve(self, job: Job) -> Outcome:
        """Go through the steps; the result's file comes last, so that it stands for all of them."""
        start = time.perf_counter()
        photo = read_photo(job.lq)
        lq = self._reduced_first(job, photo.rgb)
        prediction = self.infer.predict(lq, self._references(job, lq))
        result, problems = self._finished(photo, prediction.image)
        self._write_pictures(prediction, job.out)
        seconds = time.perf_counter() - start
        outcome = written(job, photo, prediction, result, seconds, problems)
        write_photo(result, job.out, self.kind, self.options.quality)
        return outcome

    def _reduced_first(self, job: Job, rgb: np.ndarray) -> np.ndarray:
        """Return the photo as the network shall see it."""
        times = self.options.reduce_first
        if times == 1:
            return rgb
        height, width = (round(length / times) for length in rgb.shape[:2])
        if min(height, width) < LEAST:
            raise UserError(
                f'{job.lq}: {times:g} times smaller it is {width}×{height}, too small; '
                'take a smaller --reduce-first'
            )
        # As the LR images of the training were made.
        return reduced(rgb, width, height, Image.Resampling.BICUBIC)

    def _references(self, job: Job, lq: np.ndarray) -> list[np.ndarray]:
        """Return what the network shall take texture from."""
        if self.options.self_ref:
            return [lq]
        if not job.refs:
            inside = Path(self.options.ref[0]) / job.lq.stem
            raise UserError(
                f'{job.lq}: no reference of that name; expected {inside}.* or images in '
                f'{inside}{os.sep}'
            )
        return [read_photo(path).rgb for path in job.refs]

    def _finished(self, photo: Photo, sr: np.ndarray) -> tuple[Photo, list[str]]:
        """Return the result in its final size and form, and what could not be done for it."""
        problems = []
        if self.options.outscale:
            width, height = self.options.outscale.of(photo.rgb.shape[1], photo.rgb.shape[0])
            if width <= sr.shape[1]:
                sr = reduced(sr, width, height, Image.Resampling.LANCZOS)
            else:
                problems.append(
                    f'{width} pixels of width are more than the network makes of it, so the result '
                    f'has {sr.shape[1]}'
                )
        result = super_resolved(photo, sr)
        if self.options.strip_metadata:
            return result._replace(metadata=NO_METADATA), problems
        metadata = fitting(result.metadata, self.kind)
        return result._replace(metadata=metadata), [*problems, *metadata.problems]

    def _write_pictures(self, prediction: Prediction, out: Path) -> None:
        """Write the pictures that were asked for beside the result."""
        if not (self.options.compare or self.options.matches):
            return
        # matplotlib, which takes as long to import as a photo to super-resolve
        from ..visualization.comparison import compare
        from ..visualization.match_picture import draw_matches

        lq, image = prediction.lq, prediction.image
        ref, count, matches, texture = prediction.shown()
        if self.options.compare:
            write_picture(compare(lq, image, ref, count), out.with_name(f'{out.stem}_compare.png'))
        if self.options.matches:
            picture = draw_matches(lq, image, ref, matches, count, texture)
            write_picture(picture, out.with_name(f'{out.stem}_matches.png'))
