"""What the tool says about every photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from masasr_mm.apis import photo_report
from masasr_mm.apis.photo_jobs import Job
from masasr_mm.apis.prediction import Prediction
from masasr_mm.errors import UserError
from masasr_mm.models.match_maps import MatchMaps

JOB = Job(Path('a.png'), (Path('ref.png'),), Path('out/a_x4.png'))


def prediction(position: np.ndarray) -> Prediction:
    """A photo of noise with matches in itself."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    similarity = np.full((20, 30), 0.5, np.float32)
    maps = MatchMaps(position, similarity, np.zeros((1, 1, 2)), (8, 8), (20, 30), 4)
    return Prediction(np.zeros((80, 120, 3), np.uint8), noise, noise, noise, 1, maps)


def itself() -> np.ndarray:
    return np.stack(np.mgrid[:20, :30], axis=-1)


def test_a_result_is_told_with_its_sizes():
    outcome = photo_report.written(JOB, prediction(itself()), 1.26)
    assert outcome.status == 'written'
    expected = 'out/a_x4.png: 30×20 → 120×80, similarity 0.50, agreement 1.00, 1.3 s'
    assert outcome.line == expected
    assert not outcome.warning


def test_a_reference_of_something_else_is_warned_of():
    elsewhere = itself()[::-1, ::-1]
    outcome = photo_report.written(JOB, prediction(elsewhere), 1)
    assert outcome.warning.startswith('a.png: the reference shows little of it')
    # Not where there was no other to choose from.
    alone = JOB._replace(refs=(JOB.lq,))
    assert not photo_report.written(alone, prediction(elsewhere), 1).warning


def test_a_failure_names_the_photo():
    assert photo_report.failed(JOB, UserError('a.png: broken')).line == 'a.png: broken'
    assert photo_report.failed(JOB, UserError('ref.png: broken')).line == 'a.png: ref.png: broken'
    line = photo_report.failed(JOB, ValueError('two\n lines')).line
    assert line == 'a.png: ValueError: two lines'


@pytest.mark.parametrize(
    ('outcomes', 'total', 'line', 'status'),
    [
        ('ww', 2, '2 written', 0),
        ('wsf', 4, '1 written, 1 skipped, 1 failed, 1 not done', 1),
        ('', 3, '3 not done', 0),
    ],
)
def test_summary_and_exit_status(outcomes, total, line, status):
    kinds = dict(
        w=photo_report.written(JOB, prediction(itself()), 1),
        s=photo_report.skipped(JOB),
        f=photo_report.failed(JOB, UserError('broken')),
    )
    outcomes = [kinds[letter] for letter in outcomes]
    assert photo_report.summary(outcomes, total) == line
    assert photo_report.exit_status(outcomes) == status
