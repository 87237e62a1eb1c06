"""What the demo page does with the files it is given; knows nothing of the page."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from ..apis import MASAInferencer
from ..errors import UserError
from ..images.io import Photo, read_photo, write_photo
from ..images.metadata import Metadata
from ..photos.finishing import finished
from ..photos.prediction import LOW_AGREEMENT, Prediction, two_digits
from ..visualization.match_picture import draw_matches

MEGA = 1_000_000
PREVIEW = 480

Report = Callable[[float, str], None]

SUPER_RESOLVING = 'super-resolving'


class Limits(NamedTuple):
    """What the page takes.

    Attributes:
        photo_megapixels (float): Size of a photo.
        ref_megapixels (float): Size of all references together.
        refs (int): Number of references.
        file_megabytes (float): Size of a file.
        keep_seconds (float): How long uploads and results are kept after they were last used.
    """

    photo_megapixels: float = 1.0
    ref_megapixels: float = 12.0
    refs: int = 5
    file_megabytes: float = 20.0
    keep_seconds: float = 600.0

    def in_words(self) -> str:
        """Say what the page takes and how long it keeps it.

        Returns:
            str: Two sentences.
        """
        minutes, seconds = divmod(round(self.keep_seconds), 60)
        kept = _count(minutes, 'minute') if minutes else _count(seconds, 'second')
        return (
            f'Photos of at most {_count(self.photo_megapixels, "megapixel")}, at most '
            f'{_count(self.refs, "reference")} of {_count(self.ref_megapixels, "megapixel")} '
            f'together, files of at most {self.file_megabytes:g} MB. Your files are deleted after '
            f'{kept}.'
        )


class Result(NamedTuple):
    """What the page shows.

    Attributes:
        enlarged (np.ndarray): The photo bicubically enlarged, uint8, RGB.
        image (np.ndarray): The SR image of the same size.
        matches (np.ndarray): Picture of the matches and similarities.
        file (Path): The SR image as PNG, with the photo's transparency and colour profile.
        message (str): Sizes and similarity in words.
    """

    enlarged: np.ndarray
    image: np.ndarray
    matches: np.ndarray
    file: Path
    message: str


class Service:
    """Super-resolves uploaded photos, one at a time.

    Args:
        checkpoint (str): The checkpoint.
        config (str, optional): Config of the model. Default: None, what the checkpoint says.
        folder (Path): Where results are written to.
        limits (Limits): What is taken.
    """

    def __init__(self, checkpoint: str, config: str | None, folder: Path, limits: Limits) -> None:
        self.limits = limits
        self.folder = folder
        self._lock = threading.Lock()
        self._inferencer = lru_cache(lambda device: MASAInferencer(checkpoint, config, device))

    def warm_up(self, device: str) -> None:
        """Load the checkpoint, so that what is wrong with it is told before anyone comes.

        Args:
            device (str): The device that will probably be used.

        Raises:
            UserError: If the checkpoint, the config or the device cannot be used, or the network
                does not tell where its texture comes from.
        """
        if not self._inferencer(device).tells_matches:
            raise UserError(
                'the page shows where the texture comes from, which this network does not tell; '
                'take one of MASANet, or the command masasr'
            )

    def preview(self, paths: Sequence[str]) -> list[np.ndarray]:
        """Return small pictures of files that were uploaded.

        Args:
            paths (Sequence[str]): The files.

        Returns:
            list[np.ndarray]: uint8, RGB.

        Raises:
            UserError: If a file is no image, or too large.
        """
        pictures = []
        for path in paths:
            image = Image.fromarray(self._read(path).rgb)
            image.thumbnail((PREVIEW, PREVIEW))
            pictures.append(np.asarray(image))
        return pictures

    def super_resolve(
        self,
        photo: str | None,
        refs: Sequence[str] | None,
        device: str,
        tile: int | str | None = 'auto',
        report: Report = lambda share, what: None,
        keep_metadata: bool = False,
    ) -> Result:
        """Super-resolve one photo.

        Args:
            photo (str, optional): The file; None if none was uploaded.
            refs (Sequence[str], optional): References; none if none was uploaded.
            device (str): Such as 'cpu' or 'cuda:0'.
            tile (int | str | None): As ``test_cfg`` of the editor ``MASA``. Default: 'auto'.
            report (Callable): Told the share that is done, in [0, 1], and what comes next.
            keep_metadata (bool): Whether the result tells date, camera and place as the photo does.
                Default: False.

        Returns:
            Result: What the page shows.

        Raises:
            UserError: If a file is missing, no image, or too large.
        """
        if not photo:
            raise UserError('upload a photo first')
        if not refs:
            raise UserError('upload at least one reference, a sharp photo of a similar scene')
        if len(refs) > self.limits.refs:
            raise UserError(f'{len(refs)} references are too many, at most {self.limits.refs}')
        report(0.05, 'reading the files')
        lq = self._read(photo)
        self._check_size(photo, [lq], 'photo', self.limits.photo_megapixels)
        references = [self._read(path) for path in refs]
        self._check_size(refs[0], references, 'references', self.limits.ref_megapixels)
        report(0.2, SUPER_RESOLVING)
        with self._lock:
            infer = self._inferencer(device)
            infer.test_cfg = dict(tile=tile, track=_tracker(report))
            prediction = infer.predict(lq.rgb, [reference.rgb for reference in references])
        report(0.9, 'drawing the matches')
        return self._result(photo, lq, prediction, keep_metadata)

    def _read(self, path: str) -> Photo:
        try:
            os.utime(path)  # its time to live begins anew
            size = Path(path).stat().st_size / MEGA
        except FileNotFoundError as error:
            raise UserError(
                f'{Path(path).name} has been deleted meanwhile; upload it again'
            ) from error
        if size > self.limits.file_megabytes:
            raise UserError(
                f'{Path(path).name}: {size:.1f} MB, more than {self.limits.file_megabytes:g} MB'
            )
        try:
            return read_photo(path)
        except UserError as error:
            # The folder of an upload is nobody's business.
            raise UserError(str(error).replace(str(path), Path(path).name)) from error

    @staticmethod
    def _check_size(path: str, photos: list[Photo], what: str, limit: float) -> None:
        pixels = sum(photo.rgb.shape[0] * photo.rgb.shape[1] for photo in photos) / MEGA
        if pixels > limit:
            name = Path(path).name if len(photos) == 1 else f'the {len(photos)} {what}'
            verb = 'has' if len(photos) == 1 else 'have'
            raise UserError(
                f'{name} {verb} {pixels:.1f} megapixels; this page takes {what} of at most '
                f'{limit:g} megapixels: make it smaller'
            )

    def _result(self, photo: str, lq: Photo, prediction: Prediction, keep_metadata: bool) -> Result:
        height, width = prediction.image.shape[:2]
        enlarged = Image.fromarray(prediction.lq).resize((width, height), Image.Resampling.BICUBIC)
        ref, count, maps, texture = prediction.shown()
        matches = draw_matches(prediction.lq, prediction.image, ref, maps, count, texture)
        scale = width // prediction.lq.shape[1]
        file = Path(tempfile.mkdtemp(dir=self.folder)) / f'{Path(photo).stem}_x{scale}.png'
        result, _ = finished(lq, prediction.image, 'png', strip_metadata=not keep_metadata)
        write_photo(result, file, 'png')
        message = f'{describe(prediction)} {_what_it_tells(result.metadata)}'
        return Result(np.asarray(enlarged), prediction.image, matches, file, message)


def _what_it_tells(metadata: Metadata) -> str:
    told = bool(metadata.exif or metadata.xmp)
    sentence = (
        'The file tells date, camera and place as far as the photo does.'
        if told
        else 'The file tells no date, camera or place.'
    )
    return ' '.join((sentence, *(f'Of the photo, {problem}.' for problem in metadata.problems)))


def _count(number: float, what: str) -> str:
    return f'{number:g} {what}' if number == 1 else f'{number:g} {what}s'


def _tracker(report: Report) -> Callable[[list, str], Iterator]:
    """Return what tells of the tiles, of which each step has its own."""

    def track(tiles: list, description: str) -> Iterator:
        for index, tile in enumerate(tiles):
            report(index / len(tiles), description)
            yield tile
        report(0.2, SUPER_RESOLVING)  # what follows need not have steps

    return track


def describe(prediction: Prediction) -> str:
    """Say in words what came out.

    Args:
        prediction (Prediction): The result.

    Returns:
        str: Sizes, similarity, and a warning where the references show little of the photo.
    """
    (h, w), (height, width) = prediction.lq.shape[:2], prediction.image.shape[:2]
    if prediction.left_out is None and prediction.agreement < LOW_AGREEMENT:
        verdict = (
            '**The references show little of the photo**; look at where its texture comes from'
        )
    elif prediction.left_out is not None:
        verdict = (
            '**The references show little of the photo**, so it was its own reference; take others'
        )
    else:
        verdict = 'The references show what is in the photo'
    found = two_digits(prediction.agreement)
    return (
        f'{w}×{h} → {width}×{height} pixels. {verdict} (agreement of the matched detail {found} of '
        f'1, similarity of features {prediction.similarity:.2f}).'
    ) + ''.join(f' {done.in_words().capitalize()}.' for done in prediction.alignments)


def devices() -> list[str]:
    """Return the devices of this machine, the best first.

    Returns:
        list[str]: Such as ``['cuda:0', 'cpu']``.
    """
    return [f'cuda:{index}' for index in range(torch.cuda.device_count())] + ['cpu']
