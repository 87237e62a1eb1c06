"""A folder with thousands of photos, and which of them may serve a photo as references."""

from __future__ import annotations

import hashlib
import math
import os
import random
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..alignment import homography, keypoints
from ..alignment.align import FINER
from ..alignment.keypoints import KeyPoints
from ..alignment.warping import seen
from ..errors import UserError, one_line
from ..images.io import ImageInput, as_photo, decode_rgb, read_bytes, read_header
from ..images.pixels import in_bits, resize, to_grey
from .jobs import images_in, without_results

VERSION = 2
"""Of what the index holds of an image; an older index is made anew."""
PIXELS, POINTS = 130_000, 600
"""As how large an image of the album is looked at, and how many of its key points are kept: in
half a photo of the album an LR photo of 160×120 has fewer pixels still."""
PHOTO_POINTS, WORDS_OF_A_POINT = 2000, 3
"""How many key points a photo has, and to how many words each of them may belong."""
FAR, SPREAD = 24, 12.0
"""Bits in which two key points of one word differ at most, and how fast they count less."""
SHORT_LIST = 40
"""Images that are verified. Of 74 photos, half of which nothing was chosen on, the first one or two
show the scene; the others are room for copies of one picture."""
BATCH = 32
"""Images after which the index is saved."""
PATIENCE = 60.0
"""Seconds to wait for another process that saves."""
LEAST_MATCHES, MANY = 12, 20
"""Key points from which on an image is a reference, and which make half of the most that they can
count. Images that show two fifths or more of a photo had at least 18, for each of 74 photos; none
of those that show another scene had any, for 111."""
LEAST_DETAIL, FROM_GAIN = 0.45, 2.0
"""Sharp photos have 0.47 and more as much contrast in what the LR photo cannot hold as in the next
octave, enlarged and blurred ones at most 0.46 (98 of 100, 46 photographs): where it is less, pixels
that are so many times finer than the photo's hold no more."""
SAME_PLACE, SAME_PART = 0.01, 0.5
"""Two images count as copies if so many of their matches are no further apart, of their size."""
EXACT, EXACT_PART = 1 / 3, 0.45
"""A photo's original has so many in the same place, but for this part of a pixel; the next frame of
a film, from a camera that stands still, has fewer."""


class FoundReference(NamedTuple):
    """A photo of an album that shows what another one shows.

    Attributes:
        path (Path): The file.
        matches (int): Key points that both have, as a homography explains them.
        covered (float): How much of the photo it shows, in [0, 1].
        gain (float): How many times finer its pixels are than the photo's.
        original (bool): Whether it is the same picture, larger.
    """

    path: Path
    matches: int
    covered: float
    gain: float
    original: bool


class _Entry(NamedTuple):
    """An image: its key points, and the size (h, w) of the image that they were found in."""

    points: KeyPoints
    size: tuple[int, int]
    finer: float = 1.0  # times that the pixels of the file are


