"""Sizes that a network takes, by counting up to them."""

from __future__ import annotations

from itertools import count

import pytest

from masasr_mm.models import MASANet
from masasr_mm.models.sizes import SizeRequirements

SIZES = SizeRequirements(scale=4, size_divisor=24, min_ref_down=5)


def test_they_are_those_of_the_network():
    net = MASANet(channels=4, fusion_blocks=(1, 1, 1), matching=dict(block_size=6, patch_size=5))
    assert SizeRequirements.of(net) == (4, 12, 5)


@pytest.mark.parametrize('length', [0, 1, 20, 21, 23, 24, 25, 48, 50])
def test_the_least_size_that_holds_another(length):
    lq = next(n for n in count(1) if n >= length and n % 24 == 0)
    ref = next(n for n in count(1) if n >= length and n % 4 == 0 and n // 4 >= 5)
    assert SIZES.lq_size((length, 24)) == (lq, 24)
    assert SIZES.ref_size((100, length)) == (100, ref)
    SIZES.check((lq, 24), (100, ref), (25, ref // 4))
