"""The bounds that squares of Ref↓ are chosen by."""

from __future__ import annotations

import pytest
import torch

from masasr_mm.models.matching.squares import with_rest


@pytest.mark.parametrize('count', [1, 5, 19, 20])
def test_products_with_the_rest_are_bounds(count):
    """And the products themselves, once no direction is left out."""
    torch.manual_seed(0)
    queries, vectors = torch.randn(50, 20).double(), torch.randn(300, 20).double()
    vectors[::7] = 0
    directions = torch.linalg.qr(torch.randn(20, 20).double()).Q[:, :count]
    queries[:20] = vectors[1:21]
    bounds = _with_rest(queries, directions) @ _with_rest(vectors, directions).T
    products = queries @ vectors.T
    assert (bounds >= products - 1e-6).all()
    assert (bounds[:, ::7] == 0).all()
    if count == 20:
        torch.testing.assert_close(bounds, products, atol=1e-6, rtol=0)
    elif count == 19:  # what is left lies in one direction
        rest = queries @ vectors.T - (queries @ directions) @ (vectors @ directions).T
        torch.testing.assert_close(bounds - products + rest, rest.abs(), atol=1e-6, rtol=0)


def _with_rest(vectors, directions):
    length = vectors.square().sum(dim=1, keepdim=True)
    return with_rest(vectors @ directions, length, dim=1)
