"""Make five real pairs that nothing is trained on, from OpenCV's examples and scikit-image.

OUT/NAME_0.png is a photo, OUT/NAME_1.png another photo of the same scene, and OUT/NAME_2.png one
of another scene: CUFED5's layout. aloe and motorcycle are stereo pairs, graf and leuven are two
views and two exposures, rubberwhale are two frames.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
from photo_packages import images_in_folder, new_folder, parse_arguments, scikit_image
from PIL import Image

from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.images.io import decode_rgb

PACKAGE = 'opencv-doc'
PAIRS = {
    'aloe': ('aloeL.jpg', 'aloeR.jpg'),
    'graf': ('graf1.png', 'graf3.png'),
    'leuven': ('leuvenA.jpg', 'leuvenB.jpg'),
    'motorcycle': ('motorcycle_left.png', 'motorcycle_right.png'),
    'rubberwhale': ('rubberwhale1.png', 'rubberwhale2.png'),
}
HALVED = ('aloe', 'graf', 'leuven')
"""Soft at full size."""
STEREO_WINDOW = (229, 26, 741, 474)
"""Left, top, right and bottom of the part of the motorcycle that the sample data has, too."""


def read_pairs(packages: Path) -> dict[str, list[np.ndarray]]:
    """Return both photos of every pair, (H, W, 3), uint8 RGB, of even quarters."""
    wanted = set(chain(*PAIRS.values()))
    found = {}
    for image in chain(images_in_folder(packages), scikit_image()):
        name = image.file.rsplit('/', 1)[-1]
        if name in wanted:
            found[name] = Image.fromarray(decode_rgb(image.content, image.file))
    if missing := sorted(wanted - set(found)):
        raise UserError(f'{packages}: {missing[0]} is not there; give the package {PACKAGE}')
    pairs = {}
    for pair, names in PAIRS.items():
        pictures = [found[name] for name in names]
        if pair == 'motorcycle':
            pictures = [picture.crop(STEREO_WINDOW) for picture in pictures]
        if pair in HALVED:
            pictures = [
                picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
                for picture in pictures
            ]
        pairs[pair] = [
            np.array(picture.crop((0, 0, picture.width // 4 * 4, picture.height // 4 * 4)))
            for picture in pictures
        ]
    return pairs


def build(folder: Path, packages: Path) -> None:
    """Write the pairs of the packages in a folder into another."""
    pairs = read_pairs(packages)
    references = [reference for _, reference in pairs.values()]
    unlike = [*references[1:], references[0]]
    for (name, photos), other in zip(pairs.items(), unlike):
        for number, photo in enumerate((*photos, other)):
            Image.fromarray(photo).save(folder / f'{name}_{number}.png')


def main() -> int:
    """Make the pairs, and return the exit status."""
    arguments = parse_arguments(__doc__, [PACKAGE])
    with new_folder(arguments.out, arguments.packages, [PACKAGE]) as (made, packages):
        build(made, packages)
    print(f'{arguments.out}: {len(PAIRS)} pairs, each with an unlike reference')
    return 0


if __name__ == '__main__':
    exit_with_user_errors(main)
