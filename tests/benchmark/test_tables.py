"""How time grows from row to row."""

from __future__ import annotations

import pytest

from masasr_mm.benchmark.cases import Case
from masasr_mm.benchmark.rows import Row, growing_pixels
from masasr_mm.benchmark.tables import growth_exponent
from masasr_mm.benchmark.variants import Variant

CASE = Case((16, 24), (64, 32))


def test_growth():
    assert growth_exponent([1, 2, 4], [3, 6, 12]) == pytest.approx(1)
    assert growth_exponent([10, 100], [1, 100]) == pytest.approx(2)
    rows = [Row('area', CASE, Variant(), None), Row('references', CASE, Variant(), None)]
    assert growing_pixels(rows) == [16 * 24, 64 * 32]
