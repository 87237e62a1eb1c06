"""Whatever this package can read, for mmengine: ``load_from='masasr_mm://photos'``."""

from __future__ import annotations

import os

from mmengine.runner import CheckpointLoader

from ..weights import SCHEME


def through_this_package(checkpoint: str | os.PathLike) -> str:
    """Return the name by which mmengine reads a checkpoint through this package."""
    return SCHEME + str(checkpoint).removeprefix(SCHEME)


@CheckpointLoader.register_scheme(prefixes=SCHEME)
def load_from_masasr_mm(filename: str, map_location: str | None = None) -> dict:
    """Read what follows ``masasr_mm://``: a shipped name, file, folder or URL; to the CPU."""
    from ..checkpoints.loading import read_checkpoint

    return read_checkpoint(filename)
