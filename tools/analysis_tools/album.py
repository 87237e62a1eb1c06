"""Measure how well references are found in an album made of photographs; or train its words.

Of every third photograph nothing is in the album, of the others six views each. The photos whose
references are sought are one more view of each, of 160×120 pixels, in JPEG of quality 75.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from pathlib import Path

from masasr_mm.errors import exit_with_user_errors
from masasr_mm.version import add_version

VIEWS, WIDTH, HEIGHT, WORDS = 6, 160, 120, 512


def view(photo):
    """Return three quarters or more of a photograph (H, W, 3), from another place."""
    import numpy as np

    from masasr_mm.datasets.transforms import RandomViewpoint

    sides = (np.array(photo.shape[:2]) * np.random.uniform(0.75, 1, 2)).astype(int)
    top, left = np.random.randint(photo.shape[:2] - sides + 1)
    part = photo[top : top + sides[0], left : left + sides[1]]
    return RandomViewpoint(prob=1)(dict(ref=part))['ref']


def measure(photos, folder: Path) -> None:
    """Make the album in a folder, find references in it, and print how well."""
    import numpy as np
    from PIL import Image

    from masasr_mm.images.pixels import resize
    from masasr_mm.photos.album import Album

    for number, photo in enumerate(photos):
        for index in range(VIEWS if number % 3 < 2 else 0):
            Image.fromarray(view(photo)).save(folder / f'{number}_{index}.jpg', quality=88)
    start, album = time.perf_counter(), Album(folder)
    album.update()
    seconds, count = time.perf_counter() - start, len(list(folder.iterdir()))
    print(
        f'{count} images: {seconds / count:.3f} s, {album.file.stat().st_size // count} bytes each'
    )
    right, wrong, times = [], [], []
    for number, photo in enumerate(photos):
        content = io.BytesIO()
        Image.fromarray(resize(view(photo), WIDTH, HEIGHT)).save(content, 'JPEG', quality=75)
        start = time.perf_counter()
        found = album.find(Image.open(content))
        times.append(time.perf_counter() - start)
        true = [reference.path.name.startswith(f'{number}_') for reference in found]
        right += [any(true)] if number % 3 < 2 else []
        wrong.append(not all(true))
    print(f'with a right reference: {np.mean(right):.1%} of {len(right)} photos that have one')
    print(f'with a wrong one: {np.mean(wrong):.1%} of {len(wrong)} photos')
    print(f'{np.median(times):.2f} s a photo, at most {max(times):.2f}')


def train(photos):
    """Return words (512, 128), uint8: means of clusters of the photographs' descriptors."""
    import cv2
    import numpy as np

    from masasr_mm.alignment.keypoints import detect
    from masasr_mm.images.pixels import resize
    from masasr_mm.photos.album import POINTS, looked_at

    points = [detect(looked_at(image), 1, POINTS) for p in photos for image in (p, view(p))]
    points += [detect(resize(photo, WIDTH, HEIGHT), 4, POINTS) for photo in photos]
    data = np.concatenate([found.descriptor for found in points])
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0)
    _, _, words = cv2.kmeans(data, WORDS, None, criteria, 1, cv2.KMEANS_RANDOM_CENTERS)
    return np.round(words * 255).astype(np.uint8)


def main() -> None:
    """Measure or train."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_version(parser)
    parser.add_argument('photos', metavar='PHOTOS', help='folder of photographs of other scenes')
    parser.add_argument('--words', metavar='FILE', help='only train words, and write them there')
    options = parser.parse_args()
    import numpy as np

    from masasr_mm.images.io import read_rgb
    from masasr_mm.photos.jobs import images_in

    np.random.seed(0)
    photos = [read_rgb(path) for path in images_in(Path(options.photos))]
    if options.words:
        np.save(options.words, train(photos))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ['XDG_CACHE_HOME'] = str(Path(folder, 'cache'))
        Path(folder, 'album').mkdir()
        measure(photos, Path(folder, 'album'))


if __name__ == '__main__':
    exit_with_user_errors(main)
