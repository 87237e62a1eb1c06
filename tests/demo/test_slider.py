"""The slider holds both pictures."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image
from skimage import data

from masasr_mm.demo.slider import LARGEST, slider


def test_both_pictures_are_inside_and_named():
    photo = data.astronaut()
    html = slider(photo, photo[::-1], 'before it', 'after it')
    after, before = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
        for content in re.findall(r'data:image/webp;base64,([^"]+)"', html)
    )
    assert np.abs(before.astype(int) - photo).mean() < 3
    assert np.abs(after.astype(int) - photo[::-1]).mean() < 3
    assert html.index('before it') > 0
    assert html.count('after it') == 3
    assert 'type="range"' in html


def test_large_pictures_become_smaller():
    html = slider(*[np.zeros((100, 2 * LARGEST, 3), np.uint8)] * 2, 'a', 'b')
    content = re.findall(r'data:image/webp;base64,([^"]+)"', html)[0]
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (LARGEST, 50)
