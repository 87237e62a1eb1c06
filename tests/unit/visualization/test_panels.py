"""Pictures in a row."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image
from skimage import data

from masasr_mm.visualization.panels import GAP, Panel, compare, in_a_row


def find(picture: np.ndarray, part: np.ndarray) -> tuple[int, int] | None:
    """Return where a part is in a picture, pixel by pixel."""
    _, _, (x, y), _ = cv2.minMaxLoc(cv2.matchTemplate(picture, part, cv2.TM_SQDIFF))
    same = (picture[y : y + part.shape[0], x : x + part.shape[1]] == part).all()
    return (y, x) if same else None


def test_pictures_keep_their_pixels_and_captions_are_above():
    photo = data.coffee()
    first, second = photo[:60, :80], photo[100:160, 100:130]
    picture = in_a_row([Panel('first', first), Panel('a longer caption', second)], 60)
    (top, left), (other_top, other_left) = find(picture, first), find(picture, second)
    assert top == other_top
    assert left == GAP
    assert other_left == 2 * GAP + 80
    caption = picture[:top, other_left:]
    assert (caption == 0).any()  # black letters
    columns = np.flatnonzero((caption < 128).all(axis=-1).any(axis=0))
    assert columns.max() > second.shape[1]  # not cut at the picture's width
    assert picture.shape[1] > other_left + columns.max()


def test_a_comparison_shows_enlargement_result_and_every_reference():
    photo = data.coffee()
    lq, result = np.ascontiguousarray(photo[:20, :25]), photo[100:180, 100:200]
    refs = [photo[200:280, 200:240], photo[300:380, 300:340]]
    picture = compare(lq, result, np.concatenate(refs), num_refs=2)
    bicubic = np.asarray(Image.fromarray(lq).resize((100, 80), Image.Resampling.BICUBIC))
    lefts = [find(picture, part)[1] for part in (bicubic, result, *refs)]
    assert lefts == sorted(lefts)
    assert len(set(lefts)) == 4
