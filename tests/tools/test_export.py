"""The export tool, and infer.py with what it wrote."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from masasr_mm.apis import MASAInferencer
from tests.commands import run_python
from tests.conftest import MODEL
from tests.scripts import call_tool, load_tool


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """The config of the small checkpoint."""
    path = tmp_path_factory.mktemp('config') / 'small.py'
    path.write_text(Config(dict(model=MODEL)).pretty_text)
    return path


def export(monkeypatch, *arguments):
    return call_tool(load_tool('deployment/export.py'), monkeypatch, *arguments)


def test_a_fixed_torch_program(
    config, small_checkpoint, small_model, monkeypatch, tmp_path, capsys
):
    """Runs without this package's classes, and gives what the network gives."""
    out = tmp_path / 'small.pt2'
    sizes = ['--lq', 14, 20, '--ref', 61, 80]
    arguments = [config, small_checkpoint, '--format', 'torch', '--out', out, *sizes]
    assert export(monkeypatch, *arguments) in (0, None)
    text = capsys.readouterr().out
    assert 'lq        1×3×h×w, 16×24, fixed' in text
    assert 'ref       1×3×4H×4W, 64×80, fixed' in text
    extra = {'masasr_mm': ''}
    program = torch.export.load(out, extra_files=extra).module()
    assert json.loads(extra['masasr_mm'])['lq_size'] == [16, 24]
    torch.manual_seed(1)
    images = torch.rand(1, 3, 16, 24), torch.rand(1, 3, 64, 80), torch.rand(1, 3, 16, 20)
    with torch.no_grad():
        expected = small_model.generator(*images)
        torch.testing.assert_close(program(*images)[0], expected, atol=1e-5, rtol=0)


def test_weights_as_safetensors(config, small_checkpoint, photos, monkeypatch, tmp_path):
    """The config goes with them, so that nothing else is needed."""
    pytest.importorskip('safetensors')
    out = tmp_path / 'small.safetensors'
    arguments = [config, small_checkpoint, '--format', 'safetensors', '--out', out]
    assert export(monkeypatch, *arguments) in (0, None)
    lq, ref, _ = photos
    results = [MASAInferencer(file, device='cpu')(lq, ref) for file in (out, small_checkpoint)]
    np.testing.assert_array_equal(*results)


def test_mistakes_are_told(config, small_checkpoint, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out.onnx'
    for arguments, message in (
        ([config, small_checkpoint, '--format', 'openvino'], 'a file of OpenVINO is named *.xml'),
        (['none.py', small_checkpoint, '--format', 'onnx'], 'config not found: none.py'),
        ([config, 'none.pth', '--format', 'onnx'], 'checkpoint not found: none.pth'),
        ([config, small_checkpoint, '--format', 'torch', '--lq', 0, 8], 'must be at least 1'),
        (
            [config, small_checkpoint, '--format', 'safetensors', '--ref', 8, 8],
            'weights have no size',
        ),
    ):
        assert export(monkeypatch, *arguments, '--out', out) == 2
        assert message in capsys.readouterr().err
    (tmp_path / 'empty.py').write_text("work_dir = '.'\n")
    code = export(
        monkeypatch, tmp_path / 'empty.py', small_checkpoint, '--format', 'onnx', '--out', out
    )
    assert code == 2
    assert 'no generator of type MASANet' in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize('backend', ['onnxruntime', 'openvino'])
def test_engines_as_a_user_does(
    backend, config, small_checkpoint, photos, monkeypatch, tmp_path, capsys
):
    """Export, then infer.py, on photos of odd sizes."""
    pytest.importorskip('onnxscript')
    pytest.importorskip(backend)
    from masasr_mm.deployment.onnx_inferencer import ONNXInferencer
    from masasr_mm.deployment.openvino_inferencer import OpenVINOInferencer

    kind, ending = dict(onnxruntime=('onnx', 'onnx'), openvino=('openvino', 'xml'))[backend]
    out = tmp_path / f'small.{ending}'
    sizes = ['--lq', 64, 64, '--ref', 240, 240]
    arguments = [config, small_checkpoint, '--format', kind, '--out', out, *sizes]
    assert export(monkeypatch, *arguments) in (0, None)
    assert 'lq        1×3×h×w, 64×64, fixed' in capsys.readouterr().out
    lq, ref, other = photos
    (tmp_path / 'photos').mkdir()
    for name, image in (('photos/a', lq), ('photos/b', other[:33, :50]), ('ref', ref)):
        Image.fromarray(image).save(tmp_path / f'{name}.png')
    Image.fromarray(other).save(tmp_path / 'photos' / 'large.png')
    result = run_python(
        'tools/infer.py', tmp_path / 'photos', '--ref', tmp_path / 'ref.png', '--checkpoint',
        out, '--backend', backend, '--dtype', 'float32', '--matches',
    )  # fmt: skip
    assert result.returncode == 1
    assert 'large.png' in result.stderr
    assert 'takes a lq of at most 64×64' in result.stderr
    infer = dict(onnxruntime=ONNXInferencer, openvino=OpenVINOInferencer)[backend](out)
    for name in 'ab':
        expected = infer(tmp_path / 'photos' / f'{name}.png', tmp_path / 'ref.png')
        with Image.open(tmp_path / 'photos_x4' / f'{name}_x4.png') as image:
            np.testing.assert_array_equal(np.asarray(image), expected)
        assert (tmp_path / 'photos_x4' / f'{name}_x4_matches.png').is_file()
    # Padding to the fixed size changes what SAM measures, and so the result, but little.
    whole = MASAInferencer(small_checkpoint, device='cpu')(lq, ref)
    assert np.abs(infer(lq, ref).astype(int) - whole).mean() < 2
