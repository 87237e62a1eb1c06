"""What became of every photo, in lines for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import UserError, one_line
from ..images.io import Photo
from ..models.agreement import LOW_AGREEMENT
from .jobs import Job
from .prediction import Prediction, two_digits

WRITTEN, SKIPPED, FAILED = 'written', 'skipped', 'failed'


class Figures(NamedTuple):
    """What is known of a photo that went well.

    Attributes:
        width (int): Of the photo, in pixels.
        height (int): Of the photo.
        result_width (int): Of the result.
        result_height (int): Of the result.
        similarity (float | None): Mean of R (Eq. 4), in [-1, 1]; None of a network that does not
            tell where its texture comes from.
        agreement (float | None): How much of the photo the references show, in [-1, 1]; or None.
        seconds (float): How long it took.
        alignment (tuple[str, ...]): What was done with each reference, in words; empty where none
            was to be aligned.
    """

    width: int
    height: int
    result_width: int
    result_height: int
    similarity: float | None
    agreement: float | None
    seconds: float
    alignment: tuple[str, ...]


class Outcome(NamedTuple):
    """What became of one photo.

    Attributes:
        job (Job): The photo.
        status (str): ``written``, ``skipped`` or ``failed``.
        line (str): What is said about it.
        warnings (tuple[str, ...]): What is wrong with a result that was written.
        figures (Figures | None): None if it was not written.
    """

    job: Job
    status: str
    line: str
    warnings: tuple[str, ...] = ()
    figures: Figures | None = None


def written(
    job: Job,
    photo: Photo,
    prediction: Prediction,
    result: Photo,
    seconds: float,
    problems: Sequence[str] = (),
) -> Outcome:
    """Tell of a photo that went well.

    Args:
        job (Job): The photo.
        photo (Photo): As it was read.
        prediction (Prediction): What the network made of it.
        result (Photo): As it is written.
        seconds (float): How long it took.
        problems (Sequence[str]): What was left out on the way.

    Returns:
        Outcome: With a warning for each problem, and if the references show little of the photo.
    """
    (h, w), (height, width) = photo.rgb.shape[:2], result.rgb.shape[:2]
    elsewhere = job.refs != (job.lq,)
    alignment = tuple(done.in_words() for done in prediction.alignments) if elsewhere else ()
    similarity, agreement = prediction.similarity, prediction.agreement
    figures = Figures(w, h, width, height, similarity, agreement, seconds, alignment)
    parts = [f'{job.out}: {w}×{h} → {width}×{height}', f'{seconds:.1f} s']
    if agreement is not None:
        parts[1:1] = f'similarity {similarity:.2f}', f'agreement {two_digits(agreement)}'
    line = '; '.join([', '.join(parts), *alignment])
    unaligned = [done.in_words() for done in prediction.alignments if done.by == 'failed']
    warnings = [f'{job.lq}: {problem}' for problem in (*problems, *unaligned)]
    if elsewhere and agreement is not None and agreement < LOW_AGREEMENT:
        warnings.append(
            f'{job.lq}: the reference shows little of it (agreement '
            f'{two_digits(agreement)}; {LOW_AGREEMENT} and more is good), '
            f'{_what_came_of_it(prediction)}'
        )
    return Outcome(job, WRITTEN, line, tuple(warnings), figures)


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
    """Tell of a photo for which there was nothing to do.

    Args:
        job (Job): The photo.

    Returns:
        Outcome: Nothing was done.
    """
    return Outcome(job, SKIPPED, f'{job.out}: nothing to do, skipped')


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
    return Outcome(job, FAILED, reason if named else f'{job.lq}: {reason}')


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
