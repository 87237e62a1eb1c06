"""Pieces of a range."""

from __future__ import annotations

from masasr_mm.models.spans import scaled, spans


def test_spans_cover_the_range_once():
    for size, length, halo in ((10, 3, 2), (5, 8, 1), (7, 7, 0)):
        covered = []
        for span in spans(size, length, halo):
            outer = list(range(size))[span.outer]
            assert outer[span.inner] == list(range(size))[span.piece]
            assert span.outer.start == max(0, span.piece.start - halo)
            assert span.outer.stop == min(size, span.piece.stop + halo)
            covered += outer[span.inner]
        assert covered == list(range(size))


def test_spans_of_a_part_look_beyond_it():
    first, last = spans(10, 3, 2, slice(4, 9))
    assert (first.piece, first.outer) == (slice(4, 7), slice(2, 9))
    assert (last.piece, last.outer, last.inner) == (slice(7, 9), slice(5, 10), slice(2, 4))


def test_a_scaled_range_covers_the_same():
    assert list(range(100))[scaled(slice(2, 5), 4)] == list(range(8, 20))
