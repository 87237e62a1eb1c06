"""Writing checkpoints."""

from __future__ import annotations

import os

import torch

from ..files import written_whole


def save_checkpoint(content: dict, path: str | os.PathLike) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        content (dict): What to save.
        path (str | os.PathLike): The file; its folder is made if needed.

    Raises:
        UserError: If it cannot be written.
    """
    # Given a name, torch has another error for a full disk, and refuses names without an ending.
    with written_whole(path) as temporary, temporary.open('wb') as file:
        torch.save(content, file)
