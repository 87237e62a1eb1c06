"""The network as torch's own compiler makes it for the CPU."""

from __future__ import annotations

import shutil

import pytest
import torch
from packaging import version
from torch.nn import functional as F

from masasr_mm.compat import with_repeated_border
from tests.small_networks import images, network

pytestmark = [
    pytest.mark.skipif(shutil.which('g++') is None, reason='it needs a C++ compiler'),
    pytest.mark.skipif(
        version.parse(torch.__version__) < version.parse('2.10'), reason='that of 2.9 stops'
    ),
]


@pytest.fixture(autouse=True)
def fresh_compiler():
    yield
    torch._dynamo.reset()


@torch.no_grad()
def test_a_compiled_network_has_the_same_result():
    net, given = network(), images(16, 16, 16, 24)
    have = torch.compile(net, fullgraph=True, dynamic=False)(*given)
    torch.testing.assert_close(have, net(*given), rtol=0, atol=1e-5)


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
