"""What is said of every photo, and written to a file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from masasr_mm.alignment import Alignment, Part
from masasr_mm.datasets.transforms.packing import arrange
from masasr_mm.errors import UserError
from masasr_mm.images.io import Photo
from masasr_mm.models.matching import MatchMaps
from masasr_mm.photos import report
from masasr_mm.photos.jobs import Job
from masasr_mm.photos.prediction import Prediction, two_digits
from masasr_mm.photos.report import Outcome, write_report

JOB = Job(Path('a.png'), (Path('ref.png'),), Path('out/a_x4.png'))


ITSELF = np.stack(np.mgrid[:20, :30], axis=-1)


def prediction(position: np.ndarray = ITSELF) -> Prediction:
    """A photo of noise with matches in itself."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    similarity = np.full((20, 30), 0.5, np.float32)
    maps = MatchMaps(position, similarity, np.zeros((1, 1, 2)), (8, 8), (20, 30), 4)
    large = np.zeros((80, 120, 3), np.uint8)
    return Prediction(large, noise, noise, noise, arrange([noise.shape[:2]]), maps)


def written(prediction: Prediction, seconds: float = 1, problems=(), job: Job = JOB) -> Outcome:
    """What is said of a result that is written as the network made it."""
    photo, result = (Photo(rgb) for rgb in (prediction.lq, prediction.image))
    return report.written(job, photo, prediction, result, seconds, problems)


def test_a_result_is_told_with_its_sizes():
    outcome = written(prediction(), 1.26)
    assert outcome.status == 'written'
    expected = 'out/a_x4.png: 30×20 → 120×80, similarity 0.50, agreement 1.00, 1.3 s'
    assert outcome.line == expected
    assert not outcome.warnings


def test_a_reference_of_something_else_is_warned_of():
    elsewhere = ITSELF[::-1, ::-1]
    [warning] = written(prediction(elsewhere)).warnings
    assert warning.startswith('a.png: the reference shows little of it')
    assert 'texture may be wrong' in warning
    left_out = written(prediction()._replace(left_out=0.5))
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


def test_an_agreement_below_the_bound_looks_so():
    given = (0.7399, 0.74, 0.7499, -0.2)
    assert [two_digits(agreement) for agreement in given] == ['0.73', '0.74', '0.74', '-0.20']


def test_a_reference_that_could_not_be_aligned_is_warned_of():
    failed = Alignment((), 0, by='failed', problem='OpenCV fails')
    outcome = written(prediction()._replace(alignments=(failed,)))
    assert outcome.line.endswith('; reference not aligned: OpenCV fails')
    assert outcome.warnings == ('a.png: reference not aligned: OpenCV fails',)


def test_a_failure_names_the_photo():
    for error, line in (
        (UserError('a.png: broken'), 'a.png: broken'),
        (UserError('ref.png: broken'), 'a.png: ref.png: broken'),
        (ValueError('two\n lines'), 'a.png: ValueError: two lines'),
    ):
        assert report.failed(JOB, error).line == line


def test_a_summary_counts_what_was_done_and_what_was_not():
    failed = report.failed(JOB, UserError('broken'))
    given = [written(prediction()), report.skipped(JOB), failed]
    assert report.summary(given, 4) == '1 written, 1 skipped, 1 failed, 1 not done'
    assert report.summary(given[:1] * 2, 2) == '2 written'
    assert report.summary([], 3) == '3 not done'


def test_a_report_has_everything(tmp_path):
    """Read by others' readers; CSV holds the same as JSON, as text."""
    part = Part((80, 120), np.eye(3))
    aligned = Alignment((part, part), 86, 0.4, 90.2, 'key points'), Alignment((part,), 3)
    given = [
        written(prediction()._replace(alignments=aligned), 1.5, ['one', 'two']),
        report.skipped(JOB),
        report.failed(JOB, UserError('a.png: broken, alas')),
    ]
    for name in ('out.json', 'out.csv'):
        write_report(given, tmp_path / name)
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


def test_names_that_are_not_text_are_reported(tmp_path):
    for name in ('out.json', 'out.csv'):
        write_report([report.skipped(JOB._replace(lq=Path('caf\udce9.jpg')))], tmp_path / name)
    [row] = json.loads((tmp_path / 'out.json').read_text())
    assert row['photo'] == 'caf\udce9.jpg'
    assert 'caf\\udce9.jpg,' in (tmp_path / 'out.csv').read_text()
