"""What the export refuses; release/test_exports.py has the files that it writes."""

from __future__ import annotations

from mmengine.config import Config

from tests.conftest import MODEL
from tests.scripts import call_tool, load_tool


def test_mistakes_are_told(small_checkpoint, tmp_path, monkeypatch, capsys):
    tool = load_tool('deployment/export.py')
    config, checkpoint, out = tmp_path / 'small.py', small_checkpoint, tmp_path / 'new.onnx'
    config.write_text(Config(dict(model=MODEL)).pretty_text)
    (tmp_path / 'empty.py').write_text("work_dir = '.'\n")
    for arguments, message in (
        ([config, checkpoint, '--format', 'openvino'], 'a file of OpenVINO is named *.xml'),
        (['none.py', checkpoint, '--format', 'onnx'], 'config not found: none.py'),
        ([config, 'none.pth', '--format', 'onnx'], 'checkpoint not found: none.pth'),
        ([config, checkpoint, '--format', 'torch', '--lq', 0, 8], 'must be at least 1'),
        ([config, checkpoint, '--format', 'safetensors', '--ref', 8, 8], 'weights have no size'),
        ([tmp_path / 'empty.py', checkpoint, '--format', 'onnx'], 'has no model'),
    ):
        assert call_tool(tool, monkeypatch, *arguments, '--out', out) == 2
        assert message in capsys.readouterr().err
    assert not out.exists()
    (tmp_path / 'folder.bin').mkdir()
    files = [config, checkpoint, '--format', 'openvino', '--out', tmp_path / 'folder.xml']
    assert call_tool(tool, monkeypatch, *files) == 2
    assert 'folder.bin is a folder' in capsys.readouterr().err
    assert not (tmp_path / 'folder.xml').exists()
