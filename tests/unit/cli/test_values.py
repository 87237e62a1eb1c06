"""Final sizes of results."""

from __future__ import annotations

import argparse

import pytest

from masasr_mm.cli.values import final_size


@pytest.mark.parametrize(
    ('text', 'size', 'suffix'),
    [
        ('2', (60, 40), '_x2'),
        ('x3', (90, 60), '_x3'),
        ('2.5', (75, 50), '_x2.5'),
        ('100px', (100, 67), '_100px'),
    ],
)
def test_sizes_keep_the_ratio(text, size, suffix):
    final = final_size(text)
    assert final.of(30, 20) == size
    assert final.suffix() == suffix


@pytest.mark.parametrize('text', ['', '0', '-2', '65', 'px', '0px', '10 px', 'big', '1e3'])
def test_other_words_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match='neither'):
        final_size(text)
