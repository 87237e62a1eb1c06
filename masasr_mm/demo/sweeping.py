"""Deleting what people uploaded."""

from __future__ import annotations

import threading
import time
from pathlib import Path


def sweep(folder: Path, seconds: float, keep: frozenset[Path] = frozenset()) -> None:
    """Delete the files of a folder that are older than some time.

    Args:
        folder (Path): The folder, with all that is below.
        seconds (float): The age from which on a file is deleted.
        keep (frozenset[Path]): Files that stay. Default: none.
    """
    oldest = time.time() - seconds
    for path in folder.rglob('*'):
        try:
            if path.is_file() and path not in keep and path.stat().st_mtime < oldest:
                path.unlink()
        except FileNotFoundError:  # deleted by someone else meanwhile
            continue


def sweep_always(folder: Path, seconds: float) -> threading.Thread:
    """Delete old files of a folder from now on; those that are there now stay.

    Args:
        folder (Path): The folder.
        seconds (float): How long a file lives; it may live a tenth longer.

    Returns:
        threading.Thread: Ends with the process.
    """
    keep = frozenset(folder.rglob('*'))

    def work() -> None:
        while True:
            time.sleep(seconds / 10)
            sweep(folder, seconds, keep)

    thread = threading.Thread(target=work, name=f'sweeping {folder}', daemon=True)
    thread.start()
    return thread
