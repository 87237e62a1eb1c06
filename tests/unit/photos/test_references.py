"""References for the network, against mmagic's transforms."""

from __future__ import annotations

import numpy as np
import pytest
from mmagic.registry import TRANSFORMS
from mmengine.config import Config

import masasr_mm  # noqa: F401
from masasr_mm.photos.references import stack
from tests.conftest import REPOSITORY


@pytest.mark.parametrize('count', [1, 2])
def test_they_are_what_the_config_of_inference_makes(photos, count):
    lq, *references = photos
    references = references[:count]
    results = dict(ref=[reference.copy() for reference in references], own_ref=lq)
    pipeline = Config.fromfile(REPOSITORY / 'configs/_base_/inference.py').inference_pipeline
    steps = pipeline[2:5]
    assert [step['type'] for step in steps] == ['StackReferences', 'StackReferences', 'Resize']
    for step in steps:
        results = TRANSFORMS.build(step)(results)
    have = stack(lq, references, scale=4, align='off')
    np.testing.assert_array_equal(have.ref, results['ref'])
    np.testing.assert_array_equal(have.ref_down, results['ref_down'])
    assert len(have.layout.pieces) == count
    assert have.alignments == ()
    assert all(length % 4 == 0 for length in have.ref.shape[:2])
