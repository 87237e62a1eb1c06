"""Whatever this package can read, for mmengine: ``load_from='masasr_mm://photos'``."""

from __future__ import annotations

import os

from mmengine.runner import CheckpointLoader

from ..weights import SCHEME


def through_this_package(checkpoint: str | os.PathLike) -> str:
    """Return how mmengine is told of a checkpoint that this package is to read.

    Args:
        checkpoint (str | os.PathLike): As :func:`~masasr_mm.checkpoints.hub.local_file`
            takes it.

    Returns:
        str: It with the scheme before it, once.
    """
    return SCHEME + str(checkpoint).removeprefix(SCHEME)


@CheckpointLoader.register_scheme(prefixes=SCHEME)
def load_from_masasr_mm(filename: str, map_location: str | None = None) -> dict:
    """Read a checkpoint by name, from a folder, or from a file of any format of ours.

    Args:
        filename (str): ``masasr_mm://`` and then a name of shipped weights, a file, a folder in
            Hugging Face's layout, or a URL.
        map_location (str, optional): mmengine's; the weights stay on the CPU, from where they are
            copied into a model.

    Returns:
        dict: ``state_dict`` and ``meta``.

    Raises:
        UserError: If it cannot be read.
    """
    from ..checkpoints.loading import read_checkpoint

    return read_checkpoint(filename)
