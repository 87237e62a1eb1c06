"""What became of every photo, in a file."""

from __future__ import annotations

import csv
import json

import numpy as np

from masasr_mm.alignment import Alignment, Part
from masasr_mm.errors import UserError
from masasr_mm.photos import outcomes
from masasr_mm.photos.report import write_report
from tests.made_up import JOB, itself, prediction, written


def test_a_report_has_everything(tmp_path):
    """Read by others' readers; CSV holds the same as JSON, as text."""
    part = Part((80, 120), np.eye(3))
    aligned = Alignment((part, part), 86, 0.4, 90.2, 'key points'), Alignment((part,), 3)
    given = [
        written(prediction(itself())._replace(alignments=aligned), 1.5, ['one', 'two']),
        outcomes.skipped(JOB),
        outcomes.failed(JOB, UserError('a.png: broken, alas')),
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
