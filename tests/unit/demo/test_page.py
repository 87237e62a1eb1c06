"""Parts of the page: the slider, the examples."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from masasr_mm.apis import MASAInferencer

pytest.importorskip('gradio', reason='gradio is not installed (requirements/demo.txt)')
from masasr_mm.demo.page import slider, write_examples


def pictures(html: str) -> list[Image.Image]:
    contents = re.findall(r'data:image/webp;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in contents]


def test_both_pictures_are_in_the_slider_with_their_names():
    photo = data.astronaut()
    html = slider(photo, photo[::-1], 'before it', 'after it')
    after, before = map(np.asarray, pictures(html))
    assert np.abs(before.astype(int) - photo).mean() < 3
    assert np.abs(after.astype(int) - photo[::-1]).mean() < 3
    assert html.index('before it') > 0
    assert html.count('after it') == 3
    assert 'type="range"' in html


def test_references_of_the_examples_show_their_photos(small_checkpoint, tmp_path):
    examples = write_examples(tmp_path / 'examples')
    infer = MASAInferencer(small_checkpoint, device='cpu')
    (first, [first_ref]), (second, [second_ref]) = examples
    for photo, own, other in ((first, first_ref, second_ref), (second, second_ref, first_ref)):
        assert Path(photo).parent == tmp_path / 'examples'
        # At the scale of the result, the reference is about as large.
        assert abs(Image.open(photo).width * 4 / Image.open(own).width - 1) < 0.1
        assert infer.predict(photo, own).agreement > infer.predict(photo, other).agreement + 0.05
