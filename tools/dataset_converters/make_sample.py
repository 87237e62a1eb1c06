"""Build a small RefSR data set from photographs that ship inside scikit-image.

OUT/train/{input,ref}/*.png are pairs of overlapping views of a photo, OUT/val/000_*.png is such a
pair of another photo, to choose a checkpoint by; OUT/test/CUFED5/000_*.png are a real stereo pair
and further references of falling similarity. Neither is trained on, nor is the test used to choose.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from photo_packages import lost_detail
from PIL import Image
from rich.console import Console
from rich.progress import track

from masasr_mm.cli.values import whole_number
from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.files import folder_written_whole
from masasr_mm.images.io import decode_rgb
from masasr_mm.version import add_version

TRAINING_PHOTOS = (
    'astronaut.png',
    'coffee.png',
    'brick.png',
    'chelsea.png',
    'gravel.png',
    'rocket.jpg',
    'ihc.png',
    'coins.png',
)
VALIDATION_PHOTO = 'hubble_deep_field.jpg'
VALIDATION_SIZE = 256
TEST_WINDOW = (slice(26, 474), slice(229, 741))
"""Rows and columns of the stereo pair that fit in the 512×512 of CUFED5's protocol."""
MANIFEST = 'sample.json'
LARGEST_SIZE = 192


