"""All of a forward pass lies on one device, whichever it is.

Under FakeTensorMode tensors have a device and a shape but no data, so that no GPU is needed; an
operation on tensors of two devices raises as it does on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pytest
import torch
from mmagic.structures import DataSample
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from masasr_mm.models import MASANet
from masasr_mm.models.inference import memory, super_resolve
from masasr_mm.models.inference.reference_cache import FeatureCache, TextureCache
from masasr_mm.models.inference.super_resolve import TiledMASANet
from masasr_mm.models.layers import autocast
from masasr_mm.models.matching import blocks, stages
from tests.editors import build

NETWORK = dict(channels=8, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1))


class Answers(TorchFunctionMode):
    """Answers what only data could tell."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is Tensor.nonzero:
            return torch.zeros(3, args[0].dim(), dtype=torch.int64, device=args[0].device)
        if func is Tensor.numpy:
            assert args[0].device.type == 'cpu'
            dtype = str(args[0].dtype).removeprefix('torch.')
            return np.full(args[0].shape, dtype == 'bool', dtype)
        return func(*args, **(kwargs or {}))


class Kernels(TorchDispatchMode):
    """Counts the operations that work on data; those that depend on it fail without any."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        made = isinstance(result, (Tensor, tuple)) or func._schema.is_mutable
        name = func._schema.name
        viewed = func.is_view or 'empty' in name or name in ('aten::_unsafe_view', 'aten::detach')
        self.count += func.namespace == 'aten' and made and not viewed
        return result


@pytest.fixture(autouse=True)
def _no_data() -> Iterator[None]:
    with FakeTensorMode(), torch.no_grad():
        yield


@pytest.fixture
def _answers(_no_data) -> Iterator[None]:
    with Answers():
        yield


@pytest.fixture
def _gpu_with_bfloat16(monkeypatch) -> None:
    # autocast turns itself off where there is no GPU
    monkeypatch.setattr('torch.cuda.amp.common.amp_definitely_not_available', lambda: False)
    monkeypatch.setattr('torch.cuda.is_bf16_supported', lambda *args, **kwargs: True)


def on_gpu(build):
    """Build something where tensors are made on a GPU unless told otherwise."""
    with torch.device('cuda'):
        return build()


def images(*sizes: tuple[int, int]) -> list[Tensor]:
    return on_gpu(lambda: [torch.rand(1, 3, *size) for size in sizes])


def network() -> MASANet:
    return on_gpu(lambda: MASANet(**NETWORK)).eval()


def test_tensors_of_two_devices_raise():
    with pytest.raises(RuntimeError, match='device'):
        network()(torch.rand(1, 3, 32, 40), *images((128, 192), (32, 48)))


@pytest.mark.usefixtures('_gpu_with_bfloat16')
@pytest.mark.parametrize('half', [False, True])
def test_forward(half):
    net, dtypes = network(), set()
    net.encoder.register_forward_hook(lambda module, inputs, out: dtypes.add(out[0].dtype))
    with torch.autocast('cuda', torch.bfloat16, enabled=half):
        out = net(*images((32, 40), (128, 192), (32, 48)))
    assert (out.device.type, out.shape) == ('cuda', (1, 3, 128, 160))
    assert dtypes == {torch.bfloat16 if half else torch.float32}


@pytest.fixture
def _tables_kept(monkeypatch) -> None:
    """Keep tables of a size without data, too, for as long as the test."""

    def keep(make):
        remembered = lru_cache(make)
        return lambda *sizes, like: remembered(*sizes, device=like.device)

    for name in ('window', 'first_positions', 'lr_windows', 'centre_pixels', 'shares', 'kernel'):
        for module in (blocks, stages):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, keep(getattr(module, name).__wrapped__))


@pytest.mark.usefixtures('_gpu_with_bfloat16', '_tables_kept')
def test_kernels_of_a_photo_are_few_and_none_waits_for_data():
    """On a GPU the host is the limit; nothing is copied to it, and no shape depends on data."""
    net, photo = on_gpu(MASANet).eval(), images((120, 184), (480, 736), (120, 184))
    net(*photo)  # makes the tables
    with Kernels() as kernels:
        net(*photo)
    assert kernels.count <= 450
    with autocast(net, torch.device('cuda'), torch.bfloat16):
        pass  # makes the copy
    with Kernels() as kernels, autocast(net, torch.device('cuda'), torch.bfloat16) as low:
        low(*photo)
    assert kernels.count <= 490


@pytest.mark.usefixtures('_answers')
@pytest.mark.parametrize('kind', [FeatureCache, TextureCache])
def test_tiles(kind, monkeypatch):
    monkeypatch.setattr(super_resolve, 'smaller_cache', lambda matches: kind)
    monkeypatch.setattr(memory, 'free_memory', lambda device: 2**30)
    net = network()
    net.adaptation.halo = 2  # cannot be tried without data
    out, matches = TiledMASANet(net, 16).super_resolve(*images((32, 40), (128, 192), (32, 48)))
    assert (out.device.type, out.shape) == ('cuda', (1, 3, 128, 160))
    assert matches.similarity.device.type == 'cuda'


@pytest.mark.usefixtures('_answers')
@pytest.mark.parametrize('tile', [None, 16])
def test_predict_of_the_editor(tile, monkeypatch):
    monkeypatch.setattr(memory, 'free_memory', lambda device: 2**30)
    editor = on_gpu(lambda: build(test_cfg=dict(tile=tile, bicubic=True))).eval()
    editor.generator.adaptation.halo = 2  # cannot be tried without data
    editor.data_preprocessor.to('cuda')
    lq, ref, ref_down, gt = images((30, 41), (120, 160), (30, 40), (120, 164))
    samples = DataSample.stack(
        [DataSample(ref_img=ref[0], ref_down=ref_down[0], gt_img=gt[0], metainfo=dict(pad=0))]
    )
    [sample] = editor(lq, samples, mode='predict')
    assert sample.output.pred_img.shape == (3, 120, 164)
    assert sample.output.pred_img.device.type == 'cpu'
    assert sample.output.matches.position.shape == (30, 41, 2)
