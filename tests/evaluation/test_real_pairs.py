"""Weights on real pairs: the right references, and metrics of the right images."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from mmagic.evaluation.metrics.niqe import niqe
from PIL import Image
from skimage import data

from masasr_mm.errors import UserError
from masasr_mm.evaluation import real_pairs


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('pairs')
    photo, other = data.astronaut(), data.coffee()
    for name, top in (('a', 0), ('b', 100)):
        views = photo[top : top + 66, 200:282], photo[top + 4 : top + 68, 204:284], other[:64, :64]
        for number, view in enumerate(views):
            Image.fromarray(view).save(root / f'{name}_{number}.png')
    return root


class Recorder:
    """Enlarges, and remembers what it was given."""

    def __init__(self):
        self.references, self.aligned, self.align = [], [], None

    def __call__(self, lq, ref):
        self.references.append(ref)
        self.aligned.append(self.align)
        size = (4 * lq.shape[1], 4 * lq.shape[0])
        return np.asarray(Image.fromarray(lq).resize(size, Image.Resampling.NEAREST))


def luma_psnr(one: np.ndarray, other: np.ndarray) -> float:
    """BT.601, studio swing."""
    difference = (one.astype(float) - other) @ np.array([65.481, 128.553, 24.966]) / 255
    return 10 * math.log10(255**2 / np.mean(difference**2))


def test_every_reference_and_the_metrics_of_what_comes_out(folder):
    pairs = real_pairs.read_pairs(str(folder))
    assert [pair.name for pair in pairs] == ['a', 'b']
    assert pairs[0].gt.shape == (64, 80, 3)
    recorder = Recorder()
    measured = list(real_pairs.measure({'w': recorder}, pairs))
    assert len(measured) == real_pairs.count(1, 2)
    lq = real_pairs.low_resolution(pairs[0].gt)
    first = pairs[0]
    references = [lq, first.ref, first.ref, first.unlike, first.unlike]
    for given, expected in zip(recorder.references[:5], references, strict=True):
        np.testing.assert_array_equal(given, expected)
    assert recorder.aligned[:5] == ['off', 'off', 'auto', 'off', 'auto']
    enlarged = np.asarray(Image.fromarray(lq).resize((80, 64), Image.Resampling.BICUBIC))
    assert measured[0][:3] == ('bicubic', 'a', '')
    assert measured[0].psnr == pytest.approx(luma_psnr(pairs[0].gt, enlarged), abs=1e-3)
    assert [result.reference for result in measured[1:6]] == list(real_pairs.REFERENCES)
    assert measured[1].psnr == pytest.approx(luma_psnr(pairs[0].gt, Recorder()(lq, lq)), abs=1e-3)


def test_means_of_a_table(folder):
    measured = list(real_pairs.measure({'w': Recorder()}, real_pairs.read_pairs(str(folder))))
    table = real_pairs.rows(measured, 'psnr')
    assert list(table) == ['bicubic', *(f'w, {reference}' for reference in real_pairs.REFERENCES)]
    for values in table.values():
        assert values['mean'] == pytest.approx((values['a'] + values['b']) / 2)


def test_further_metrics_with_the_originals_own(tmp_path):
    photo = data.astronaut()
    for number in range(3):
        Image.fromarray(photo[:192, 200:392]).save(tmp_path / f'a_{number}.png')
    pairs = real_pairs.read_pairs(str(tmp_path))
    measured = list(real_pairs.measure({'w': Recorder()}, pairs, measures=['NIQE']))
    assert len(measured) == real_pairs.count(1, 1, ['NIQE'])
    table = real_pairs.rows(measured, 'NIQE')
    bgr = pairs[0].gt[..., ::-1]
    assert table['original']['a'] == pytest.approx(niqe(bgr, 0, convert_to='gray'))
    assert table['bicubic']['mean'] > table['original']['mean'] + 1
    with pytest.raises(UserError, match='Vmaf is no metric'):
        next(real_pairs.measure({}, pairs, measures=['Vmaf']))


def test_jpeg_is_what_pillow_writes(folder):
    gt = real_pairs.read_pairs(str(folder))[0].gt
    clean, packed = real_pairs.low_resolution(gt), real_pairs.low_resolution(gt, 75)
    stream = io.BytesIO()
    Image.fromarray(clean).save(stream, 'JPEG', quality=75)
    np.testing.assert_array_equal(packed, np.asarray(Image.open(stream)))


def test_an_unlike_reference_is_asked_for(folder, tmp_path):
    for name in ('a_0.png', 'a_1.png'):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(UserError, match=r'a_2\.png'):
        real_pairs.read_pairs(str(tmp_path))
