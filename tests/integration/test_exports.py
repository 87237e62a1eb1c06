"""A network that is exported for fixed sizes; release/test_exports.py has the other formats."""

from __future__ import annotations

import json

import torch
from mmengine.config import Config

from masasr_mm.deployment.interface import KEY
from tests.conftest import MODEL
from tests.scripts import call_tool, load_tool


def export(monkeypatch, *arguments) -> int:
    return call_tool(load_tool('deployment/export.py'), monkeypatch, *arguments)


def test_a_torch_program_of_fixed_sizes(
    small_checkpoint, small_model, monkeypatch, tmp_path, capsys
):
    """Sizes are rounded up to what the network takes."""
    (tmp_path / 'small.py').write_text(Config(dict(model=MODEL)).pretty_text)
    out = tmp_path / 'small.pt2'
    arguments = [tmp_path / 'small.py', small_checkpoint, '--format', 'torch', '--out', out]
    assert not export(monkeypatch, *arguments, '--lq', 14, 20, '--ref', 61, 80)
    text = capsys.readouterr().out
    assert 'lq        1×3×h×w, 16×24, fixed' in text
    assert 'ref       1×3×4H×4W, 64×80, fixed' in text
    extra = {KEY: ''}
    program = torch.export.load(out, extra_files=extra).module()
    assert json.loads(extra[KEY])['lq_size'] == [16, 24]
    images = torch.rand(1, 3, 16, 24), torch.rand(1, 3, 64, 80), torch.rand(1, 3, 16, 20)
    with torch.no_grad():
        expected = small_model.generator(*images)
        torch.testing.assert_close(program(*images)[0], expected, atol=1e-5, rtol=0)


def test_mistakes_are_told(small_checkpoint, tmp_path, monkeypatch, capsys):
    config, checkpoint, out = tmp_path / 'small.py', small_checkpoint, tmp_path / 'new.onnx'
    config.write_text(Config(dict(model=MODEL)).pretty_text)
    (tmp_path / 'empty.py').write_text("work_dir = '.'\n")
    for arguments, message in (
        ([config, checkpoint, '--format', 'openvino'], 'a file of OpenVINO is named *.xml'),
        (['none.py', checkpoint, '--format', 'onnx'], 'config not found: none.py'),
        ([config, 'none.pth', '--format', 'onnx'], 'checkpoint not found: none.pth'),
        ([config, checkpoint, '--format', 'torch', '--lq', 0, 8], 'must be at least 1'),
        ([config, checkpoint, '--format', 'safetensors', '--ref', 8, 8], 'weights have no size'),
        ([tmp_path / 'empty.py', checkpoint, '--format', 'onnx'], 'no generator of type MASANet'),
    ):
        assert export(monkeypatch, *arguments, '--out', out) == 2
        assert message in capsys.readouterr().err
    assert not out.exists()
    (tmp_path / 'folder.bin').mkdir()
    files = [config, checkpoint, '--format', 'openvino', '--out', tmp_path / 'folder.xml']
    assert export(monkeypatch, *files) == 2
    assert 'folder.bin is a folder' in capsys.readouterr().err
    assert not (tmp_path / 'folder.xml').exists()
