"""RoundToUint8."""

from __future__ import annotations

import numpy as np
import pytest
from mmagic.registry import TRANSFORMS
from mmengine.config import Config

from masasr_mm.datasets.transforms import RoundToUint8
from tests.conftest import REPOSITORY


@pytest.mark.parametrize('dtype', [np.uint8, np.float32, np.float64])
def test_rounds_and_limits(dtype):
    levels = np.array([0, 1, 127, 254, 255], dtype).reshape(1, 5, 1).repeat(3, axis=2)
    given = levels if dtype == np.uint8 else levels + np.array([-3, 0.4, -0.4, 0.3, 90])[:, None]
    results = RoundToUint8(keys=['img'])(dict(img=given, gt=given))
    assert results['img'].dtype == np.uint8
    assert (results['img'] == levels).all()
    assert results['gt'] is given


def test_noise_of_64_bits_is_compressed():
    """With numpy 2, mmagic's noise makes float64, and OpenCV converts no colours of that."""
    config = Config.fromfile(REPOSITORY / 'configs/masa-rec_x4_photos-degraded.py')
    results = dict(gt=np.random.default_rng(0).integers(0, 256, (160, 160, 3)).astype(np.uint8))
    for transform in config.degradations:
        results = TRANSFORMS.build(transform)(results)
        if transform['type'] == 'RandomNoise':
            results['img'] = results['img'].astype(np.float64)
    assert results['img'].dtype == np.uint8
    assert results['img'].shape == (40, 40, 3)
