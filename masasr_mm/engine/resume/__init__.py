"""Trainings that are stopped at any moment and go on to the bit: data, loop, checkpoint, stop."""

from .checkpoint import ResumableEMAHook, WholeCheckpointHook
from .data import PositionedSampler, SeededDataset
from .loop import ResumableTrainLoop
from .stop import StopOnSignalHook

__all__ = [
    'PositionedSampler',
    'ResumableEMAHook',
    'ResumableTrainLoop',
    'SeededDataset',
    'StopOnSignalHook',
    'WholeCheckpointHook',
]
