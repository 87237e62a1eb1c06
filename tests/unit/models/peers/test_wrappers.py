"""Single-image networks behind one interface, and what starts from the bicubic enlargement."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from mmagic.registry import MODELS
from PIL import Image
from torch import nn

from masasr_mm.errors import UserError
from masasr_mm.models.peers import FromBicubic, PeerNetwork, SingleImageNetwork, super_image_network

SMALL = dict(n_resgroups=10, n_resblocks=1, n_feats=16, scale=4)
NETWORKS = [
    dict(type='SRCNNNet', channels=(3, 4, 4, 3)),
    dict(type='MDSRNet', num_blocks=1, mid_channels=4),
    dict(type='RDNNet', in_channels=3, out_channels=3, mid_channels=4, num_blocks=1),
    dict(type='SuperImageNetwork', model='Rcan', **SMALL),
    dict(type='SuperImageNetwork', model='Han', **SMALL),
    dict(type='MSRResNet', in_channels=3, out_channels=3, mid_channels=4, num_blocks=1),
    dict(type='ENetGenerator', channels=4, num_blocks=1),
    dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=4, num_blocks=1),
]


@pytest.mark.parametrize(
    'network', NETWORKS, ids=lambda config: config.get('model', config['type'])
)
def test_every_network_enlarges_four_times_and_needs_no_reference(network):
    net = SingleImageNetwork(network).eval()
    lq = torch.rand(2, 3, 8, 11)
    with torch.no_grad():
        sr = net(lq)
        assert sr.shape == (2, 3, 32, 44)
        assert torch.equal(net(lq, torch.rand(2, 3, 16, 16), torch.rand(2, 3, 4, 4)), sr)
    with torch.device('meta'):
        assert all(part.is_meta for part in SingleImageNetwork(network).state_dict().values())


class Recorder(nn.Module):
    def forward(self, image):
        self.seen = image
        return image + 5


def test_the_value_range_is_the_networks_own():
    net = SingleImageNetwork(dict(type=Recorder), value_range=255)
    lq = torch.tensor([0.0, 0.2, 1.0])
    torch.testing.assert_close(net(lq), lq + 5 / 255)
    torch.testing.assert_close(net.network.seen, torch.tensor([0.0, 51.0, 255.0]))


@pytest.mark.parametrize('model', ['Rcan', 'Han'])
def test_the_mean_of_the_images_is_no_weight(model):
    net = super_image_network(model, **SMALL)
    assert not any(part.requires_grad for part in (*net.sub_mean.parameters(), net.add_mean.bias))


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'super_image', None)
    with pytest.raises(UserError, match=r"Rcan: .*pip install 'masasr_mm\[peers\]'"):
        MODELS.build(dict(type='SuperImageNetwork', model='Rcan', scale=4))


def test_an_unknown_network_is_told():
    with pytest.raises(UserError, match='Rcn'):
        super_image_network('Rcn', scale=4)


MEAN = (0.4488, 0.4371, 0.4040)


def single(value_range: float = 1, **network) -> dict:
    return dict(type='SingleImageNetwork', network=network, value_range=value_range)


FROM_BICUBIC = dict(
    srcnn=(single(type='SRCNNNet', channels=(3, 4, 4, 3)), 0.0),
    mdsr=(single(type='MDSRNet', num_blocks=1, mid_channels=4), MEAN),
    rcan=(single(255, type='SuperImageNetwork', model='Rcan', **SMALL), MEAN),
    han=(single(255, type='SuperImageNetwork', model='Han', **SMALL), MEAN),
    crossnet=(dict(type='CrossNet', channels=4), 0.0),
    srntt=(dict(type='SRNTT', channels=4, num_blocks=1), 0.0),
    ttsr=(dict(type='TTSRNetwork', num_blocks=(1, 1, 1, 1)), 0.5),
)


@pytest.fixture
def images():
    lq = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return lq, torch.rand(1, 3, 32, 32), torch.rand(1, 3, 8, 8)


def pillow(lq: torch.Tensor) -> torch.Tensor:
    """Enlarge with 32-bit floats, a channel at a time."""
    channels = [Image.fromarray(channel.numpy()) for channel in lq[0]]
    size = (4 * lq.shape[3], 4 * lq.shape[2])
    enlarged = [channel.resize(size, Image.Resampling.BICUBIC) for channel in channels]
    return torch.from_numpy(np.stack([np.array(channel) for channel in enlarged]))[None]


@pytest.mark.parametrize('name', FROM_BICUBIC)
def test_the_first_image_is_the_enlargement_and_training_leaves_it(name, images):
    network, blank = FROM_BICUBIC[name]
    net = FromBicubic(network, blank)
    net.init_weights()
    sr = net(*images)
    torch.testing.assert_close(sr.detach(), pillow(images[0]), atol=1e-6, rtol=0)
    sr.square().mean().backward()
    torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.1).step()
    assert not torch.allclose(net(*images), sr, atol=1e-5)


@MODELS.register_module()
class GivesSum(PeerNetwork):
    size_divisor, min_ref_down = 2, 3

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 1)

    def forward(self, lq, ref, ref_down):
        return ref + ref_down.mean() + lq.mean()


def test_what_the_network_gives_is_added(images):
    lq, ref, ref_down = images
    net = FromBicubic(dict(type='GivesSum'), (0.1, 0.2, 0.3))
    blank = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)
    expected = pillow(lq) + ref + ref_down.mean() + lq.mean() - blank
    torch.testing.assert_close(net(*images), expected, atol=1e-6, rtol=0)
    assert net.super_resolve(*images)[1] is None
    assert (net.size_divisor, net.min_ref_down, net.name) == (2, 3, 'GivesSum')
