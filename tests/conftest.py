"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mmengine.registry import DefaultScope


@pytest.fixture(autouse=True)
def _mmagic_scope() -> Iterator[None]:
    """Build from mmagic's registries, as under a config with ``default_scope='mmagic'``."""
    if DefaultScope.get_current_instance() is None:
        DefaultScope.get_instance('tests', scope_name='mmagic')
    with DefaultScope.overwrite_default_scope('mmagic'):
        yield


@pytest.fixture
def random_vgg19(monkeypatch: pytest.MonkeyPatch):
    """A VGG19 with random weights that torchvision gives in place of its pretrained one."""
    import torch
    from torchvision.models import vgg

    def make(seed: int = 0):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            features = vgg.make_layers(vgg.cfgs['E'])
        return torch.nn.ModuleDict(dict(features=features))

    network = make()
    network.features = network['features']
    monkeypatch.setattr(vgg, 'vgg19', lambda pretrained: network)
    return network
