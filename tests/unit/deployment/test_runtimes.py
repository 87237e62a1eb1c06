"""What runs an exported network is chosen, or refused in one line; files are made in
tests/release/test_exports.py."""

from __future__ import annotations

import re
import sys

import onnx
import onnxruntime
import openvino
import psutil
import pytest
import torch

from masasr_mm.deployment.runtimes import (
    ExportedGenerator,
    Interface,
    ONNXGenerator,
    OpenVINOGenerator,
    choose_dtype,
    choose_provider,
    open_session,
)
from masasr_mm.errors import UserError

CPU, CUDA, ROCM, DML = (
    f'{name}ExecutionProvider' for name in ('CPU', 'CUDA', 'ROCM', 'Dml')
)  # as onnxruntime calls them
INTERFACE = Interface(scale=4, size_divisor=8, min_ref_down=3, channels=64, block_size=8)


@pytest.mark.parametrize(
    ('available', 'device', 'expected'),
    [
        ([CPU], None, (CPU, 0)),
        ([CPU], 'cpu', (CPU, 0)),
        (['TensorrtExecutionProvider', CUDA, CPU], None, (CUDA, 0)),
        ([CUDA, CPU], 'cuda:1', (CUDA, 1)),
        ([CUDA, CPU], 'cpu', (CPU, 0)),
        ([ROCM, CPU], 'cuda', (ROCM, 0)),
        ([DML, CPU], None, (DML, 0)),
    ],
)
def test_the_device_is_chosen(available, device, expected):
    assert choose_provider(available, device) == expected


class Session:
    """Remembers how it was opened; runs on the provider ``runs_on``."""

    runs_on = CPU

    def __init__(self, path, options, providers):
        type(self).asked = providers

    def get_providers(self):
        return [self.runs_on]


@pytest.fixture
def built_for_cuda(monkeypatch, tmp_path):
    """An onnxruntime with CUDA, and a file."""
    monkeypatch.setattr(onnxruntime, 'InferenceSession', Session)
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: [CUDA, CPU])
    (tmp_path / 'a.onnx').touch()
    return str(tmp_path / 'a.onnx')


def test_a_gpu_falls_back_only_where_none_was_named(built_for_cuda, monkeypatch):
    open_session(built_for_cuda)
    assert Session.asked == [(CUDA, dict(device_id=0)), CPU]
    with pytest.raises(UserError, match=r'device cuda:1 cannot be used: .* does not start'):
        open_session(built_for_cuda, 'cuda:1')
    monkeypatch.setattr(Session, 'runs_on', CUDA)
    assert isinstance(open_session(built_for_cuda, 'cuda:1'), Session)
    assert Session.asked[0] == (CUDA, dict(device_id=1))
    open_session(built_for_cuda, 'cuda:0')
    monkeypatch.setattr(Session, 'runs_on', CPU)
    open_session(built_for_cuda, 'cpu')
    assert Session.asked == [CPU]


@pytest.fixture
def capabilities(monkeypatch):
    """Sets what OpenVINO's device computes in."""

    def pretend(*units):
        monkeypatch.setattr(openvino.Core, 'get_property', lambda *_: list(units))

    return pretend


def test_a_type_is_chosen_by_what_the_device_has(capabilities):
    capabilities('FP32', 'FP16')
    assert [choose_dtype(name, 'CPU') for name in ('auto', 'float16')] == ['float32', 'float16']
    with pytest.raises(UserError, match='dtype bfloat16 cannot be used: CPU has no units for it'):
        choose_dtype('bfloat16', 'CPU')
    with pytest.raises(UserError, match=r'dtype must be one of auto, float32, .*not int8'):
        choose_dtype('int8', 'CPU')
    capabilities('FP32', 'BF16')
    assert [choose_dtype(name, 'CPU') for name in ('auto', 'float32')] == ['bfloat16', 'float32']


def test_files_that_cannot_be_run_are_refused(tmp_path, monkeypatch):
    def refused(make, name, words, **options):
        with pytest.raises(UserError, match=words):
            make(tmp_path / name, **options)

    value = onnx.helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node('Identity', ['x'], ['y'])
    out = onnx.helper.make_tensor_value_info('y', onnx.TensorProto.FLOAT, [1])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], 'other', [value], [out]),
        opset_imports=[onnx.helper.make_opsetid('', 18)],
        ir_version=8,
    )
    onnx.save(model, tmp_path / 'other.onnx')
    x = openvino.opset13.parameter([1], openvino.Type.f32)
    openvino.save_model(openvino.Model([openvino.opset13.relu(x)], [x]), tmp_path / 'other.xml')
    for name in ('text.onnx', 'text.xml', 'alone.xml'):
        (tmp_path / name).write_text('no model')
    (tmp_path / 'text.bin').touch()
    refused(OpenVINOGenerator, 'alone.xml', r'its weights, alone\.bin, are not beside')
    refused(OpenVINOGenerator, 'other.xml', 'cuda cannot be used: .* finds .*cpu', device='cuda')
    for make, ending, kind in ((ONNXGenerator, 'onnx', 'ONNX'), (OpenVINOGenerator, 'xml', '.*')):
        refused(make, f'none.{ending}', rf'not found: .*none\.{ending}')
        refused(make, f'text.{ending}', rf'text\.{ending}: not an {kind} file that can be run')
        refused(make, f'other.{ending}', rf'other\.{ending}: not a network that tools/deployment')
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    refused(ONNXGenerator, 'text.onnx', r'pip install -r requirements/export\.txt')
    monkeypatch.setitem(sys.modules, 'openvino', None)
    refused(OpenVINOGenerator, 'text.xml', r'pip install -r requirements/openvino\.txt')


class NeverRun(ExportedGenerator):
    """An exported network that must not be run."""

    def run(self, feeds):
        raise AssertionError('it was run')


def test_images_without_memory_for_them_are_refused_before_they_are_run(monkeypatch):
    """A photo of 1500×1000 with a reference of 3000×2000: 35 GB for one copy of the similarities
    of Stage 1 alone; no pixel is touched."""
    free = psutil.virtual_memory()._replace(available=2 * 10**9)
    monkeypatch.setattr(psutil, 'virtual_memory', lambda: free)
    generator = NeverRun('masa.onnx', INTERFACE.to_text())

    def images(height, width, grid_height, grid_width):
        sizes = (height, width), (4 * grid_height, 4 * grid_width), (grid_height, grid_width)
        return [torch.zeros(1, 3, 1, 1).expand(1, 3, *size) for size in sizes]

    words = r'1504×1000 .* 3000×2000 .* about ([\d.]+) GB with masa\.onnx, of which 2\.0 are free'
    with pytest.raises(UserError, match=words) as refused:
        generator.super_resolve(*images(1000, 1504, 500, 750))
    needed = float(re.search(words, str(refused.value))[1]) * 1e9
    assert needed > 4 * 1000 * 1504 * 375_000 / 64
    with pytest.raises(UserError, match=r'64×64 with references of 8000×6000 pixels'):
        generator.super_resolve(*images(64, 64, 1500, 2000))
    with pytest.raises(AssertionError, match='it was run'):
        generator.super_resolve(*images(128, 128, 128, 128))
