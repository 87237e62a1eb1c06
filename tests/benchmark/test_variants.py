"""Variants as the command line names them."""

from __future__ import annotations

import pytest

from masasr_mm.benchmark.variants import Variant
from masasr_mm.errors import UserError


@pytest.mark.parametrize(
    ('text', 'variant'),
    [
        ('tile=128', Variant(tile=128)),
        ('layout=nchw', Variant(layout='nchw')),
        ('compile', Variant(compile=True)),
        ('dtype=bfloat16, tile=64', Variant(dtype='bfloat16', tile=64)),
        ('unfolded,layout=nchw,give_back', Variant(layout='nchw', give_back=True, unfolded=True)),
        ('with_cp,layout=channels_last', Variant(with_cp=True, layout='channels_last')),
        ('with_cp=encoder+adaptation', Variant(with_cp=('encoder', 'adaptation'))),
    ],
)
def test_variants_are_read_and_told(text, variant):
    assert Variant().changed(text) == variant
    assert Variant().changed(variant.label) == variant


def test_changes_add_up():
    assert Variant(dtype='float16').changed('tile=8') == Variant(dtype='float16', tile=8)
    assert Variant().label == 'default'


@pytest.mark.parametrize(
    'text',
    [
        'tile',
        'tile=0',
        'tile=-1',
        'tile=x',
        'dtype=int8',
        'compile=no',
        'with_cp=matching',
        'fast',
        '',
    ],
)
def test_mistakes(text):
    with pytest.raises(UserError, match=rf'variant {text}: {text} is none of dtype=float32\|'):
        Variant().changed(text)
