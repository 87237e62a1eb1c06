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
        assert (have - expected).abs().mean() < 1e-4
        assert (found.position == maps.position).mean() > 0.99
    torch._dynamo.reset()
