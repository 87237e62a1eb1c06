"""The network under torch.compile: one graph with the same result."""

from __future__ import annotations

import pytest
import torch
from packaging import version

from masasr_mm.models import profiling
from tests.small_networks import images, network


@torch.no_grad()
@pytest.mark.skipif(
    version.parse(torch.__version__) < version.parse('2.10'), reason='the compiler of 2.9 stops'
)
def test_the_whole_network_is_one_graph_without_names_of_stages(monkeypatch):
    net, given, named = network(), images(16, 16, 16, 24), []
    expected = net(*given)
    monkeypatch.setattr(profiling, 'record_function', named.append)
    have = torch.compile(net, fullgraph=True, backend='eager')(*given)
    torch._dynamo.reset()
    assert not named
    assert torch.equal(have, expected)
