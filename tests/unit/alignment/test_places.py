"""Where the photo lies in packed references, by what is seen there."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from masasr_mm.alignment import Places
from masasr_mm.models.agreement import local_agreement
from masasr_mm.photos.inferencer import stack


@pytest.fixture(scope='module')
def scene() -> np.ndarray:
    return np.array(Image.fromarray(data.coffee()).resize((320, 240), Image.Resampling.LANCZOS))


@pytest.mark.parametrize(('degrees', 'cut', 'parts'), [(0, 0, 1), (5, 8, 2)])
def test_the_photo_is_seen_there(scene, degrees, cut, parts):
    """In a reference that keeps its pixels, and in a warped one behind another of another size."""
    lq = np.array(Image.fromarray(scene).resize((80, 60), Image.Resampling.BICUBIC))
    turned = Image.fromarray(scene).rotate(degrees, Image.Resampling.BICUBIC)
    given = np.asarray(turned)[:, 4 * cut :]
    stacked = stack(lq, [lq, given], 4, align='sift')
    assert [len(done.parts) for done in stacked.alignments] == [1, parts]
    points = np.stack(np.mgrid[:60, :80], axis=-1)
    [found] = Places(stacked.alignments, stacked.layout, 4)(points)
    shown = np.isfinite(found).all(axis=-1)
    assert not shown[:, : max(0, cut - 4)].any()
    assert shown[8:-8, 16:-8].all()
    y, x = np.nan_to_num(found).round().astype(int).T
    seen = stacked.ref_down[y.T, x.T]
    alike, contrast = local_agreement(lq, seen)
    inner = np.s_[8:-8, 16:-8]
    assert np.average(alike[inner], weights=contrast[inner]) > 0.95


def test_without_key_points_nothing_is_known(scene):
    stacked = stack(scene[:60, :80], [scene[100:160, 100:180]], 4, align='off')
    assert Places(stacked.alignments, stacked.layout, 4)(np.zeros((5, 6, 2))).shape == (0, 5, 6, 2)
