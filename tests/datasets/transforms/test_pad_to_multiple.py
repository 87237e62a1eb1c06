"""PadToMultiple and the crop box it leaves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmagic.registry import TRANSFORMS
from mmengine.dataset import Compose
from PIL import Image

from masasr_mm.datasets.transforms import PadToMultiple
from masasr_mm.errors import UserError


def image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_center_puts_the_odd_pixel_at_the_end():
    results = PadToMultiple('gt', 8)(dict(gt=image(5, 9)))
    expected = np.pad(image(5, 9), ((1, 2), (3, 4), (0, 0)), mode='edge')
    np.testing.assert_array_equal(results['gt'], expected)
    assert results.keys() == {'gt'}


def test_bottom_right():
    results = PadToMultiple('ref', 16, 'bottom_right', crop_key='box')(dict(ref=image(17, 16)))
    expected = np.pad(image(17, 16), ((0, 15), (0, 0), (0, 0)), mode='edge')
    np.testing.assert_array_equal(results['ref'], expected)
    assert results['box'] == (0, 0, 17, 16)


def test_the_padded_image_is_known_as_rgb_and_so_is_what_is_made_of_it():
    results = dict(gt=image(5, 9), gt_channel_order='rgb')
    reduce = TRANSFORMS.build(
        dict(type='Resize', keys=['gt_padded'], output_keys=['img'], scale=1 / 4, keep_ratio=True)
    )
    results = Compose([PadToMultiple('gt', 8, output_key='gt_padded'), reduce])(results)
    assert results['img_channel_order'] == 'rgb'


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    divisor=st.integers(1, 64),
    position=st.sampled_from(['center', 'bottom_right']),
)
def test_least_multiple_and_crop_box(height, width, divisor, position):
    original = image(height, width)
    pad = PadToMultiple('gt', divisor, position, output_key='padded', crop_key='box')
    results = pad(dict(gt=original))
    padded = results['padded']
    for length, before in zip(padded.shape[:2], (height, width)):
        assert length % divisor == 0
        assert before <= length < before + divisor
    top, left, box_height, box_width = results['box']
    cropped = padded[top : top + box_height, left : left + box_width]
    np.testing.assert_array_equal(cropped, original)
    assert results['gt'] is original


def test_output_never_shares_memory_with_the_input():
    results = PadToMultiple('gt', 8, output_key='padded')(dict(gt=image(8, 8)))
    results['padded'][:] = 0
    np.testing.assert_array_equal(results['gt'], image(8, 8))


def test_in_the_test_pipeline():
    """As §6: pad the HR, make the LR from it, keep the HR and where it lies."""
    pipeline = Compose(
        [
            dict(type='PadToMultiple', key='gt', divisor=32, output_key='gt_padded',
                 crop_key='crop_box'),
            dict(type='Resize', keys=['gt_padded'], scale=1 / 4, keep_ratio=True,
                 interpolation='bicubic', backend='pillow', output_keys=['img']),
            dict(type='PackInputs', meta_keys=['crop_box']),
        ]
    )  # fmt: skip
    packed = pipeline(dict(gt=image(50, 71)))
    padded = np.pad(image(50, 71), ((7, 7), (12, 13), (0, 0)), mode='edge')
    expected = Image.fromarray(padded).resize((24, 16), Image.BICUBIC)
    np.testing.assert_array_equal(packed['inputs'].permute(1, 2, 0), np.array(expected))
    assert packed['data_samples'].crop_box == (7, 12, 50, 71)
    assert packed['data_samples'].gt_img.shape == (3, 50, 71)


def test_options_without_meaning():
    assert isinstance(TRANSFORMS.build(dict(type='PadToMultiple', key='gt', divisor=1)),
                      PadToMultiple)  # fmt: skip
    with pytest.raises(UserError, match="position='left' is not one of center, bottom_right"):
        PadToMultiple('gt', 8, 'left')
    with pytest.raises(UserError, match='divisor=0'):
        PadToMultiple('gt', 0)
