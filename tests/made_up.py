"""A photo that was never taken, and what became of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from masasr_mm.datasets.transforms.packing import arrange
from masasr_mm.images.io import Photo
from masasr_mm.models.matching import MatchMaps
from masasr_mm.photos import outcomes
from masasr_mm.photos.jobs import Job
from masasr_mm.photos.outcomes import Outcome
from masasr_mm.photos.prediction import Prediction

JOB = Job(Path('a.png'), (Path('ref.png'),), Path('out/a_x4.png'))


def prediction(position: np.ndarray) -> Prediction:
    """A photo of noise with matches in itself."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    layout = arrange([noise.shape[:2]])
    similarity = np.full((20, 30), 0.5, np.float32)
    maps = MatchMaps(position, similarity, np.zeros((1, 1, 2)), (8, 8), (20, 30), 4)
    return Prediction(np.zeros((80, 120, 3), np.uint8), noise, noise, noise, layout, maps)


def written(prediction: Prediction, seconds: float = 1, problems=(), job: Job = JOB) -> Outcome:
    """What is said of a result that is written as the network made it."""
    photo, result = (Photo(rgb, None, None, False) for rgb in (prediction.lq, prediction.image))
    return outcomes.written(job, photo, prediction, result, seconds, problems)


def itself() -> np.ndarray:
    return np.stack(np.mgrid[:20, :30], axis=-1)
