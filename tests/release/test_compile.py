"""The network as torch's compiler makes it, by its default backend."""

from __future__ import annotations

import torch

from masasr_mm.models.inference.super_resolve import InferenceOptions, super_resolve
from tests.small_networks import images, network


def test_a_compiled_network_gives_the_same():
    net, given = network(), images(14, 20, 16, 24)
    expected, [maps] = super_resolve(net, *given, InferenceOptions(dtype='float32'))
    options = InferenceOptions(dtype='float32', compile=True)
    for _ in range(2):
        with torch.no_grad():
            have, [found] = super_resolve(net, *given, options)
        tolerance = 1e-4 if dtype == 'float32' else 0.02 * expected.std().item()
        assert (have - expected).abs().mean() < tolerance
        assert (found.position == maps.position).mean() > (0.9 if dtype == 'bfloat16' else 0.99)
    torch._dynamo.reset()
