"""What became of every photo, in lines for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import UserError, one_line
from .photo_jobs import Job
from .prediction import LOW_AGREEMENT, Prediction

WRITTEN, SKIPPED, FAILED = 'written', 'skipped', 'failed'


class Outcome(NamedTuple):
    """What became of one photo.

    Attributes:
        status (str): ``written``, ``skipped`` or ``failed``.
        line (str): What is said about it.
        warning (str): What is wrong with a result that was written; empty if nothing is.
    """

    status: str
    line: str
    warning: str = ''


def written(job: Job, prediction: Prediction, seconds: float) -> Outcome:
    """Tell of a photo that went well.

    Args:
        job (Job): The photo.
        prediction (Prediction): Its result.
        seconds (float): How long it took.

    Returns:
        Outcome: With a warning if the references show little of the photo.
    """
    (h, w), (height, width) = prediction.lq.shape[:2], prediction.image.shape[:2]
    agreement = prediction.agreement
    line = (
        f'{job.out}: {w}×{h} → {width}×{height}, similarity {prediction.similarity:.2f}, '
        f'agreement {agreement:.2f}, {seconds:.1f} s'
    )
    warning = ''
    if agreement < LOW_AGREEMENT and job.refs != (job.lq,):
        warning = (
            f'{job.lq}: the reference shows little of it (agreement {agreement:.2f}, below '
            f'{LOW_AGREEMENT}), so its texture may be wrong; look at it with --compare, or take '
            'another reference'
        )
    return Outcome(WRITTEN, line, warning)


def skipped(job: Job) -> Outcome:
    """Tell of a photo whose result was there already.

    Args:
        job (Job): The photo.

    Returns:
        Outcome: Nothing was done.
    """
    return Outcome(SKIPPED, f'{job.out}: exists, skipped')


def failed(job: Job, error: Exception) -> Outcome:
    """Tell of a photo that could not be done.

    Args:
        job (Job): The photo.
        error (Exception): Why.

    Returns:
        Outcome: The photo, and the reason in one line.
    """
    if isinstance(error, UserError):
        reason = one_line(error)
    else:
        reason = f'{type(error).__name__}: {" ".join(str(error).split())}'
    named = str(job.lq) in reason
    return Outcome(FAILED, reason if named else f'{job.lq}: {reason}')


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """Return the exit status of the tool.

    Args:
        outcomes (Sequence[Outcome]): All photos.

    Returns:
        int: 1 if one failed, else 0.
    """
    return int(any(outcome.status == FAILED for outcome in outcomes))


def summary(outcomes: Sequence[Outcome], total: int) -> str:
    """Return one line that says how many photos were done.

    Args:
        outcomes (Sequence[Outcome]): Those that were come to.
        total (int): How many there were to do.

    Returns:
        str: Such as ``3 written, 1 failed, 2 not done``.
    """
    counts = Counter(outcome.status for outcome in outcomes)
    counts['not done'] = total - len(outcomes)
    order = (WRITTEN, SKIPPED, FAILED, 'not done')
    return ', '.join(f'{counts[status]} {status}' for status in order if counts[status])
