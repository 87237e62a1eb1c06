"""The transform does what the function does, and fits into a pipeline."""

from __future__ import annotations

import numpy as np
from mmagic.registry import TRANSFORMS
from mmengine.config import Config
from PIL import Image
from skimage import data

from masasr_mm.alignment import align_all
from tests.conftest import REPOSITORY


def scene() -> np.ndarray:
    return np.array(Image.fromarray(data.coffee()).resize((320, 240), Image.Resampling.LANCZOS))


def test_one_or_several_references():
    photo, turned = scene(), np.ascontiguousarray(np.rot90(scene()))
    lq = np.array(Image.fromarray(photo).resize((80, 60), Image.Resampling.BICUBIC))
    transform = TRANSFORMS.build(dict(type='AlignReferences', scale=4))
    alignments, parts = align_all(lq, [turned], 4)
    one = transform(dict(img=lq, ref=turned))
    several = transform(dict(img=lq, ref=[turned, data.chelsea()]))
    assert [len(results['ref']) for results in (one, several)] == [2, 3]
    for results in (one, several):
        assert results['alignments'][0].in_words() == alignments[0].in_words()
        for image, part in zip(results['ref'], parts):
            np.testing.assert_array_equal(image, part)


def test_in_the_config_of_a_benchmark(tmp_path):
    """The LR is there when the references are aligned with it, and Ref↓ is made afterwards."""
    config = Config.fromfile(REPOSITORY / 'configs' / 'masa_x4_cufed5-aligned.py')
    paths = []
    for name, image in (('gt', scene()), ('ref', np.rot90(scene()))):
        paths.append(str(tmp_path / f'{name}.png'))
        Image.fromarray(np.ascontiguousarray(image)).save(paths[-1])
    results = dict(gt_path=paths[0], ref_path=paths[1:])
    for step in config.test_dataloader.dataset.pipeline:
        results = TRANSFORMS.build(step)(results)
    sample = results['data_samples']
    assert sample.ref_img.shape == (3, 512, 320)  # two parts of 240×320, to multiples of 16: of 256
    assert sample.ref_down.shape == (3, 128, 80)
    assert results['inputs'].shape == (3, 64, 80)
