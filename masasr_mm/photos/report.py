"""What became of every photo, in a file."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

from ..files import written_whole
from .outcomes import FAILED, Figures, Outcome


def write_report(outcomes: Sequence[Outcome], path: str | os.PathLike) -> None:
    """Write what became of every photo to a file, a row or an object for each.

    Args:
        outcomes (Sequence[Outcome]): Those that were come to.
        path (str | os.PathLike): The file, ``*.csv`` or ``*.json``.

    Raises:
        UserError: If it cannot be written.
    """
    rows = [_row(outcome) for outcome in outcomes]
    if Path(path).suffix.lower() == '.json':
        text = json.dumps(rows, indent=2, ensure_ascii=False) + '\n'
    else:
        buffer = io.StringIO()
        columns = ('photo', 'references', 'result', 'status', *Figures._fields, 'warnings', 'error')
        table = csv.DictWriter(buffer, columns, lineterminator='\n')
        table.writeheader()
        for row in rows:
            lists = {key: '; '.join(row[key]) for key in ('references', 'alignment', 'warnings')}
            table.writerow({**row, **lists})
        text = buffer.getvalue()
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding='utf-8')


def _row(outcome: Outcome) -> dict:
    job = outcome.job
    figures = outcome.figures._asdict() if outcome.figures else dict.fromkeys(Figures._fields)
    for name in ('similarity', 'agreement', 'seconds'):
        if figures[name] is not None:
            figures[name] = round(figures[name], 4)
    figures['alignment'] = list(figures['alignment'] or ())
    return dict(
        photo=str(job.lq),
        references=[str(path) for path in job.refs],
        result=str(job.out) if outcome.status != FAILED else None,
        status=outcome.status,
        **figures,
        warnings=list(outcome.warnings),
        error=outcome.line if outcome.status == FAILED else None,
    )
