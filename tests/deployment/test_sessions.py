"""onnxruntime runs where it is asked to, or says why not."""

from __future__ import annotations

import onnxruntime
import pytest

from masasr_mm.deployment.sessions import choose_provider, open_session
from masasr_mm.errors import UserError

CPU, CUDA, ROCM, DML = (
    f'{name}ExecutionProvider' for name in ('CPU', 'CUDA', 'ROCM', 'Dml')
)  # as onnxruntime calls them


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


@pytest.mark.parametrize('device', ['tpu', 'cuda:', 'cuda:x', 'cuda', 'dml:1'])
def test_a_device_that_is_not_there_is_told(device):
    with pytest.raises(UserError, match=f'device {device} cannot be used'):
        choose_provider([CPU], device)


class Session:
    """Remembers what it was opened with; starts on what ``starts`` names."""

    starts = CPU

    def __init__(self, path, options, providers):
        type(self).asked = providers

    def get_providers(self):
        return [self.starts]


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
    assert Session.asked[0] == (CUDA, dict(device_id=1))
    monkeypatch.setattr(Session, 'starts', CUDA)
    assert isinstance(open_session(built_for_cuda, 'cuda:1'), Session)


def test_the_cpu_can_be_named(built_for_cuda):
    open_session(built_for_cuda, 'cpu')
    assert Session.asked == [CPU]
