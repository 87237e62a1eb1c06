"""What a network might have made of a photo."""

from __future__ import annotations

import numpy as np

from masasr_mm.datasets.transforms.packing import arrange
from masasr_mm.models.matching import MatchMaps
from masasr_mm.photos.prediction import Prediction


def prediction(position: np.ndarray) -> Prediction:
    """A photo of noise with matches in itself."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    layout = arrange([noise.shape[:2]])
    similarity = np.full((20, 30), 0.5, np.float32)
    maps = MatchMaps(position, similarity, np.zeros((1, 1, 2)), (8, 8), (20, 30), 4)
    return Prediction(np.zeros((80, 120, 3), np.uint8), noise, noise, noise, layout, maps)


def itself() -> np.ndarray:
    """Matches of every pixel with itself."""
    return np.stack(np.mgrid[:20, :30], axis=-1)
