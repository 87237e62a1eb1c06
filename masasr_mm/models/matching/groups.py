"""Doing in groups what would not fit into memory at once."""

from __future__ import annotations


def groups(
    count: int, elements: int, max_elements: int | None, most: int | None = None
) -> list[slice]:
    """Part things into groups that have no more than ``max_elements``, but one thing at least.

    Args:
        count (int): How many things there are.
        elements (int): Numbers that each of them takes.
        max_elements (int, optional): Numbers that may be held at once; None for all of them.
        most (int, optional): Things in a group. Default: None, any number.

    Returns:
        list[slice]: The groups, in order; a single one without ``max_elements``.
    """
    if max_elements is None:
        return [slice(0, count)]
    size = max(1, min(max_elements // elements, most or count))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
