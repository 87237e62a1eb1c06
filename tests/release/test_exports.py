"""Exported networks give what PyTorch gives, at sizes that they were not traced with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch
from mmagic.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from masasr_mm.apis import MASAInferencer
from masasr_mm.deployment import export as module
from masasr_mm.deployment.runtimes import (
    KEY,
    OUTPUTS,
    ExportedInferencer,
    Interface,
    ONNXGenerator,
    OpenVINOGenerator,
)
from masasr_mm.errors import UserError
from masasr_mm.models import MatchExtractionModule
from masasr_mm.models.inference.super_resolve import pad_to
from masasr_mm.tensor_files import write_tensors
from tests.commands import run_python
from tests.conftest import MODEL
from tests.scripts import call_tool, load_tool

onnx = pytest.importorskip('onnx')

# A ×2 network, the smallest that has every part, which quickens the export.
NETWORK = dict(
    type='MASANet', scale=2, channels=4, fusion_blocks=(1, 1), encoder=dict(num_blocks=1)
)
# Portrait, landscape, a reference smaller than the photo, a grid that is smaller than a block.
SIZES = [(48, 40, 44, 36), (16, 64, 30, 90), (64, 32, 21, 17)]
# Such as torch.export cannot take: one block, a reference of one patch.
SMALL_SIZES = [(8, 8, 3, 3), (8, 24, 90, 4)]

bfloat16_units = pytest.mark.skipif(
    'BF16' not in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'),
    reason='this CPU has no units for bfloat16',
)


@pytest.fixture(scope='module')
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmagic'):
        network = MODELS.build(NETWORK)
    torch.nn.init.normal_(network.to_image.weight, std=0.05)
    return network.eval()


@pytest.fixture(scope='module')
def exported(network, tmp_path_factory) -> Path:
    """The folder with any.pt2, any.onnx and any.xml as the tool writes them.

    Tracing and translating, which take a minute, are done once.
    """
    folder = tmp_path_factory.mktemp('exported')
    model = dict(MODEL, generator=NETWORK)
    (folder / 'any.py').write_text(Config(dict(model=model)).pretty_text)
    weights = {f'generator.{key}': value for key, value in network.state_dict().items()}
    text = f'model = dict(generator={NETWORK!r})'
    write_tensors(dict(state_dict=weights, meta=dict(cfg=text)), folder / 'any.pth')

    def once(function):
        results = []

        def call(*arguments):
            return results[0] if results else results.append(function(*arguments)) or results[0]

        return call

    with pytest.MonkeyPatch.context() as patch, DefaultScope.overwrite_default_scope('mmagic'):
        for name in ('export_program', 'to_onnx'):
            patch.setattr(module, name, once(getattr(module, name)))
        for kind, ending in (('torch', 'pt2'), ('onnx', 'onnx'), ('openvino', 'xml')):
            files = (folder / 'any.py', folder / 'any.pth', '--out', folder / f'any.{ending}')
            assert not export(patch, *files, '--format', kind)
    return folder


def export(monkeypatch, *arguments) -> int:
    return call_tool(load_tool('deployment/export.py'), monkeypatch, *arguments)


@pytest.fixture(scope='module')
def fixed_onnx(exported, network) -> Path:
    """An ONNX file that says it takes photos of 40×48 and references of 96×112 alone."""
    model = onnx.load(exported / 'any.onnx')
    [entry] = [entry for entry in model.metadata_props if entry.key == KEY]
    entry.value = Interface.of(network, (40, 43), (95, 111)).to_text()
    onnx.save(model, exported / 'fixed.onnx')
    return exported / 'fixed.onnx'


@pytest.fixture(scope='module')
def generators(exported) -> dict:
    return dict(
        onnxruntime=ONNXGenerator(exported / 'any.onnx'),
        openvino=OpenVINOGenerator(exported / 'any.xml'),
    )


def pictures(height, width, grid_height, grid_width, scale=2, seed=0):
    """An LR image, a reference and its reduced form, with detail at all sizes."""
    generator = torch.Generator().manual_seed(seed)

    def picture(rows, columns):
        coarse = torch.rand(1, 3, 7, 9, generator=generator)
        smooth = torch.nn.functional.interpolate(coarse, (rows, columns), mode='bicubic')
        return (0.7 * smooth + 0.3 * torch.rand(1, 3, rows, columns, generator=generator)).clamp(
            0, 1
        )

    ref = picture(grid_height * scale, grid_width * scale)
    ref_down = torch.nn.functional.interpolate(
        ref, (grid_height, grid_width), mode='bicubic', antialias=True
    )
    return picture(height, width), ref, ref_down.clamp(0, 1)


def assert_same(have, expected):
    """Two results of super_resolve."""
    torch.testing.assert_close(have[0], expected[0], atol=1e-4, rtol=0)
    for name in ('coarse_index', 'fine_index', 'position', 'blocks', 'grid'):
        one, other = getattr(have[1], name), getattr(expected[1], name)
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other)), name
    torch.testing.assert_close(have[1].similarity, expected[1].similarity, atol=1e-4, rtol=0)


def in_pytorch(network, images):
    with torch.no_grad():
        return network.super_resolve(*images)


def test_the_torch_program_at_any_size(exported, network):
    """Loaded by PyTorch alone; the network is left as it is."""
    extra = {KEY: ''}
    program = torch.export.load(exported / 'any.pt2', extra_files=extra).module()
    assert Interface.from_text(extra[KEY], 'any.pt2') == Interface(2, 8, 3, 4, 8)
    for sizes in SIZES:
        images = pictures(*sizes)
        expected, matches = in_pytorch(network, images)
        have, *tensors = program(*images)
        torch.testing.assert_close(have, expected, atol=1e-5, rtol=0)
        for tensor, name in zip(tensors, OUTPUTS[1:4]):
            assert torch.equal(tensor, getattr(matches, name)), name
        torch.testing.assert_close(tensors[3], matches.similarity)
    assert network.matching.max_elements == MatchExtractionModule().max_elements
    assert network.matching.search == MatchExtractionModule().search


def test_weights_as_safetensors(exported, photos, monkeypatch):
    """The config goes with them, so that nothing else is needed."""
    pytest.importorskip('safetensors')
    files = [exported / f'any.{ending}' for ending in ('pth', 'safetensors')]
    arguments = [exported / 'any.py', files[0], '--format', 'safetensors', '--out', files[1]]
    assert not export(monkeypatch, *arguments)
    lq, ref, _ = photos
    np.testing.assert_array_equal(*(MASAInferencer(file, device='cpu')(lq, ref) for file in files))


@pytest.mark.parametrize('runtime', ['onnxruntime', 'openvino'])
def test_runtimes_at_any_size(generators, network, runtime):
    for sizes in (*SIZES, *SMALL_SIZES):
        images = pictures(*sizes)
        assert_same(generators[runtime].super_resolve(*images), in_pytorch(network, images))


def test_a_fixed_size_is_padded_to(fixed_onnx, network):
    """Positions are on the grid of the unpadded reference; larger images are refused."""
    generator = ONNXGenerator(fixed_onnx)
    lq, ref, ref_down = pictures(32, 40, 44, 50)
    have, matches = generator.super_resolve(lq, ref, ref_down)
    padded = pad_to(lq, 40, 48), pad_to(ref, 96, 112), pad_to(ref_down, 48, 56)
    expected, whole = in_pytorch(network, padded)
    torch.testing.assert_close(have, expected[..., :64, :80], atol=1e-4, rtol=0)
    assert (matches.blocks, matches.grid) == ((4, 5), (44, 50))
    assert matches.position.shape == (1, 32, 40)
    found, there = matches.position[0], whole.position[0, :32, :40]
    assert (there // 56 >= 44).any() or (there % 56 >= 50).any()  # else nothing was shown
    same_pixels = ref_down[0].flatten(1)[:, found]
    assert torch.equal(same_pixels, padded[2][0].flatten(1)[:, there])
    with pytest.raises(UserError, match=r'lq of at most 48×40, this one is 40×48; .*--lq'):
        generator.super_resolve(*pictures(48, 40, 44, 50))
    with pytest.raises(UserError, match=r'ref of at most 112×96, this one is 120×88'):
        generator.super_resolve(*pictures(40, 40, 44, 60))


def test_the_onnx_file_as_such(exported):
    """Valid, of free sizes, and without a loop over the positions of the image, which is slow."""
    model = onnx.load(exported / 'any.onnx')
    onnx.checker.check_model(model)
    assert [output.name for output in model.graph.output] == list(OUTPUTS)
    sizes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }
    assert [sizes[name][:2] for name in ('lq', 'ref', 'ref_down')] == [[1, 3]] * 3
    assert all(isinstance(axis, str) for shape in sizes.values() for axis in shape[2:])
    operators = {node.op_type for node in model.graph.node}
    operators |= {node.op_type for function in model.functions for node in function.node}
    assert 'Loop' not in operators


def test_the_openvino_file_runs_without_this_package(exported, network):
    """Whole, once its sizes are set, as the documentation has it."""
    model = openvino.Core().read_model(exported / 'any.xml')
    images = pictures(32, 24, 30, 40)
    model.reshape({name: list(image.shape) for name, image in zip(model.inputs, images)})
    compiled = openvino.compile_model(model, 'CPU', dict(INFERENCE_PRECISION_HINT='f32'))
    sr = compiled([image.numpy() for image in images])['sr']
    expected, _ = in_pytorch(network, images)
    torch.testing.assert_close(torch.from_numpy(sr), expected, atol=1e-4, rtol=0)


@bfloat16_units
def test_bfloat16_leaves_the_matching_and_the_enlarged_image_in_float32(exported, network):
    generator = OpenVINOGenerator(exported / 'any.xml', dtype='auto')
    assert generator.dtype == 'bfloat16'
    images = pictures(64, 64, 60, 60)
    expected, matches = in_pytorch(network, images)
    have, found = generator.super_resolve(*images)
    assert torch.equal(found.position, matches.position)
    torch.testing.assert_close(found.similarity, matches.similarity, atol=1e-5, rtol=0)
    difference = (have - expected).abs().max()
    assert 1e-4 < difference < 0.03  # more than float32's, and no more than bfloat16's
    lq, ref, ref_down = images
    bright = 0.99 + 0.01 * lq  # in bfloat16 such pixels are a 256th apart
    have, _ = generator.super_resolve(bright, ref, ref_down)
    assert (have - in_pytorch(network, (bright, ref, ref_down))[0]).abs().mean() < 4e-4


@pytest.mark.parametrize('ending', ['onnx', 'xml'])
def test_the_inferencer_gives_what_pytorch_gives(exported, photos, ending):
    lq, ref, other = photos
    # Aligned references PyTorch searches around where they are aligned, an exported network whole.
    given = dict(device='cpu', align='off')
    expected = MASAInferencer(exported / 'any.pth', **given).predict(lq, [ref, other])
    infer = ExportedInferencer(exported / f'any.{ending}', **given)
    have = infer.predict(lq, [ref, other])
    assert infer.scale == 2
    assert have.image.shape == (2 * lq.shape[0], 2 * lq.shape[1], 3)
    assert np.abs(have.image.astype(int) - expected.image).max() <= 1
    # On real photos some matches are nearly as good as others.
    assert (have.matches.position != expected.matches.position).mean() < 0.005
    assert have.agreement == pytest.approx(expected.agreement, abs=0.002)
    with pytest.raises(UserError, match='save the checkpoint that it was exported'):
        infer.save_pretrained(exported / 'saved')
    assert not (exported / 'saved').exists()


def test_the_photo_command(exported, fixed_onnx, photos, tmp_path):
    """On photos of odd sizes; padding to a fixed size changes what SAM measures, but little."""
    lq, ref, other = photos
    (tmp_path / 'photos').mkdir()
    for name, image in (
        ('photos/a', lq[:38, :45]),
        ('photos/large', other),
        ('ref', ref[:90, :99]),
    ):
        Image.fromarray(image).save(tmp_path / f'{name}.png')
    result = run_python(
        'tools/infer.py', tmp_path / 'photos', '--ref', tmp_path / 'ref.png', '--checkpoint',
        fixed_onnx, '--backend', 'onnxruntime', '--matches',
    )  # fmt: skip
    assert result.returncode == 1
    assert 'large.png' in result.stderr
    assert 'takes a lq of at most 48×40' in result.stderr
    found = np.asarray(Image.open(tmp_path / 'photos_x2' / 'a_x2.png'))
    assert (tmp_path / 'photos_x2' / 'a_x2_matches.png').is_file()
    photo = tmp_path / 'photos' / 'a.png', tmp_path / 'ref.png'
    np.testing.assert_array_equal(ExportedInferencer(fixed_onnx)(*photo), found)
    whole = MASAInferencer(exported / 'any.pth', device='cpu', align='off')(*photo)
    assert np.abs(found.astype(int) - whole).mean() < 2


def test_a_torch_program_of_fixed_sizes(
    small_checkpoint, small_model, monkeypatch, tmp_path, capsys
):
    """Sizes are rounded up to what the network takes."""
    (tmp_path / 'small.py').write_text(Config(dict(model=MODEL)).pretty_text)
    out = tmp_path / 'small.pt2'
    arguments = [tmp_path / 'small.py', small_checkpoint, '--format', 'torch', '--out', out]
    tool = load_tool('deployment/export.py')
    assert not call_tool(tool, monkeypatch, *arguments, '--lq', 14, 20, '--ref', 61, 80)
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
