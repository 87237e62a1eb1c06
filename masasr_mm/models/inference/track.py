"""Following the steps of a long inference, for progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Track = Callable[[list, str], Iterable]
"""Wraps the list of tiles of a step, given what the step does."""

ALIGNING = 'aligning the references'
ENCODING_PHOTO = 'encoding the photo'
MATCHING = 'matching'
ENCODING_REFERENCE = 'encoding the reference'


def statistics(scale: int) -> str:
    """Name the step that takes the statistics of a scale.

    Args:
        scale (int): 1, 2, 4.

    Returns:
        str: What the step does.
    """
    return f'statistics at {scale}×'


def fusing(scale: int) -> str:
    """Name the step that makes the decoder's feature of a scale.

    Args:
        scale (int): 1, 2, 4.

    Returns:
        str: What the step does.
    """
    return f'fusing at {scale}×'


def untracked(tiles: list, description: str) -> list:
    """Return tiles as they are, where nobody looks.

    Args:
        tiles (list): The tiles of a step.
        description (str): What the step does.

    Returns:
        list: The tiles.
    """
    return tiles
