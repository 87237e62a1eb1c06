"""References: aligned, padded and stacked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmagic.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose
from PIL import Image
from skimage import data

from masasr_mm.alignment import align_all
from masasr_mm.datasets.transforms import PadToMultiple, StackReferences
from masasr_mm.datasets.transforms.packing import arrange, pack
from masasr_mm.errors import UserError
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
    assert [len(results['ref']) for results in (one, several)] == [1, 2]
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


IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)


def images(*sizes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


def test_five_references_of_cufed5():
    references = images((500, 331), (512, 512), (1, 1), (375, 500), (333, 511))
    stacked = TRANSFORMS.build(dict(type='StackReferences'))(dict(ref=references))['ref']
    assert stacked.shape == (2560, 512, 3)
    for reference, part in zip(references, np.split(stacked, 5)):
        rows, columns = 512 - reference.shape[0], 512 - reference.shape[1]
        before, after = (rows // 2, columns // 2), (rows - rows // 2, columns - columns // 2)
        widths = ((before[0], after[0]), (before[1], after[1]), (0, 0))
        np.testing.assert_array_equal(part, np.pad(reference, widths, mode='edge'))


@pytest.mark.parametrize('size', [(30, 40), (32, 48), (601, 70)])
def test_one_array_is_padded_as_one_level_is(size):
    (reference,) = images(size)
    have = StackReferences(size=(64, 64))(dict(ref=reference, ref_path='a.png'))['ref']
    rows, columns = -size[0] % 16, -size[1] % 16
    widths = ((0, rows), (0, columns), (0, 0))
    np.testing.assert_array_equal(have, np.pad(reference, widths, mode='edge'))


def test_without_size_one_size_is_rounded_up_to_16_and_several_are_packed():
    stack = StackReferences(size=None)
    assert stack(dict(ref=images((30, 40), (30, 40))))['ref'].shape == (2 * 32, 48, 3)
    references = images((230, 340), (133, 512))
    layout = arrange([reference.shape[:2] for reference in references])
    np.testing.assert_array_equal(stack(dict(ref=references))['ref'], pack(references, layout))
    assert layout.pixels < 1.2 * (230 * 340 + 133 * 512)


@pytest.mark.parametrize('size', [(65, 40), (40, 65)])
def test_larger_reference_is_named(size):
    stack = StackReferences(size=(64, 64))
    with pytest.raises(UserError, match=f'^b.png: .* {size[1]} wide and {size[0]} high'):
        stack(dict(ref=images((64, 64), size), ref_path=['a.png', 'b.png']))
    with pytest.raises(UserError, match=r'^only.png: '):
        stack(dict(ref=images(size), ref_path=['only.png']))
    with pytest.raises(UserError, match=r'^ref 1: '):
        stack(dict(ref=images(size)))
