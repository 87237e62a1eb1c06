"""The checkpoint that a run goes on from."""

from __future__ import annotations

import logging
import os
import re
import time
import zipfile
from pathlib import Path

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log

from ..errors import UserError
from .reading import load_tensors

NEEDED = ('meta', 'state_dict', 'message_hub', 'optimizer')
"""What a checkpoint must hold so that a training can go on from it."""
TIME_FORMAT = '%Y%m%d_%H%M%S'
"""How mmengine writes the time into a checkpoint."""


def newest_for_all(work_dir: str | os.PathLike) -> Path | None:
    """Return in all processes the checkpoint that the first of them finds.

    A shared disk may show one machine an older state of a folder than another.

    Args:
        work_dir (str | os.PathLike): As for :func:`newest_whole_checkpoint`.

    Returns:
        Path | None: The same.

    Raises:
        UserError: The same, in every process.
    """
    found: list = [None]
    if is_main_process():
        try:
            found[0] = newest_whole_checkpoint(work_dir)
        except UserError as error:
            found[0] = error
    broadcast_object_list(found)
    if isinstance(found[0], UserError):
        raise found[0]
    return found[0]


def newest_whole_checkpoint(work_dir: str | os.PathLike) -> Path | None:
    """Return the newest checkpoint in a work directory that is whole, saying which ones are not.

    The newest is the one with the latest time written in it, whatever its iteration: a work
    directory may hold checkpoints of an older, longer run. Every byte of it is checked.

    Args:
        work_dir (str | os.PathLike): The work directory; it need not exist.

    Returns:
        Path | None: The checkpoint; None where there is no checkpoint at all.

    Raises:
        UserError: If there are checkpoints and all of them are damaged.
    """
    candidates = sorted(_candidates(Path(work_dir)), key=_written, reverse=True)
    for path in candidates:
        problem = _problem(path)
        if problem is None:
            return path
        print_log(f'passed over: {problem}', 'current', logging.WARNING)
    if candidates:
        raise UserError(
            f'{work_dir}: none of its {len(candidates)} checkpoints is whole; to start anew, '
            'remove them or choose another --work-dir'
        )
    return None


def _candidates(work_dir: Path) -> set[Path]:
    """Return all training checkpoints, that which ``last_checkpoint`` names elsewhere too."""
    found = {
        path for path in work_dir.glob('*.pth') if re.fullmatch(r'(iter|epoch)_\d+\.pth', path.name)
    }
    pointer = work_dir / 'last_checkpoint'
    if pointer.is_file() and (name := pointer.read_text(encoding='utf-8').strip()):
        named = Path(name)
        if named.is_file() and not any(named.samefile(path) for path in found):
            found.add(named)
    return found


def _written(path: Path) -> tuple[str, int]:
    """Return when a checkpoint was written and at which step, from the file's name if need be."""
    try:
        meta = load_tensors(path)['meta']
        return str(meta['time']), int(meta['iter'])
    except (UserError, KeyError, TypeError, ValueError):
        step = re.search(r'\d+', path.stem)
        changed = time.localtime(path.stat().st_mtime)
        return time.strftime(TIME_FORMAT, changed), int(step[0]) if step else 0


def _problem(path: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None."""
    try:
        missing = [key for key in NEEDED if key not in load_tensors(path)]
        if missing:
            return f'{path} has no {missing[0]}: it is not a checkpoint to go on from'
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # reads all and compares the sums
    except UserError as error:
        return str(error)
    except (zipfile.BadZipFile, OSError) as error:
        return f'{path} is damaged: {error}'
    return f'{path} is damaged: {damaged} in it is not what was written' if damaged else None
