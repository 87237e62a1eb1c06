"""The examples are photos with references of the same scene."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from masasr_mm.apis import MASAInferencer
from masasr_mm.demo.examples import write_examples


def test_references_show_their_photo(small_checkpoint, tmp_path):
    examples = write_examples(tmp_path)
    infer = MASAInferencer(small_checkpoint, device='cpu')
    (first, [first_ref]), (second, [second_ref]) = examples
    for photo, own, other in ((first, first_ref, second_ref), (second, second_ref, first_ref)):
        assert Path(photo).parent == tmp_path
        # At the scale of the result, the reference is about as large.
        assert abs(Image.open(photo).width * 4 / Image.open(own).width - 1) < 0.1
        assert infer.predict(photo, own).agreement > infer.predict(photo, other).agreement + 0.05