class Album:
    """The index of a folder and all below it: an SQLite file, which several processes may use.

    Its journal is the plain one, which unlike a write-ahead log works on network disks, too.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        from platformdirs import user_cache_path

        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise UserError(f'no such folder to find references in: {folder}')
        digest = hashlib.sha256(os.fsencode(os.path.realpath(self.folder))).hexdigest()[:16]
        self.file = user_cache_path('masasr_mm', False) / 'albums' / f'{digest}.sqlite'
        with suppress(OSError), open(self.file, 'rb') as file:
            if file.read(6) not in (b'', b'SQLite'):
                self.file.unlink()
        with self._open() as index, index:
            index.execute('BEGIN IMMEDIATE')
            [(version,)] = index.execute('PRAGMA user_version')
            if version != VERSION:
                index.execute('DROP TABLE IF EXISTS images')
                index.execute(
                    'CREATE TABLE images (path BLOB PRIMARY KEY, bytes INTEGER, changed INTEGER, '
                    'width INTEGER, height INTEGER, words BLOB, points BLOB, problem TEXT)'
                )
                index.execute(f'PRAGMA user_version = {VERSION}')

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=PATIENCE)) as index:
                yield index
        except (OSError, sqlite3.Error) as error:
            raise UserError(
                f'{self.file}: the index of {self.folder} cannot be used: {error}; delete it, free '
                'some space, or name another cache folder in XDG_CACHE_HOME'
            ) from error

    def update(self, shown: bool = True) -> list[str]:
        """Look at what is new or changed, and return a line on each broken file and folder."""
        from rich.console import Console
        from rich.progress import track

        states, notes = {}, []
        for path in without_results(images_in(self.folder, True, notes)):
            with suppress(OSError):  # it may have gone meanwhile
                status = path.stat()
                # File names are bytes, and not always text.
                name = os.fsencode(path.relative_to(self.folder))
                states[name] = status.st_size, status.st_mtime_ns
        if not states:
            raise UserError(f'no image files in the folder {self.folder}')
        self.__dict__.pop('_codes', None)
        with self._open() as index:
            rows = index.execute('SELECT path, bytes, changed FROM images')
            known = {name: tuple(state) for name, *state in rows}
            with index:
                gone = [(name,) for name in known.keys() - states.keys()]
                index.executemany('DELETE FROM images WHERE path = ?', gone)
            ahead = [name for name, state in states.items() if known.get(name) != state]
            random.shuffle(ahead)  # so that two processes at once help each other
            console = Console(stderr=True)
            bar = track(
                self._look(index, ahead, states),
                f'Looking at {self.folder}',
                len(ahead),
                console=console,
                transient=True,
                disable=not (ahead and shown and console.is_terminal),
            )
            return [*notes, *(f'{why}; left out of the album' for why in bar if why)]

    def _path(self, name: bytes) -> Path:
        return self.folder / os.fsdecode(name)

    def _look(
        self,
        index: sqlite3.Connection,
        names: Sequence[bytes],
        states: dict[bytes, tuple[int, int]],
    ) -> Iterator[str | None]:
        """Put images into the index; yield for each why it cannot be used, or None."""
        known = 'SELECT bytes, changed FROM images WHERE path = ?'
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(names), BATCH):
                batch = names[start : start + BATCH]
                states_now = (index.execute(known, (name,)).fetchone() for name in batch)
                new = [name for name, now in zip(batch, states_now) if now != states[name]]
                rows = list(pool.map(lambda name: _describe(self._path(name)), new))
                with index:
                    index.executemany(
                        'INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
                        [(name, *states[name], *row) for name, row in zip(new, rows)],
                    )
                yield from [None] * (len(batch) - len(new))
                yield from (row[-1] for row in rows)

    def find(
        self,
        photo: ImageInput,
        count: int = 3,
        scale: int = 4,
        without: Sequence[str | os.PathLike] = (),
    ) -> list[FoundReference]:
        """Do what :func:`find_references` does with the index as it is, without some files."""
        lq = in_bits(as_photo(photo).visible(), 8)
        points = keypoints.detect(lq, scale, PHOTO_POINTS)
        position = (points.position + 0.5) * scale - 0.5
        points = points._replace(position=position, size=points.size * scale)
        shown = _Entry(points, (lq.shape[0] * scale, lq.shape[1] * scale))
        found = []
        with self._open() as index:
            for name in self._short_list(points):
                path, entry = self._path(name), _entry(index, name)
                if entry and (reference := _verify(shown, entry, path, scale)):
                    found.append((reference, entry))
        found.sort(key=lambda item: _worth(item[0], scale), reverse=True)
        kept: list[tuple[FoundReference, _Entry]] = []
        for reference, entry in found:
            if len(kept) == count:
                break
            copy = any(_is_one_picture(entry, other) for _, other in kept)
            itself = any(_is_same_file(reference.path, other) for other in without)
            if not copy and not itself and _has_detail(reference, entry, scale):
                kept.append((reference, entry))
        return [reference for reference, _ in kept]

    def _short_list(self, points: KeyPoints) -> list[bytes]:
        """Return the images most like a photo, by Hamming embedding (Jégou et al., 2008)."""
        names, image, starts, signatures, norms = self._codes
        if len(names) <= SHORT_LIST or not len(points.position):
            return names if len(points.position) else []
        votes = np.zeros(len(names))
        words = _nearest_words(points.descriptor, WORDS_OF_A_POINT)
        own = _signatures(np.repeat(points.descriptor, WORDS_OF_A_POINT, axis=0), words.ravel())
        for word in np.unique(words):
            some = slice(starts[word], starts[word + 1])
            if some.start == some.stop:
                continue
            # Of vectors of 1 and -1 the dot product gives how many differ.
            bits = (64 - _signs(own[words.ravel() == word]) @ _signs(signatures[some]).T) / 2
            near = bits <= FAR
            weight = np.exp(-((bits[near] / SPREAD) ** 2))
            rarity = math.log(len(image) / (some.stop - some.start)) ** 2
            votes += rarity * np.bincount(image[some][np.nonzero(near)[1]], weight, len(names))
        order = np.argsort(-votes * norms, kind='stable')[:SHORT_LIST]
        return [names[i] for i in order if votes[i]]

    @cached_property
    def _codes(self) -> tuple[list[bytes], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """All images, and their key points sorted by word.

        Names; of each key point its image (n,) and signature (n, 8); where each word begins; and by
        what the votes of an image are multiplied.
        """
        with self._open() as index:
            rows = index.execute(
                'SELECT path, words FROM images WHERE problem IS NULL ORDER BY path'
            ).fetchall()
        names = [name for name, _ in rows]
        codes = [np.frombuffer(blob, _CODE) for _, blob in rows]
        counts = np.array([len(code) for code in codes], int)
        all_codes = np.concatenate([*codes, np.zeros(0, _CODE)])
        order = np.argsort(all_codes['word'], kind='stable')
        image = np.repeat(np.arange(len(names), dtype=np.int32), counts)[order]
        starts = np.searchsorted(all_codes['word'][order], np.arange(len(_words()) + 1))
        return names, image, starts, all_codes['signature'][order], np.maximum(counts, 1) ** -0.5


def find_references(
    photo: ImageInput, folder: str | os.PathLike, count: int = 3, scale: int = 4
) -> list[FoundReference]:
    """Find the photos of a folder, or below it, that serve a photo best as references.

    The folder is looked through once, and its index kept in the user's cache folder; later calls
    look only at what is new or changed.

    Args:
        photo (ImageInput): The photo: a path, a Pillow image or an array.
        folder (str | os.PathLike): The folder.
        count (int): How many references at most. Default: 3.
        scale (int): How many times larger the result will be. Default: 4.

    Returns:
        list[FoundReference]: The best one first; empty if there is none, where the photo serves
        best as its own reference.

    Raises:
        UserError: If the photo or the folder cannot be read, or the index cannot be written.

    Examples:
        >>> references = find_references('blurry.jpg', '~/Pictures')
        >>> sr = MASAInferencer()('blurry.jpg', [found.path for found in references])
    """
    album = Album(folder)
    album.update()
    itself = [photo] if isinstance(photo, (str, os.PathLike)) else []
    return album.find(photo, count, scale, itself)


def file_names(found: Sequence[FoundReference]) -> str:
    """Return the names of files that were found, such as ``a.jpg (the original), b.jpg``."""
    return ', '.join(ref.path.name + (' (the original)' if ref.original else '') for ref in found)


_CODE = np.dtype([('word', np.uint16), ('signature', np.uint8, 8)])


def _is_same_file(path: Path, other: str | os.PathLike) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def looked_at(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W, 3) in the size in which its key points are sought."""
    height, width = image.shape[:2]
    factor = min(1.0, math.sqrt(PIXELS / (width * height)))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return resize(image, *size, Image.Resampling.BOX)


