"""What the tool says about every photo."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from masasr_mm.alignment import Alignment, Part
from masasr_mm.apis import photo_report
from masasr_mm.apis.photo_jobs import Job
from masasr_mm.apis.photo_report import Outcome, check_report, write_report
from masasr_mm.apis.photos import Photo
from masasr_mm.apis.prediction import Prediction, two_digits
from masasr_mm.errors import UserError
from masasr_mm.models.matching import MatchMaps

JOB = Job(Path('a.png'), (Path('ref.png'),), Path('out/a_x4.png'))


def prediction(position: np.ndarray) -> Prediction:
    """A photo of noise with matches in itself."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    similarity = np.full((20, 30), 0.5, np.float32)
    maps = MatchMaps(position, similarity, np.zeros((1, 1, 2)), (8, 8), (20, 30), 4)
    return Prediction(np.zeros((80, 120, 3), np.uint8), noise, noise, noise, 1, maps)


def written(prediction: Prediction, seconds: float = 1, problems=()) -> Outcome:
    """What is said of a result that is written as the network made it."""
    photo, result = (Photo(rgb, None, None, False) for rgb in (prediction.lq, prediction.image))
    return photo_report.written(JOB, photo, prediction, result, seconds, problems)


def itself() -> np.ndarray:
    return np.stack(np.mgrid[:20, :30], axis=-1)


def test_a_result_is_told_with_its_sizes():
    outcome = written(prediction(itself()), 1.26)
    assert outcome.status == 'written'
    expected = 'out/a_x4.png: 30×20 → 120×80, similarity 0.50, agreement 1.00, 1.3 s'
    assert outcome.line == expected
    assert not outcome.warnings


def test_a_reference_of_something_else_is_warned_of(monkeypatch):
    elsewhere = itself()[::-1, ::-1]
    [warning] = written(prediction(elsewhere)).warnings
    assert warning.startswith('a.png: the reference shows little of it')
    # Not where there was no other to choose from.
    monkeypatch.setattr('tests.apis.test_photo_report.JOB', JOB._replace(refs=(JOB.lq,)))
    its_own = prediction(elsewhere)._replace(alignments=(Alignment((), 0),))
    outcome = written(its_own)
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
        w=written(prediction(itself())),
        s=photo_report.skipped(JOB),
        f=photo_report.failed(JOB, UserError('broken')),
    )
    outcomes = [kinds[letter] for letter in outcomes]
    assert photo_report.summary(outcomes, total) == line
    assert photo_report.exit_status(outcomes) == status


def test_a_report_has_everything(tmp_path):
    """Read by others' readers; CSV holds the same as JSON, as text."""
    part = Part((80, 120), np.eye(3))
    aligned = Alignment((part, part), 86, 0.4, 90.2, 'key points'), Alignment((part,), 3)
    outcomes = [
        written(prediction(itself())._replace(alignments=aligned), 1.5, ['one', 'two']),
        photo_report.skipped(JOB),
        photo_report.failed(JOB, UserError('a.png: broken, alas')),
    ]
    for name in ('out.json', 'out.csv'):
        write_report(outcomes, tmp_path / name)
    done, left, broken = json.loads((tmp_path / 'out.json').read_text())
    assert done == dict(
        photo='a.png', references=['ref.png'], result='out/a_x4.png', status='written', width=30,
        height=20, result_width=120, result_height=80, similarity=0.5, agreement=1.0, seconds=1.5,
        alignment=['aligned: reference ×0.40, turned 90°, 86 matches', 'not aligned: 3 matches'],
        warnings=['a.png: one', 'a.png: two'], error=None,
    )  # fmt: skip
    assert (left['status'], left['width'], left['result']) == ('skipped', None, 'out/a_x4.png')
    assert (broken['status'], broken['error']) == ('failed', 'a.png: broken, alas')
    with (tmp_path / 'out.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['status'] for row in rows] == ['written', 'skipped', 'failed']
    assert rows[0]['warnings'] == 'a.png: one; a.png: two'
    assert rows[0]['alignment'] == '; '.join(done['alignment'])
    assert [row['alignment'] for row in rows[1:]] == ['', '']
    assert rows[0]['agreement'] == '1.0'
    assert rows[2]['error'] == 'a.png: broken, alas'


def test_a_report_of_another_kind_is_refused():
    check_report('a.CSV')
    with pytest.raises(UserError, match=r'--report a\.txt'):
        check_report('a.txt')
