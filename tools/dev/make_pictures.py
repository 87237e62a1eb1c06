"""Make the pictures of the documents with the shipped weights, from JPEG photos (quality 75).

    python tools/dev/make_pictures.py data/pairs [--photos PHOTO[,REFERENCE] ...]

PAIRS is the folder that tools/dataset_converters/make_pairs.py makes. Other photos that have no
reference get another view of themselves. Look at each picture before you keep it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageEnhance

from masasr_mm.apis import MASAInferencer
from masasr_mm.errors import exit_with_user_errors
from masasr_mm.images.io import read_rgb
from masasr_mm.photos.prediction import Prediction
from masasr_mm.version import add_version
from masasr_mm.visualization.match_picture import draw_matches
from masasr_mm.visualization.panels import Panel, in_a_row

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools' / 'analysis_tools'))
from quality import enlarge_bicubic, low_resolution, read_photos  # noqa: E402

CROPS = {
    'aloe': (150, 120),
    'graf': (150, 130),
    'leuven': (40, 180),
    'motorcycle': (60, 180),
    'rubberwhale': (150, 300),
}
"""Top and left of the part that is shown of each photo."""
SIDE, SHOWN = 128, 320
"""The sides of such a part, and of its picture."""
LONGEST = 640
"""Pixels of the longer side of other photos."""
TURNED = 'graf', 200
"""The photo whose reference is given turned, by how many degrees, and enlarged."""


def main() -> None:
    """Make result.jpg, sharpness.jpg, aligned.jpg, matches.jpg and photos.jpg."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_version(parser)
    parser.add_argument('pairs', metavar='PAIRS', help='the folder of make_pairs.py')
    parser.add_argument(
        '--photos', nargs='+', default=[], metavar='PHOTO[,REFERENCE]',
        help='for photos.jpg (default: none)',
    )  # fmt: skip
    parser.add_argument(
        '--out', type=Path, default=ROOT / 'docs' / 'images', help='default: %(default)s'
    )
    arguments = parser.parse_args()
    photos = {photo.name: photo for photo in read_photos(arguments.pairs)}
    infer, unaligned = MASAInferencer(), MASAInferencer(align='off')
    results, sharpness = [], []
    for name, photo in photos.items():
        place, ref = CROPS[name], photo.refs[0]
        lq = low_resolution(photo.gt, jpeg=75)
        if name == TURNED[0]:
            ref = turned(ref)
        prediction = infer.predict(lq, ref)
        sr = prediction.image
        given = Panel('reference', square(ref))
        enlarged = part('photo, enlarged', enlarge_bicubic(lq), place)
        truth = part('the original', photo.gt, place)
        row = [enlarged, part('masasr_mm', sr, place), given, truth]
        if name in ('graf', 'aloe', 'rubberwhale'):
            results.append(in_a_row(row, SHOWN))
        sharpness.append(by_sharpness(lq, ref, photo.gt, place))
        if name == TURNED[0]:
            panels = [
                Panel('photo, enlarged', enlarge_bicubic(lq)),
                Panel('reference as it is', unaligned(lq, ref)),
                Panel('reference aligned', sr),
                Panel('reference', square(ref)),
            ]
            save(arguments.out / 'aligned.jpg', in_a_row(panels, SHOWN))
        if name == 'rubberwhale':
            save(arguments.out / 'matches.jpg', matches(prediction))
    save(arguments.out / 'result.jpg', np.vstack(results))
    save(arguments.out / 'sharpness.jpg', np.vstack(sharpness))
    if arguments.photos:
        rows = [other_photo(*paths.split(',')) for paths in arguments.photos]
        save(arguments.out / 'photos.jpg', np.vstack(rows))


def by_sharpness(
    lq: np.ndarray, ref: np.ndarray, gt: np.ndarray, place: tuple[int, int]
) -> np.ndarray:
    """Return the part that starts at a place: enlarged, by three sharpnesses, the original."""
    levels = {level: MASAInferencer(sharpness=level)(lq, ref) for level in (0, 0.5, 1)}
    panels = [
        part('photo, enlarged', enlarge_bicubic(lq), place),
        *(part(f'sharpness {level}', sr, place) for level, sr in levels.items()),
        part('the original', gt, place),
    ]
    return in_a_row(panels, SHOWN)


def other_photo(path: str, reference: str | None = None) -> np.ndarray:
    """Return the most detailed part of a photo's middle by sharpness."""
    image = Image.fromarray(read_rgb(path))
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    gt = np.asarray(image.crop((0, 0, *(length // 4 * 4 for length in image.size))))
    ref = read_rgb(reference) if reference else another_view(image)
    return by_sharpness(low_resolution(gt, jpeg=75), ref, gt, most_detailed(gt))


def another_view(image: Image.Image) -> np.ndarray:
    """Return the middle of an image, turned and lighter."""
    width, height = image.size
    view = image.rotate(7, Image.Resampling.BICUBIC)
    view = view.crop((width // 8, height // 8, width * 7 // 8, height * 7 // 8))
    return np.asarray(ImageEnhance.Brightness(view).enhance(1.15))


def most_detailed(image: np.ndarray) -> tuple[int, int]:
    """Return where the part with the strongest edges starts, in the middle of an image."""
    edges = np.abs(cv2.Laplacian(image, cv2.CV_32F)).sum(axis=2)
    detail = cv2.boxFilter(edges, -1, (SIDE, SIDE), anchor=(0, 0))
    top, left = (max(0, (length - SIDE) // 4) for length in detail.shape)
    middle = detail[top : 3 * top + 1, left : 3 * left + 1]
    row, column = np.unravel_index(middle.argmax(), middle.shape)
    return top + int(row), left + int(column)


def turned(ref: np.ndarray) -> np.ndarray:
    """Return an image enlarged twice and turned, as a larger photo from another angle."""
    image = Image.fromarray(ref).resize((2 * ref.shape[1], 2 * ref.shape[0]), Image.LANCZOS)
    return np.array(image.rotate(TURNED[1], Image.BICUBIC, expand=True, fillcolor='gray'))


def part(caption: str, image: np.ndarray, place: tuple[int, int]) -> Panel:
    """Return the part of an image that starts at a place, enlarged."""
    top, left = place
    cut = Image.fromarray(image[top : top + SIDE, left : left + SIDE])
    return Panel(caption, np.array(cut.resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)))


def square(image: np.ndarray) -> np.ndarray:
    """Return the middle square of an image, reduced."""
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    cut = Image.fromarray(image[top : top + side, left : left + side])
    return np.array(cut.resize((SHOWN, SHOWN), Image.Resampling.LANCZOS))


def matches(prediction: Prediction) -> np.ndarray:
    """Return the picture that `masasr --matches` draws, reduced."""
    ref, count, maps, texture = prediction.shown()
    picture = draw_matches(prediction.lq, prediction.image, ref, maps, count, texture)
    image = Image.fromarray(picture)
    image.thumbnail((1400, 1400), Image.Resampling.LANCZOS)
    return np.array(image)


def save(path: Path, image: np.ndarray) -> None:
    """Write a picture as JPEG."""
    Image.fromarray(image).save(path, quality=85, optimize=True, subsampling=0)
    print(f'{path}: {image.shape[1]}×{image.shape[0]}, {path.stat().st_size // 1000} KB')


if __name__ == '__main__':
    exit_with_user_errors(main)
