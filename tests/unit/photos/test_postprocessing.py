"""The last steps before a result is written."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from masasr_mm.images.io import Photo
from masasr_mm.images.metadata import NO_METADATA, Metadata, with_program
from masasr_mm.photos.postprocessing import FinalSize, postprocess

SR = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def photo():
    alpha = np.full((10, 15), 200, np.uint8)
    return Photo(SR[::4, ::4], alpha, b'profile', True, Metadata(xmp=b'<rdf:RDF>'))


def test_a_smaller_result_is_reduced_and_a_larger_one_told(photo):
    result, problems = postprocess(photo, SR, 'png', FinalSize(times=2))
    expected = np.asarray(Image.fromarray(SR).resize((30, 20), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(result.rgb, expected)
    assert result.alpha.shape == (20, 30)
    assert not problems
    result, [problem] = postprocess(photo, SR, 'png', FinalSize(width=61))
    assert result.rgb is SR
    assert problem.startswith('61 pixels of width are more than the network makes of it')


def test_metadata_is_left_out_where_it_shall_be(photo):
    assert postprocess(photo, SR, 'png')[0].metadata == with_program(photo.metadata)
    assert postprocess(photo, SR, 'png', strip_metadata=True)[0].metadata == NO_METADATA
