"""What the tool says about every photo."""

from __future__ import annotations

import pytest

from masasr_mm.alignment import Alignment
from masasr_mm.errors import UserError
from masasr_mm.photos import outcomes
from masasr_mm.photos.prediction import two_digits
from tests.made_up import JOB, itself, prediction, written


def test_a_result_is_told_with_its_sizes():
    outcome = written(prediction(itself()), 1.26)
    assert outcome.status == 'written'
    expected = 'out/a_x4.png: 30×20 → 120×80, similarity 0.50, agreement 1.00, 1.3 s'
    assert outcome.line == expected
    assert not outcome.warnings


def test_a_reference_of_something_else_is_warned_of():
    elsewhere = itself()[::-1, ::-1]
    [warning] = written(prediction(elsewhere)).warnings
    assert warning.startswith('a.png: the reference shows little of it')
    assert 'texture may be wrong' in warning
    left_out = written(prediction(itself())._replace(left_out=0.5))
    [warning] = left_out.warnings
    assert warning.startswith('a.png: the reference shows little of it (agreement 0.50;')
    assert 'the photo is its own reference' in warning
    assert 'agreement 0.50' in left_out.line
    coarse = prediction(elsewhere)._replace(alignments=(Alignment((), 9, 4.0, 0, 'too coarse'),))
    [warning] = written(coarse).warnings
    assert warning.endswith('since it is hardly finer than the photo; take one with more detail')
    # Not where there was no other to choose from.
    its_own = prediction(elsewhere)._replace(alignments=(Alignment((), 0),))
    outcome = written(its_own, job=JOB._replace(refs=(JOB.lq,)))
    assert not outcome.warnings
    assert 'aligned' not in outcome.line


@pytest.mark.parametrize(
    ('agreement', 'text'), [(0.7399, '0.73'), (0.74, '0.74'), (0.7499, '0.74'), (-0.2, '-0.20')]
)
def test_an_agreement_below_the_bound_looks_so(agreement, text):
    assert two_digits(agreement) == text


def test_what_was_left_out_is_warned_of():
    outcome = written(prediction(itself()), problems=['its EXIF is broken'])
    assert outcome.warnings == ('a.png: its EXIF is broken',)


def test_a_reference_that_could_not_be_aligned_is_warned_of():
    failed = Alignment((), 0, by='failed', problem='OpenCV fails')
    outcome = written(prediction(itself())._replace(alignments=(failed,)))
    assert outcome.line.endswith('; reference not aligned: OpenCV fails')
    assert outcome.warnings == ('a.png: reference not aligned: OpenCV fails',)


def test_a_failure_names_the_photo():
    assert outcomes.failed(JOB, UserError('a.png: broken')).line == 'a.png: broken'
    assert outcomes.failed(JOB, UserError('ref.png: broken')).line == 'a.png: ref.png: broken'
    line = outcomes.failed(JOB, ValueError('two\n lines')).line
    assert line == 'a.png: ValueError: two lines'


@pytest.mark.parametrize(
    ('letters', 'total', 'line', 'status'),
    [
        ('ww', 2, '2 written', 0),
        ('wsf', 4, '1 written, 1 skipped, 1 failed, 1 not done', 1),
        ('', 3, '3 not done', 0),
    ],
)
def test_summary_and_exit_status(letters, total, line, status):
    kinds = dict(
        w=written(prediction(itself())),
        s=outcomes.skipped(JOB),
        f=outcomes.failed(JOB, UserError('broken')),
    )
    given = [kinds[letter] for letter in letters]
    assert outcomes.summary(given, total) == line
    assert outcomes.exit_status(given) == status
