"""Trainings that are stopped at any moment and go on to the bit: data, loop, checkpoint, stop."""
# ruff: noqa: F401

from .checkpoint import ResumableEMAHook, WholeCheckpointHook
from .data import PositionedSampler, SeededDataset
from .loop import ResumableTrainLoop
from .stop import StopOnSignalHook
