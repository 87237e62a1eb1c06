"""Make training patches of the free photographs in some of Debian's packages and scikit-image.

The packages are 0.4 GB. OUT/train/*.png are patches of 256×256 pixels, of which
configs/masa-rec_x4_photos.py makes pairs, other ones in each epoch; OUT/val/*_{0,1}.png are views
of further photographs, laid out as CUFED5. OUT/photos.json names every photograph with its package,
author, licence and checksum. The same packages give the same files, to the byte.
"""

from __future__ import annotations

import hashlib
import json
from itertools import chain
from pathlib import Path

import numpy as np
from photo_packages import (
    DEBIAN_PACKAGES,
    Selection,
    cut_patches,
    images_in_folder,
    new_folder,
    parse_arguments,
    scikit_image,
)
from PIL import Image
from rich.console import Console
from rich.progress import track

from masasr_mm.errors import exit_with_user_errors

MANIFEST = 'photos.json'
VALIDATED_ON = range(9, 130, 10)
"""Numbers of the photographs that are not trained on; photographs that join get higher ones."""


def make_views(patch: np.ndarray, number: int) -> dict[str, np.ndarray]:
    """Return a patch as '0' and another view of it as '1', as CUFED5 counts them."""
    from masasr_mm.datasets.transforms import RandomViewpoint
    from masasr_mm.engine.resume.data import seeded

    with seeded(0, number):
        view = RandomViewpoint(prob=1)(dict(ref=patch))['ref']
    return {'0': patch, '1': view}


def build(folder: Path, packages: Path) -> dict[str, int]:
    """Write the data set into a new folder, the manifest last; return how much it has of each."""
    selection, photos = Selection(), []
    counts = dict(photos=0, train=0, val=0)
    images = chain(
        images_in_folder(packages, later=False),
        scikit_image(),
        images_in_folder(packages, later=True),
    )
    for image in track(images, 'Looking for photographs', console=Console(stderr=True)):
        pixels = selection.photograph(image)
        patches = {} if pixels is None else cut_patches(pixels)
        if not patches:
            continue
        number = counts['photos']
        kind = 'val' if number in VALIDATED_ON else 'train'
        if kind == 'val':
            patches = make_views(next(iter(patches.values())), number)
        written = {}
        for name, patch in patches.items():
            path = folder / kind / f'{number:04d}_{name}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(patch).save(path)
            written[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        description = image._asdict()
        content = description.pop('content')
        description['sha256'] = hashlib.sha256(content).hexdigest()
        photos.append(dict(**description, kind=kind, patches=written))
        counts['photos'] += 1
        counts[kind] += len(patches)
    (folder / MANIFEST).write_text(json.dumps(photos, indent=1, ensure_ascii=False) + '\n', 'utf-8')
    return counts


def main() -> int:
    """Make the data set, and return the exit status."""
    arguments = parse_arguments(__doc__, DEBIAN_PACKAGES)
    out = arguments.out
    with new_folder(out, arguments.packages, DEBIAN_PACKAGES) as (made, packages):
        counts = build(made, packages)
    print(
        f'{out}: {counts["photos"]} photographs, {counts["train"]} patches to train on, '
        f'{counts["val"]} to validate on'
    )
    return 0


if __name__ == '__main__':
    exit_with_user_errors(main)
