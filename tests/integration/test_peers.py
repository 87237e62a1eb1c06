"""Training and testing the systems that MASA is compared with."""

from __future__ import annotations

import json

import pytest
import torch
from mmagic.registry import MODELS
from mmengine.runner import Runner

from tests.conftest import REPOSITORY
from tests.scripts import call_tool, load_tool


@pytest.fixture
def config(small_data, tmp_path):
    """Write a config for the small data that inherits a peer's."""

    def write(name: str, network: str) -> str:
        path = tmp_path / f'{name}.py'
        path.write_text(
            f"""
_base_ = {str(REPOSITORY / 'configs' / 'peers' / f'{name}_x4_cufed5.py')!r}
model = dict(generator=dict({network}))
train_dataloader = dict(
    batch_size=2, num_workers=0, dataset=dict(data_root={str(small_data / 'train')!r})
)
val_dataloader = dict(
    num_workers=0, dataset=dict(data_root={str(small_data / 'test' / 'CUFED5')!r}, level=1)
)
test_dataloader = val_dataloader
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=2))
work_dir = {str(tmp_path / 'work')!r}
experiment_name = {tmp_path.name + name!r}
"""
        )
        return str(path)

    return write


def test_a_checkpoint_of_mmagic_is_tested(config, tmp_path, monkeypatch, capfd):
    torch.manual_seed(0)
    network = MODELS.build(dict(type='SRCNNNet', channels=(3, 4, 4, 3)))
    weights = {f'generator.{key}': value for key, value in network.state_dict().items()}
    torch.save(dict(state_dict=weights, meta={}), tmp_path / 'srcnn.pth')
    path = config('srcnn', 'network=dict(channels=(3, 4, 4, 3))')
    arguments = (path, tmp_path / 'srcnn.pth', '--device', 'cpu', '--metrics', tmp_path / 'out')
    tested = []
    monkeypatch.setattr(Runner, 'test', _remember(Runner.test, tested))
    assert not call_tool(load_tool('test.py'), monkeypatch, *arguments)
    content = json.loads((tmp_path / 'out' / 'metrics.json').read_text('utf-8'))
    assert len(content['images']) == 3
    assert {'PSNR', 'SSIM', 'bicubic/PSNR'} <= set(content['images'][0])
    for key, value in network.state_dict().items():
        assert torch.equal(tested[0].model.generator.network.state_dict()[key], value)
    assert '│ SRCNNNet │' in capfd.readouterr().out


def _remember(test, runners: list):
    def run(self):
        runners.append(self)
        return test(self)

    return run


def test_a_peer_trains_and_its_checkpoint_is_tested(config, tmp_path, monkeypatch, capfd):
    path = config('srntt-rec', 'num_blocks=1, channels=8')
    assert not call_tool(load_tool('train.py'), monkeypatch, path)
    printed = capfd.readouterr().out
    assert 'vgg_weights names no file' in printed
    assert 'loss_pix' in printed
    checkpoint = tmp_path / 'work' / 'iter_2.pth'
    arguments = (path, checkpoint, '--device', 'cpu', '--limit', 1, '--cfg-options')
    options = (f'experiment_name={tmp_path.name}_test',)
    assert not call_tool(load_tool('test.py'), monkeypatch, *arguments, *options)
