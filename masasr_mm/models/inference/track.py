"""Following the steps of a long inference, for progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Track = Callable[[list, str], Iterable]
"""Wraps the list of tiles of a step, given what the step does."""


def untracked(tiles: list, description: str) -> list:
    """Return tiles as they are, where nobody looks.

    Args:
        tiles (list): The tiles of a step.
        description (str): What the step does.

    Returns:
        list: The tiles.
    """
    return tiles
