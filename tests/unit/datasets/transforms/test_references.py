"""References: aligned, padded, stacked, and changed as in Fig. 6."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmagic.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from masasr_mm.datasets.transforms import PadToMultiple, StackReferences
from masasr_mm.datasets.transforms.packing import arrange, pack
from masasr_mm.errors import UserError
from tests.conftest import REPOSITORY


def test_in_the_config_of_a_benchmark(scene, tmp_path):
    """The LR is there when the references are aligned with it, and Ref↓ is made afterwards."""
    config = Config.fromfile(REPOSITORY / 'configs' / 'masa_x4_cufed5-aligned.py')
    paths = []
    for name, image in (('gt', scene), ('ref', np.rot90(scene))):
        paths.append(str(tmp_path / f'{name}.png'))
        Image.fromarray(np.ascontiguousarray(image)).save(paths[-1])
    results = dict(gt_path=paths[0], ref_path=paths[1:])
    for step in config.test_dataloader.dataset.pipeline:
        results = TRANSFORMS.build(step)(results)
    sample = results['data_samples']
    assert sample.ref_img.shape == (3, 512, 328)  # two parts, of 256×320 and 240×320, and a margin
    assert sample.ref_down.shape == (3, 128, 82)
    assert results['inputs'].shape == (3, 64, 80)


def image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


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


def images(*sizes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


def test_without_size_one_size_is_rounded_up_to_16_and_several_are_packed():
    stack = StackReferences(size=None)
    assert stack(dict(ref=images((30, 40), (30, 40))))['ref'].shape == (2 * 32, 48, 3)
    references = images((230, 340), (133, 512))
    layout = arrange([reference.shape[:2] for reference in references])
    np.testing.assert_array_equal(stack(dict(ref=references))['ref'], pack(references, layout))
    assert layout.pixels < 1.2 * (230 * 340 + 133 * 512)


@pytest.mark.parametrize(
    ('sizes', 'paths', 'message'),
    [
        (
            [(64, 64), (65, 40)],
            dict(ref_path=['a.png', 'b.png']),
            r'^b.png: .* 40 wide and 65',
        ),
        ([(40, 65)], dict(ref_path=['only.png']), r'^only.png: .* 65 wide and 40 high'),
        ([(65, 40)], {}, r'^ref 1: '),
    ],
)
def test_a_larger_reference_is_named(sizes, paths, message):
    with pytest.raises(UserError, match=message):
        StackReferences(size=(64, 64))(dict(ref=images(*sizes), **paths))


IMAGE = data.astronaut()[60:140, 180:260]


def changed(change: str, strength: float) -> np.ndarray:
    transform = TRANSFORMS.build(dict(type='ChangeReference', change=change, strength=strength))
    return transform(dict(ref=IMAGE))['ref']


@pytest.mark.parametrize('factor', [0.4, 1.4])
def test_the_luminance_is_multiplied(factor):
    expected = np.clip(IMAGE * factor, 0, 255)
    assert np.abs(changed('luminance', factor) - expected).max() <= 1


def test_the_blur_is_a_gaussian():
    # OpenCV cuts the Gaussian of an 8-bit image at three deviations.
    expected = gaussian_filter(IMAGE.astype(float), (2, 2, 0), mode='nearest', truncate=3)
    assert np.abs(changed('blur', 2.0) - expected).max() <= 1


@pytest.mark.parametrize('degrees', [-90.0, 30.0, 180.0])
def test_the_hue_is_turned(degrees):
    found = changed('color', degrees)
    for row, column in np.random.default_rng(0).integers(0, 80, (200, 2)):
        hue, saturation, value = colorsys.rgb_to_hsv(*(IMAGE[row, column] / 255))
        turned = colorsys.hsv_to_rgb((hue + degrees / 360) % 1, saturation, value)
        # Hue and saturation have 8 bits there, a step of which is worth up to 6 levels.
        assert np.abs(found[row, column] - np.multiply(turned, 255)).max() <= 8
    assert np.abs(found.astype(int) - IMAGE).max() > 40
