"""The comparison: equal references, the metrics of what comes out, costs of the network."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from masasr_mm.benchmark.cases import Case
from masasr_mm.evaluation import comparison
from masasr_mm.evaluation.real_pairs import Measured, enlarge_bicubic, low_resolution

from .test_real_pairs import luma_psnr


@pytest.fixture
def folder(tmp_path):
    photo = data.astronaut()
    for name, top in (('a', 0), ('b', 100)):
        for number, shift in enumerate((0, 4, 8)):
            view = photo[top + shift : top + shift + 66, 200:282]
            Image.fromarray(view).save(tmp_path / f'{name}_{number}.png')
    return tmp_path


def test_photos_are_cut_and_have_the_references_that_are_asked_for(folder):
    photos = comparison.read_photos(str(folder))
    assert [(photo.name, photo.gt.shape) for photo in photos] == [
        ('a', (64, 80, 3)),
        ('b', (64, 80, 3)),
    ]
    [ref] = photos[0].refs
    np.testing.assert_array_equal(ref, data.astronaut()[4:70, 200:282])
    [photo] = comparison.read_photos(str(folder), references=2, limit=1)
    assert len(photo.refs) == 2


def test_the_metrics_of_what_comes_out(folder):
    photos, seen = comparison.read_photos(str(folder)), []

    def infer(lq, refs):
        seen.append((lq, refs))
        return enlarge_bicubic(lq)

    found = list(comparison.measure_quality('x', infer, photos))
    for (measured, sr), photo, (lq, refs) in zip(found, photos, seen):
        np.testing.assert_array_equal(lq, low_resolution(photo.gt))
        assert refs is photo.refs
        assert measured[:2] == ('x', photo.name)
        assert measured.psnr == pytest.approx(luma_psnr(photo.gt, sr), abs=1e-3)
        assert measured.lpips is None


def test_means():
    found = [Measured('x', name, '', psnr, 0.5, None) for name, psnr in (('a', 20.0), ('b', 23.0))]
    assert comparison.mean_quality(found) == Measured('x', 'mean', '', 21.5, 0.5, None)


def test_costs_need_no_weights(tmp_path):
    config = tmp_path / 'peer.py'
    config.write_text(
        "model = dict(generator=dict(type='SingleImageNetwork', "
        "network=dict(type='ENetGenerator', channels=4, num_blocks=1)))\n"
    )
    case = Case((8, 8), (32, 32))
    costs = comparison.measure_costs(str(config), case, 'cpu', 0)
    conv = 4 * 4 * 9 + 4
    assert costs.parameters == (3 * 4 * 9 + 4) + 5 * conv + (4 * 3 * 9 + 3)
    pixels = 64 * (3 + 2 * 4) + 256 * 4 + 1024 * (4 + 4 + 3)
    assert costs == (costs.parameters, pixels * 4 * 9, None, None)
