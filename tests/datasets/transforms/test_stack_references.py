"""StackReferences."""

from __future__ import annotations

import numpy as np
import pytest
from mmagic.registry import TRANSFORMS

from masasr_mm.datasets.transforms import StackReferences
from masasr_mm.errors import UserError


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


def test_size_is_height_and_width():
    assert StackReferences(size=(32, 48))(dict(ref=images((30, 40))))['ref'].shape == (32, 48, 3)


@pytest.mark.parametrize('size', [(30, 40), (32, 48), (601, 70)])
def test_one_array_is_padded_as_one_level_is(size):
    (reference,) = images(size)
    have = StackReferences(size=(64, 64))(dict(ref=reference, ref_path='a.png'))['ref']
    rows, columns = -size[0] % 16, -size[1] % 16
    widths = ((0, rows), (0, columns), (0, 0))
    np.testing.assert_array_equal(have, np.pad(reference, widths, mode='edge'))


def test_one_array_without_size_is_a_list_of_one():
    (reference,) = images((30, 40))
    stack = StackReferences(size=None)
    np.testing.assert_array_equal(
        stack(dict(ref=reference))['ref'], stack(dict(ref=[reference]))['ref']
    )


def test_without_size_the_largest_is_rounded_up_to_16():
    references = images((30, 40), (33, 12))
    stacked = StackReferences(size=None)(dict(ref=references))['ref']
    assert stacked.shape == (2 * 48, 48, 3)
    np.testing.assert_array_equal(stacked[48 + 7 : 48 + 40, 18:30], references[1])
    assert StackReferences(size=None)(dict(ref=images((32, 16))))['ref'].shape == (32, 16, 3)


@pytest.mark.parametrize('size', [(65, 40), (40, 65)])
def test_larger_reference_is_named(size):
    stack = StackReferences(size=(64, 64))
    with pytest.raises(UserError, match=f'^b.png: .* {size[1]} wide and {size[0]} high'):
        stack(dict(ref=images((64, 64), size), ref_path=['a.png', 'b.png']))
    with pytest.raises(UserError, match=r'^only.png: '):
        stack(dict(ref=images(size), ref_path=['only.png']))
    with pytest.raises(UserError, match=r'^ref 1: '):
        stack(dict(ref=images(size)))
