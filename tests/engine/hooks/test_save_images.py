"""The images of a test as files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from masasr_mm.engine.hooks import SaveImagesHook
from masasr_mm.errors import UserError

from .tested import Images, evaluator, run_test


def check(path, sample) -> None:
    expected = sample.output.pred_img.flip(0).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(np.asarray(Image.open(path)), expected)


def test_png_files_hold_the_predictions(tmp_path):
    images = Images('any', 2)
    run_test([SaveImagesHook(str(tmp_path / 'out'))], [images], [evaluator()])
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['000_0.png', '001_0.png']
    for index in range(2):
        check(tmp_path / 'out' / f'{index:03d}_0.png', images[index])


def test_data_sets_do_not_overwrite_each_other(tmp_path):
    sets = [Images('near', 1), Images('far', 2)]
    run_test([SaveImagesHook(str(tmp_path))], sets, [evaluator('near'), evaluator('far')])
    check(tmp_path / 'near' / '000_0.png', sets[0][0])
    check(tmp_path / 'far' / '001_0.png', sets[1][1])
    assert len(list(tmp_path.rglob('*.png'))) == 3


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match=r'cannot write .*file/out/000_0\.png'):
        run_test([SaveImagesHook(str(tmp_path / 'file/out'))], [Images('any', 1)], [evaluator()])
