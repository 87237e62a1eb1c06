"""Groups that fit into memory."""

from __future__ import annotations

import pytest

from masasr_mm.models.matching.groups import groups


@pytest.mark.parametrize('max_elements', [None, 1, 7, 30, 10**6])
@pytest.mark.parametrize('most', [None, 1, 4])
def test_everything_is_in_one_group_and_none_is_too_large(max_elements, most):
    found = groups(10, 3, max_elements, most)
    assert [i for group in found for i in range(group.start, group.stop)] == list(range(10))
    if max_elements is None:
        assert len(found) == 1
        return
    sizes = [group.stop - group.start for group in found]
    assert max(sizes) <= max(1, min(max_elements // 3, most or 10))
    assert max(sizes) == sizes[0]
