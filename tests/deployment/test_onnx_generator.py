"""onnxruntime gives what PyTorch gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from masasr_mm.deployment.interface import OUTPUTS
from masasr_mm.deployment.onnx_generator import ONNXGenerator
from masasr_mm.errors import UserError
from masasr_mm.models.inference.any_size import pad_to

from .conftest import pictures
from .test_program import SIZES


@pytest.fixture(scope='module')
def generator(exported):
    return ONNXGenerator(exported / 'any.onnx')


def assert_same(have, expected):
    """Two results of super_resolve."""
    torch.testing.assert_close(have[0], expected[0], atol=1e-4, rtol=0)
    for name in ('coarse_index', 'fine_index', 'position', 'blocks', 'grid'):
        one, other = getattr(have[1], name), getattr(expected[1], name)
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other)), name
    torch.testing.assert_close(have[1].similarity, expected[1].similarity, atol=1e-4, rtol=0)


@pytest.mark.parametrize('sizes', [*SIZES, (8, 8, 3, 3), (8, 24, 90, 4)])
def test_any_size(generator, network, sizes):
    """Also such as torch.export could not take: one block, a reference of one patch."""
    images = pictures(*sizes)
    with torch.no_grad():
        expected = network.super_resolve(*images)
    assert_same(generator.super_resolve(*images), expected)


def test_a_fixed_size_is_padded_to(fixed_onnx, network):
    """Positions are told on the grid of the reference before it was padded."""
    generator = ONNXGenerator(fixed_onnx)
    lq, ref, ref_down = pictures(32, 40, 44, 50)
    have, matches = generator.super_resolve(lq, ref, ref_down)
    padded = pad_to(lq, 40, 48), pad_to(ref, 96, 112), pad_to(ref_down, 48, 56)
    with torch.no_grad():
        expected, whole = network.super_resolve(*padded)
    torch.testing.assert_close(have, expected[..., :64, :80], atol=1e-4, rtol=0)
    assert matches.blocks == (4, 5)
    assert matches.grid == (44, 50)
    assert matches.position.shape == (1, 32, 40)
    found, there = matches.position[0], whole.position[0, :32, :40]
    assert (there // 56 >= 44).any() or (there % 56 >= 50).any()  # else nothing was shown
    same_pixels = ref_down[0].flatten(1)[:, found]
    assert torch.equal(same_pixels, padded[2][0].flatten(1)[:, there])


def test_a_larger_image_than_a_fixed_size_is_told(fixed_onnx):
    generator = ONNXGenerator(fixed_onnx)
    with pytest.raises(UserError, match=r'lq of at most 48×40, this one is 40×48; .*--lq'):
        generator.super_resolve(*pictures(48, 40, 44, 50))
    with pytest.raises(UserError, match=r'ref of at most 112×96, this one is 120×88'):
        generator.super_resolve(*pictures(40, 40, 44, 60))


def test_the_file_says_what_it_takes(exported):
    onnx = pytest.importorskip('onnx')
    model = onnx.load(exported / 'any.onnx')
    onnx.checker.check_model(model)
    assert [output.name for output in model.graph.output] == list(OUTPUTS)
    sizes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }
    assert [sizes[name][:2] for name in ('lq', 'ref', 'ref_down')] == [[1, 3]] * 3
    assert all(isinstance(axis, str) for shape in sizes.values() for axis in shape[2:])
    # A loop over the positions of the image would be many times slower than PyTorch.
    operators = {node.op_type for node in model.graph.node}
    operators |= {node.op_type for function in model.functions for node in function.node}
    assert 'Loop' not in operators


def test_files_that_cannot_be_run_are_told(tmp_path):
    onnx = pytest.importorskip('onnx')
    with pytest.raises(UserError, match=r'not found: .*none\.onnx'):
        ONNXGenerator(tmp_path / 'none.onnx')
    (tmp_path / 'text.onnx').write_text('no model')
    with pytest.raises(UserError, match=r'text\.onnx: not an ONNX file') as error:
        ONNXGenerator(tmp_path / 'text.onnx')
    assert '\n' not in str(error.value)
    value = onnx.helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node('Identity', ['x'], ['y'])
    out = onnx.helper.make_tensor_value_info('y', onnx.TensorProto.FLOAT, [1])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], 'other', [value], [out]),
        opset_imports=[onnx.helper.make_opsetid('', 18)],
        ir_version=8,
    )
    onnx.save(model, tmp_path / 'other.onnx')
    with pytest.raises(UserError, match=r'other\.onnx: no network that tools/deployment'):
        ONNXGenerator(tmp_path / 'other.onnx')


def test_a_missing_onnxruntime_is_told(monkeypatch, tmp_path):
    import sys

    (tmp_path / 'a.onnx').touch()
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(UserError, match=r'pip install -r requirements/export\.txt'):
        ONNXGenerator(tmp_path / 'a.onnx')


def test_the_inferencer_gives_what_the_editor_gives(exported, network, photos):
    from masasr_mm.deployment.onnx_inferencer import ONNXInferencer
    from masasr_mm.photos.inferencer import MASAInferencer
    from masasr_mm.tensor_files import write_tensors

    lq, ref, other = photos
    infer = ONNXInferencer(exported / 'any.onnx')
    config = dict(
        type='MASANet', scale=2, channels=4, fusion_blocks=(1, 1), encoder=dict(num_blocks=1)
    )
    weights = {f'generator.{key}': value for key, value in network.state_dict().items()}
    path = exported / 'weights.pth'
    text = f'model = dict(generator={config!r})'
    write_tensors(dict(state_dict=weights, meta=dict(cfg=text)), path)
    expected = MASAInferencer(path, device='cpu').predict(lq, [ref, other])
    have = infer.predict(lq, [ref, other])
    assert infer.scale == 2
    with pytest.raises(UserError, match=r'any\.onnx: .* save the checkpoint that it was exported'):
        infer.save_pretrained(exported / 'saved')
    assert not (exported / 'saved').exists()
    assert have.image.shape == (2 * lq.shape[0], 2 * lq.shape[1], 3)
    assert np.abs(have.image.astype(int) - expected.image).max() <= 1
    # On real photos some matches are nearly as good as others.
    assert (have.matches.position != expected.matches.position).mean() < 0.005
    assert have.agreement == pytest.approx(expected.agreement, abs=0.002)