def _describe(path: Path) -> tuple[int, int, bytes, bytes, str | None]:
    """Return an image's row without path and state: size, words, key points; or the problem."""
    try:
        width, height, *_, made = read_header(path)
        if made:  # by the command, so that its details are guesses
            return width, height, b'', b'', None
        side = math.isqrt(PIXELS * min(width, height) // max(width, height)) + 1
        image = looked_at(decode_rgb(read_bytes(path), str(path), side))
        points = keypoints.detect(image, most=POINTS)
    except UserError as error:
        return 0, 0, b'', b'', one_line(error)
    words = _nearest_words(points.descriptor, 1)[:, 0]
    codes = np.zeros(len(words), _CODE)
    codes['word'], codes['signature'] = words, _signatures(points.descriptor, words)
    return width, height, codes.tobytes(), _packed(image.shape[:2], points), None


def _packed(size: tuple[int, int], points: KeyPoints) -> bytes:
    """Return key points in few bytes: descriptors in 6 bits, which zlib finds, the rest in 32."""
    place = np.column_stack([points.position, points.size, points.angle]).astype(np.float32)
    descriptor = np.round(points.descriptor * 63).astype(np.uint8)
    return zlib.compress(np.uint32(size).tobytes() + place.tobytes() + descriptor.tobytes(), 1)


def _entry(index: sqlite3.Connection, name: bytes) -> _Entry | None:
    """Return an image of the index, unless another process has found it gone."""
    row = index.execute('SELECT width, points FROM images WHERE path = ?', (name,)).fetchone()
    if not (row and row[1]):
        return None
    full_width, content = row[0], zlib.decompress(row[1])
    height, width = np.frombuffer(content, np.uint32, 2).tolist()
    count = (len(content) - 8) // (4 * 4 + 128)
    place = np.frombuffer(content, np.float32, 4 * count, 8).reshape(-1, 4)
    descriptor = np.frombuffer(content, np.uint8, offset=8 + place.nbytes).reshape(-1, 128) / 63
    descriptor /= np.maximum(np.linalg.norm(descriptor, axis=1, keepdims=True), 1e-7)
    points = KeyPoints(place[:, :2], place[:, 2], place[:, 3], descriptor.astype(np.float32))
    return _Entry(points, (height, width), full_width / width)


@lru_cache(1)
def _words() -> np.ndarray:
    """Return the words: descriptors of which each stands for those that it is the nearest of."""
    with resources.files(__package__).joinpath('album_words.npy').open('rb') as file:
        return np.load(file).astype(np.float32) / 255


def _nearest_words(descriptor: np.ndarray, count: int) -> np.ndarray:
    """Return the nearest words of descriptors (n, 128): (n, count), nearest first."""
    words = _words()
    distance = (words**2).sum(axis=1) - 2 * descriptor @ words.T
    some = np.argpartition(distance, range(count), axis=1)[:, :count]
    return some.astype(np.uint16)


def _signatures(descriptor: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return on which sides of 64 planes through their words descriptors (n, 128) lie: (n, 8)."""
    # Python's generator, whose numbers stay the same in all versions
    signs = np.frombuffer(random.Random(0).randbytes(64 * 128), np.uint8).reshape(128, 64) & 1
    planes = signs.astype(np.float32) * 2 - 1
    return np.packbits((descriptor - _words()[words]) @ planes > 0, axis=1)


def _signs(signatures: np.ndarray) -> np.ndarray:
    """Return the bits of signatures (n, 8) as 1 and -1: (n, 64), float32."""
    return np.unpackbits(signatures, axis=1).astype(np.float32) * 2 - 1


def _verify(photo: _Entry, entry: _Entry, path: Path, scale: int) -> FoundReference | None:
    """Return an image that shows a photo, whose points are in the SR frame, in more detail."""
    first, second = keypoints.match(photo.points, entry.points).T
    points = photo.points.take(first), entry.points.take(second)
    fit, matches = homography.estimate(*points, photo.size, entry.size, scale)
    if fit is None or matches < LEAST_MATCHES:
        return None
    factor, _ = homography.scale_and_angle(fit.similarity[:2, :2])
    gain = float(scale * entry.finer / factor)
    if gain < FINER:
        return None
    covered = seen(entry.size, fit.matrix, photo.size)
    exact = EXACT / min(photo.size[1] / scale, entry.size[1])
    original = _is_one_picture(photo, entry, exact, EXACT_PART)
    return FoundReference(path, matches, covered, gain, original)


def _is_one_picture(
    first: _Entry, second: _Entry, place: float = SAME_PLACE, part: float = SAME_PART
) -> bool:
    """Whether two images are copies of one picture, of any size: what matches is in one place."""
    places = [
        entry.points.position[index] / entry.size[::-1]
        for entry, index in zip((first, second), keypoints.match(first.points, second.points).T)
    ]
    moved = np.abs(places[0] - places[1]).max(axis=1)
    same = np.count_nonzero(moved < place)
    return same >= max(LEAST_MATCHES, part * len(moved))


def _worth(found: FoundReference, scale: int) -> float:
    """Return by what references are ranked: finer pixels, more of the photo, more matches."""
    gain = math.log(min(found.gain, scale), scale)
    return found.original + gain * found.covered * found.matches / (found.matches + MANY)


def _has_detail(found: FoundReference, entry: _Entry, scale: int) -> bool:
    """Whether a file, in pixels of the SR frame, still holds what the photo's pixels cannot."""
    if found.gain < FROM_GAIN:
        return True
    factor = min(found.gain, scale)
    height, width = (side * entry.finer * factor / found.gain for side in entry.size)
    try:
        image = decode_rgb(read_bytes(found.path), str(found.path), round(min(height, width)))
    except UserError:
        return False
    grey = resize(to_grey(image), round(width), round(height), Image.Resampling.BOX)
    fine, next_octave = (grey - _without_detail(grey, f) for f in (factor, 2 * factor))
    fine, coarse = fine.std(), (next_octave - fine).std()
    return fine > LEAST_DETAIL * coarse


def _without_detail(grey: np.ndarray, factor: float) -> np.ndarray:
    """Return pixels (H, W) reduced and enlarged again, float32."""
    height, width = grey.shape
    size = max(1, round(width / factor)), max(1, round(height / factor))
    small = resize(grey, *size, Image.Resampling.BOX)
    return resize(small, width, height).astype(np.float32)
