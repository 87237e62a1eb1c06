"""One photo, from its file to the file of its result."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image

from ..errors import UserError
from ..images.io import ImageInput, read_photo, write_photo, write_picture
from .finishing import finished
from .jobs import Job
from .outcomes import Outcome, failed, skipped, written
from .prediction import Prediction
from .sizes import LEAST, FinalSize, reduced


class PhotoOptions(NamedTuple):
    """What can be asked for of every photo.

    Attributes:
        self_ref (bool): Every photo is its own reference.
        reduce_first (float): Make photos so many times smaller before they are super-resolved.
        outscale (FinalSize | None): How large results shall be; None for what the network makes.
        quality (int): Of JPEG and WebP, 1 to 100.
        strip_metadata (bool): Leave out date, camera, place and the like.
        compare (bool): Also write bicubic, result and reference in a row.
        matches (bool): Also draw where the texture came from.
        skip_existing (bool): Leave out photos whose result is there.
    """

    self_ref: bool = False
    reduce_first: float = 1.0
    outscale: FinalSize | None = None
    quality: int = 95
    strip_metadata: bool = False
    compare: bool = False
    matches: bool = False
    skip_existing: bool = False


class Predictor(Protocol):
    """What super-resolves: :class:`~masasr_mm.apis.MASAInferencer`, or what does the same."""

    def predict(self, lq: ImageInput, ref: Sequence[ImageInput]) -> Prediction:
        """Super-resolve one image.

        Args:
            lq (ImageInput): The LR image.
            ref (Sequence[ImageInput]): Its references.

        Returns:
            Prediction: The SR image, and all about it.
        """


class PhotoPipeline:
    """What is done with every photo: read, super-resolve, finish, report, write.

    Args:
        infer (Predictor): The network.
        kind (str): Format of the results, a key of :data:`~masasr_mm.images.io.FORMATS`.
        options (PhotoOptions): What is asked for.
    """

    def __init__(self, infer: Predictor, kind: str, options: PhotoOptions) -> None:
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
        options = self.options
        result, problems = finished(
            photo, prediction.image, self.kind, options.outscale, options.strip_metadata
        )
        self._write_pictures(prediction, job.out)
        seconds = time.perf_counter() - start
        outcome = written(job, photo, prediction, result, seconds, problems)
        write_photo(result, job.out, self.kind, options.quality)
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
            inside = job.ref_folder / job.lq.stem
            raise UserError(
                f'{job.lq}: no reference of that name; expected {inside}.* or images in '
                f'{inside}{os.sep}'
            )
        return [read_photo(path).rgb for path in job.refs]

    def _write_pictures(self, prediction: Prediction, out: Path) -> None:
        """Write the pictures that were asked for beside the result."""
        if not (self.options.compare or self.options.matches):
            return
        # matplotlib, which takes as long to import as a photo to super-resolve
        from ..visualization.match_picture import draw_matches
        from ..visualization.panels import compare

        lq, image = prediction.lq, prediction.image
        if prediction.matches is None:
            ref, count = prediction.ref, prediction.num_refs
        else:
            ref, count, matches, texture = prediction.shown()
        if self.options.compare:
            write_picture(compare(lq, image, ref, count), out.with_name(f'{out.stem}_compare.png'))
        if self.options.matches:
            picture = draw_matches(lq, image, ref, matches, count, texture)
            write_picture(picture, out.with_name(f'{out.stem}_matches.png'))
