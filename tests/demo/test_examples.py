"""The examples are photos with references of the same scene."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from PIL import Image

from masasr_mm.apis import MASAInferencer
from masasr_mm.demo.examples import freshened, write_examples
from masasr_mm.demo.sweeping import sweep


def test_references_show_their_photo(small_checkpoint, tmp_path):
    examples = write_examples(tmp_path)
    infer = MASAInferencer(small_checkpoint, device='cpu')
    (first, [first_ref]), (second, [second_ref]) = examples
    for photo, own, other in ((first, first_ref, second_ref), (second, second_ref, first_ref)):
        assert Path(photo).parent == tmp_path
        # At the scale of the result, the reference is about as large.
        assert abs(Image.open(photo).width * 4 / Image.open(own).width - 1) < 0.1
        assert infer.predict(photo, own).agreement > infer.predict(photo, other).agreement + 0.05


def test_an_example_of_an_old_page_lives_as_long_as_an_upload(tmp_path):
    """Copied as gradio does it, and swept before anything is made of it."""
    photo, ref, uploads = tmp_path / 'photo.png', tmp_path / 'ref.png', tmp_path / 'uploads'
    uploads.mkdir()
    for path in (photo, ref):
        path.touch()
        os.utime(path, (time.time() - 1000,) * 2)
    assert freshened((str(photo), [str(ref)])) == (str(photo), [str(ref)])
    for path in (photo, ref):
        shutil.copy2(path, uploads)
    sweep(uploads, 500)
    assert {path.name for path in uploads.iterdir()} == {'photo.png', 'ref.png'}
