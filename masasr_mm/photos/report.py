"""What became of every photo: lines for the terminal, and a file of all of them."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError, escaped, one_line
from ..files import write_text
from ..images.io import Photo
from ..models.agreement import LOW_AGREEMENT
from .jobs import Job
from .prediction import Prediction, two_digits

WRITTEN, SKIPPED, FAILED = 'written', 'skipped', 'failed'
FIGURES = ('width', 'height', 'result_width', 'result_height', 'similarity', 'agreement', 'seconds')
"""What the report has of a photo that went well; the middle ones where the network tells."""


class Outcome(NamedTuple):
    """What became of one photo, what is said about it, and what is wrong with its result."""

    job: Job
    status: str
    line: str
    warnings: tuple[str, ...] = ()
    figures: tuple[float | None, ...] = (None,) * len(FIGURES)
    alignment: tuple[str, ...] = ()


def written(
    job: Job,
    photo: Photo,
    prediction: Prediction,
    result: Photo,
    seconds: float,
    problems: Sequence[str] = (),
    found: str | None = None,
) -> Outcome:
    """Say what became of a photo that went well, and warn of problems and unlike references."""
    elsewhere = job.refs != (job.lq,)
    alignment = tuple(done.in_words() for done in prediction.alignments) if elsewhere else ()
    similarity, agreement = prediction.similarity, prediction.agreement
    (w, h), (width, height) = photo.size, result.size
    parts = [f'{job.out}: {w}×{h} → {width}×{height}', f'{seconds:.1f} s']
    if agreement is not None:
        parts[1:1] = f'similarity {similarity:.2f}', f'agreement {two_digits(agreement)}'
    line = '; '.join([', '.join(parts), *([found] if found else ()), *alignment])
    unaligned = [done.in_words() for done in prediction.alignments if done.by == 'failed']
    warnings = [f'{job.lq}: {problem}' for problem in (*problems, *unaligned)]
    if elsewhere and agreement is not None and agreement < LOW_AGREEMENT:
        warnings.append(
            f'{job.lq}: the reference shows little of it (agreement '
            f'{two_digits(agreement)}; {LOW_AGREEMENT} and more is good), '
            f'{_what_came_of_it(prediction)}'
        )
    figures = (w, h, width, height, similarity, agreement, seconds)
    return Outcome(job, WRITTEN, line, tuple(warnings), figures, alignment)


def _what_came_of_it(prediction: Prediction) -> str:
    """Say what was done about references that show little of the photo."""
    if prediction.left_out is None:
        if prediction.alignments and all(d.by == 'too coarse' for d in prediction.alignments):
            return 'since it is hardly finer than the photo; take one with more detail'
        return 'so its texture may be wrong; look at it with --compare, or take another reference'
    return (
        'so the photo is its own reference; take another reference, or this one all the same with '
        '--align off'
    )


def skipped(job: Job) -> Outcome:
    """Say that there was nothing to do for a photo."""
    return Outcome(job, SKIPPED, f'{job.out}: nothing to do, skipped')


def failed(job: Job, error: Exception) -> Outcome:
    """Say in one line why a photo could not be done."""
    if isinstance(error, UserError):
        reason = one_line(error)
    else:
        reason = f'{type(error).__name__}: {" ".join(str(error).split())}'
    named = escaped(str(job.lq)) in reason
    return Outcome(job, FAILED, reason if named else f'{job.lq}: {reason}')


def summary(outcomes: Sequence[Outcome], total: int) -> str:
    """Return one line that says how many photos were done, such as ``3 written, 1 not done``."""
    counts = Counter(outcome.status for outcome in outcomes)
    counts['not done'] = total - len(outcomes)
    order = (WRITTEN, SKIPPED, FAILED, 'not done')
    return ', '.join(f'{counts[status]} {status}' for status in order if counts[status])


def write_report(outcomes: Sequence[Outcome], path: str | os.PathLike) -> None:
    """Write what became of every photo to a JSON or CSV file, an object or a row for each."""
    rows = [_row(outcome) for outcome in outcomes]
    if Path(path).suffix.lower() == '.json':
        text = json.dumps(rows, indent=2, ensure_ascii=False) + '\n'
    else:
        buffer = io.StringIO()
        columns = ('photo', 'references', 'result', 'status', *FIGURES)
        columns += ('alignment', 'warnings', 'error')
        table = csv.DictWriter(buffer, columns, lineterminator='\n')
        table.writeheader()
        for row in rows:
            lists = {key: '; '.join(row[key]) for key in ('references', 'alignment', 'warnings')}
            table.writerow({**row, **lists})
        text = buffer.getvalue()
    write_text(path, text)


def _row(outcome: Outcome) -> dict:
    job, broken = outcome.job, outcome.status == FAILED
    figures = (f if f is None else round(f, 4) for f in outcome.figures)
    return dict(
        photo=str(job.lq),
        references=[str(path) for path in job.refs],
        result=None if broken else str(job.out),
        status=outcome.status,
        **dict(zip(FIGURES, figures)),
        alignment=list(outcome.alignment),
        warnings=list(outcome.warnings),
        error=outcome.line if broken else None,
    )
