"""The exported program does what the network does, at sizes that it was not traced with."""

from __future__ import annotations

import pytest
import torch

from masasr_mm.deployment.interface import Interface
from masasr_mm.deployment.program import interface_of
from masasr_mm.errors import UserError
from masasr_mm.models import MatchExtractionModule

from .conftest import pictures

# Portrait, landscape, a reference smaller than the photo, a grid that is smaller than a block.
SIZES = [(48, 40, 44, 36), (16, 64, 30, 90), (64, 32, 21, 17)]


@pytest.mark.parametrize('sizes', SIZES)
def test_it_gives_what_the_network_gives(program, network, sizes):
    images = pictures(*sizes)
    with torch.no_grad():
        expected, matches = network.super_resolve(*images)
        have, *tensors = program.module()(*images)
    torch.testing.assert_close(have, expected, atol=1e-5, rtol=0)
    for tensor, name in zip(tensors, ('coarse_index', 'fine_index', 'position')):
        assert torch.equal(tensor, getattr(matches, name)), name
    torch.testing.assert_close(tensors[3], matches.similarity)


def test_sizes_as_text(network):
    for sizes in ((), ((40, 48), None), ((40, 48), (96, 6))):
        interface = interface_of(network, *sizes)
        assert Interface.from_text(interface.to_text(), 'any.pt2') == interface
    assert interface_of(network) == Interface(2, 8, 3)


def test_fixed_sizes_are_rounded_to_what_the_network_takes(network):
    assert interface_of(network, (40, 43), (95, 3)) == Interface(2, 8, 3, (40, 48), (96, 6))


def test_the_network_is_left_as_it_is(program, network):
    assert network.matching.max_elements == MatchExtractionModule().max_elements
    assert network.matching.search == MatchExtractionModule().search


@pytest.mark.parametrize('text', [None, 'no JSON', '[]', '{"scale": 4}'])
def test_a_file_that_tells_nothing_is_refused(text):
    with pytest.raises(UserError, match=r'a\.onnx: no network that tools/deployment/export\.py'):
        Interface.from_text(text, 'a.onnx')
