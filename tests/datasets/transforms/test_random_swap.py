"""RandomSwap."""

from __future__ import annotations

import numpy as np
import pytest
from mmagic.registry import TRANSFORMS

from masasr_mm.datasets.transforms import RandomSwap


def item() -> dict:
    return dict(
        gt='g', ref='r', gt_path='g.png', ref_path='r.png', ori_gt_shape=(1, 2, 3),
        ori_ref_shape=(4, 5, 3), ori_gt='G', key='k',
    )  # fmt: skip


def test_swaps_the_images_and_what_is_known_of_them():
    assert RandomSwap(prob=1)(item()) == dict(
        gt='r', ref='g', gt_path='r.png', ref_path='g.png', ori_gt_shape=(4, 5, 3),
        ori_ref_shape=(1, 2, 3), ori_gt='G', key='k',
    )  # fmt: skip
    assert RandomSwap(prob=0)(item()) == item()


def test_other_keys():
    assert RandomSwap(keys=['a', 'b'], prob=1)(dict(a=1, b=2, gt=3)) == dict(a=2, b=1, gt=3)


@pytest.mark.parametrize('prob', [0.5, 0.2])
def test_probability_and_seed(prob):
    swap = TRANSFORMS.build(dict(type='RandomSwap', prob=prob))

    def run() -> list[bool]:
        np.random.seed(1)
        return [swap(item())['gt'] == 'r' for _ in range(2000)]

    first = run()
    assert abs(np.mean(first) - prob) < 4 * (prob * (1 - prob) / 2000) ** 0.5
    assert run() == first
