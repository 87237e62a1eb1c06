"""The extra ``matchers`` with the network: a scene of two planes, seen from another place."""

from __future__ import annotations

import math

import numpy as np
import pytest

from masasr_mm.apis import MASAInferencer
from tests.two_planes import Scene, two_planes

pytestmark = pytest.mark.usefixtures('matchers')


def psnr(image: np.ndarray, scene: Scene, where: np.ndarray) -> float:
    error = (image.astype(float) - scene.gt)[where]
    return 10 * math.log10(255**2 / (error**2).mean())


def test_both_planes_gain_and_nothing_is_lost():
    scene = two_planes()
    inner = np.zeros(scene.is_board.shape, bool)
    inner[8:-8, 8:-8] = True
    infer, results = MASAInferencer(device='cpu', align='off'), {}
    for infer.align in ('off', 'learned', 'auto'):
        results[infer.align] = infer(scene.lq, scene.ref)
    for where in (inner, inner & scene.is_board, inner & ~scene.is_board):
        off, learned, auto = (psnr(image, scene, where) for image in results.values())
        assert learned > off - 0.05
        assert auto > off - 0.05
    assert psnr(results['learned'], scene, inner) > psnr(results['off'], scene, inner) + 1
