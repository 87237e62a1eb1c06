"""The network as torch's compiler makes it for the CPU, by its default backend."""

from __future__ import annotations

import shutil

import pytest
import torch
from packaging import version
from torch.nn import functional as F

from masasr_mm.compat import with_repeated_border
from masasr_mm.models.inference.super_resolve import InferenceOptions, super_resolve
from tests.small_networks import images, network

pytestmark = pytest.mark.skipif(shutil.which('g++') is None, reason='it needs a C++ compiler')


@pytest.fixture(autouse=True)
def fresh_compiler():
    yield
    torch._dynamo.reset()


def test_a_compiled_network_gives_the_same():
    net, given = network(), images(14, 20, 16, 24)
    expected, [maps] = super_resolve(net, *given, InferenceOptions(dtype='float32'))
    options = InferenceOptions(dtype='float32', compile=True)
    for _ in range(2):
        with torch.no_grad():
            have, [found] = super_resolve(net, *given, options)
        assert (have - expected).abs().mean() < 1e-4
        assert (found.position == maps.position).mean() > 0.99


@pytest.mark.skipif(
    version.parse(torch.__version__) < version.parse('2.10'), reason='the compiler of 2.9 stops'
)
def test_gradients_pass_a_repeated_border_behind_a_convolution():
    """Where torch's own padding stops the compiler, for channels that lie last."""

    def total(weight):
        return with_repeated_border(F.conv2d(image, weight, padding=1), 1).square().sum()

    torch.manual_seed(0)
    image = torch.randn(1, 8, 24, 24).to(memory_format=torch.channels_last)
    weight = torch.randn(8, 8, 3, 3, requires_grad=True)
    [have] = torch.autograd.grad(torch.compile(total)(weight), weight)
    [expected] = torch.autograd.grad(total(weight), weight)
    torch.testing.assert_close(have, expected)