def parse_arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_version(parser)
    parser.add_argument('out', metavar='OUT', type=Path, help='the folder to make')
    parser.add_argument(
        '--pairs', type=whole_number(1), default=160, help='training pairs (default: 160)'
    )
    parser.add_argument(
        '--size',
        type=whole_number(32, LARGEST_SIZE),
        default=160,
        help=f'width and height of them, 32 to {LARGEST_SIZE} pixels (default: 160)',
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of the views (default: 0)')
    return parser.parse_args()


def read_photo(name: str) -> np.ndarray:
    """Return a photograph of scikit-image, (H, W, 3), uint8 RGB."""
    try:
        content = resources.files('skimage.data').joinpath(name).read_bytes()
    except OSError as error:
        raise UserError(
            f'skimage/data/{name}: not in this scikit-image; install scikit-image>=0.19 anew'
        ) from error
    return decode_rgb(content, f'skimage/data/{name}')


def rotation(angle: float) -> np.ndarray:
    """Return the matrix (2, 2) that turns points, given as rows, clockwise by radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, sine], [-sine, cosine]])


def draw_quadrangle(
    rng: np.random.Generator, side: float, angle: float, perspective: float
) -> np.ndarray:
    """Return the corners (4, 2) of a turned square around the origin, each moved a little."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * side / 2
    return square @ rotation(angle) + rng.uniform(-perspective, perspective, (4, 2)) * side


def draw_pair_of_views(
    rng: np.random.Generator, height: int, width: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners (4, 2) of two overlapping views that lie inside a photo.

    Their sides span one to two times ``size`` pixels of the photo.
    """
    side = size * rng.uniform(1.0, 1.8)
    angle = np.radians(rng.uniform(-20, 20))
    view = draw_quadrangle(rng, side, angle, perspective=0.04)
    turned = angle + np.radians(rng.uniform(-12, 12))
    reference = draw_quadrangle(rng, side * rng.uniform(0.85, 1.18), turned, perspective=0.04)
    reference += rng.uniform(-0.15, 0.15, 2) * side

    both = np.concatenate([view, reference])
    extent = np.ptp(both, axis=0)
    shrink = min(1.0, *((width - 1, height - 1) / extent))
    room = np.maximum((width - 1, height - 1) - extent * shrink, 0)
    shift = rng.uniform(0, 1, 2) * room - both.min(axis=0) * shrink
    return view * shrink + shift, reference * shrink + shift


def render(photo: np.ndarray, corners: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return a view (height, width, 3) of a photo by its corners (4, 2), without aliasing."""
    # Drawn at twice the size and averaged, since warpPerspective alone does not filter.
    fine = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (2 * width - 1, 2 * height - 1)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), fine.astype(np.float32))
    drawn = cv2.warpPerspective(
        photo, matrix, (2 * width, 2 * height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)


def change_colours(image: np.ndarray, gains: np.ndarray, brightness: float) -> np.ndarray:
    """Return an image under another light: a gain for each channel, then grey levels added."""
    return np.clip(np.rint(image * gains + brightness), 0, 255).astype(np.uint8)


def make_pair(photo: np.ndarray, rng: np.random.Generator, size: int) -> list[np.ndarray]:
    """Return input and reference, (size, size, 3): the draw of most detail among three."""
    draws = []
    for _ in range(3):
        corners = draw_pair_of_views(rng, *photo.shape[:2], size)
        draws.append([render(photo, quadrangle, size, size) for quadrangle in corners])
    view, reference = max(draws, key=lambda pair: lost_detail(pair[0]))
    gains = rng.uniform(0.9, 1.1) * rng.uniform(0.95, 1.05, 3)
    return [view, change_colours(reference, gains, rng.uniform(-12, 12))]


def make_test_images() -> list[np.ndarray]:
    """Return the HR image and its five references, the most similar one first.

    They are the left view of a stereo pair; the right view; the right view turned, shrunk and in
    another light; the other end of the right view, which overlaps the HR image by a few objects;
    a photo with other man-made things; a photo of the sky.
    """
    left, right = read_photo('motorcycle_left.png'), read_photo('motorcycle_right.png')
    rows, columns = TEST_WINDOW
    height, width = rows.stop - rows.start, columns.stop - columns.start
    centre = np.array([columns.start + width / 2, rows.start + height / 2])
    rectangle = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    corners = 0.9 * rectangle @ rotation(np.radians(8)) + centre - (15, 0)
    turned = render(right, corners, width, height)
    return [
        left[rows, columns],
        right[rows, columns],
        change_colours(turned, np.array([0.75, 0.85, 1.0]), -10),
        right[rows, :300],
        read_photo('camera.png')[:height, :width],
        read_photo('moon.png')[:height, :width],
    ]


def save(image: np.ndarray, path: Path) -> None:
    """Write an image as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every image below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*.png'))
    }


def build(folder: Path, pairs: int, size: int, seed: int) -> None:
    """Write the whole data set into a new folder, the manifest last."""
    for number, image in enumerate(make_test_images()):
        save(image, folder / 'test' / 'CUFED5' / f'000_{number}.png')
    validation = read_photo(VALIDATION_PHOTO), np.random.default_rng([seed, pairs])
    for number, image in enumerate(make_pair(*validation, VALIDATION_SIZE)):
        save(image, folder / 'val' / f'000_{number}.png')
    photos = [read_photo(name) for name in TRAINING_PHOTOS]
    screen = dict(console=Console(stderr=True), transient=True)
    for index in track(range(pairs), 'Drawing views', **screen):
        pair = make_pair(photos[index % len(photos)], np.random.default_rng([seed, index]), size)
        for kind, image in zip(('input', 'ref'), pair):
            save(image, folder / 'train' / kind / f'{index:05d}.png')
    manifest = dict(arguments=dict(pairs=pairs, size=size, seed=seed), sha256=checksums(folder))
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + '\n')


def is_complete(folder: Path, arguments: dict[str, int]) -> bool:
    """Return whether a folder holds this very data set, unharmed."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return False
    return manifest == dict(arguments=arguments, sha256=checksums(folder))


def main() -> int:
    """Make the data set unless it is there, and return the exit status."""
    arguments = vars(parse_arguments())
    out = arguments.pop('out')
    if is_complete(out, arguments):
        print(f'{out}: the sample is there already')
        return 0
    if out.is_dir() and any(out.iterdir()):
        raise UserError(
            f'{out}: exists and is not the sample that these options make; '
            'remove it or choose another folder'
        )
    with folder_written_whole(out) as made:
        build(made, **arguments)
    print(
        f'{out}: {arguments["pairs"]} training pairs, 1 to validate with, '
        '1 test image with 5 references'
    )
    return 0


if __name__ == '__main__':
    exit_with_user_errors(main)
