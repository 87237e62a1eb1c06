"""What mmengine reads through this package."""

from __future__ import annotations

import torch
from mmengine.runner import CheckpointLoader

from masasr_mm import weights
from masasr_mm.checkpoints.formats import to_released
from masasr_mm.checkpoints.loading import read_checkpoint
from masasr_mm.engine.runner import through_this_package


def test_every_format_is_read_alike(tmp_path):
    folder = weights.folder('bicubic')
    expected = read_checkpoint(folder)['state_dict']
    torch.save(dict(state_dict=expected), tmp_path / 'ours.pth')
    torch.save(to_released(expected), tmp_path / 'released.pth')
    for place in ('bicubic', folder, tmp_path / 'ours.pth', tmp_path / 'released.pth'):
        name = through_this_package(through_this_package(place))
        found = CheckpointLoader.load_checkpoint(name, 'cpu')['state_dict']
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected)
