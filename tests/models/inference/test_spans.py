"""Pieces of a range."""

from __future__ import annotations

from masasr_mm.models.inference.spans import scaled, span, spans


def test_spans_cover_the_range_once():
    for size, length, halo in ((10, 3, 2), (5, 8, 1), (7, 7, 0)):
        covered = []
        for one in spans(size, length, halo):
            outer = list(range(size))[one.outer]
            assert outer[one.inner] == list(range(size))[one.piece]
            assert one.outer.start == max(0, one.piece.start - halo)
            assert one.outer.stop == min(size, one.piece.stop + halo)
            covered += outer[one.inner]
        assert covered == list(range(size))


def test_a_piece_anywhere_looks_as_far_as_the_range_goes():
    first, last = (span(piece, 10, 2) for piece in (slice(4, 7), slice(7, 9)))
    assert (first.piece, first.outer) == (slice(4, 7), slice(2, 9))
    assert (last.piece, last.outer, last.inner) == (slice(7, 9), slice(5, 10), slice(2, 4))


def test_a_scaled_range_covers_the_same():
    assert list(range(100))[scaled(slice(2, 5), 4)] == list(range(8, 20))
