"""OpenVINO gives what PyTorch gives."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import openvino
import pytest
import torch

from masasr_mm.cli.photo_command import make_inferencer
from masasr_mm.cli.photo_options import parse_args
from masasr_mm.compat.openvino import _exchange, _SignalStack
from masasr_mm.deployment.interface import KEY
from masasr_mm.deployment.openvino_devices import choose_dtype
from masasr_mm.deployment.openvino_file import save_openvino
from masasr_mm.deployment.openvino_generator import OpenVINOGenerator
from masasr_mm.deployment.program import interface_of
from masasr_mm.errors import UserError
from masasr_mm.models.inference.any_size import super_resolve

from .conftest import pictures
from .test_onnx_generator import assert_same
from .test_program import SIZES

bfloat16_units = pytest.mark.skipif(
    'BF16' not in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'),
    reason='this CPU has no units for bfloat16',
)


@pytest.fixture(scope='module')
def generator(openvino_file):
    return OpenVINOGenerator(openvino_file)


@pytest.fixture
def capabilities(monkeypatch):
    """What the device is made for, as the test says."""

    def pretend(*units):
        monkeypatch.setattr(openvino.Core, 'get_property', lambda *_: list(units))

    return pretend


@pytest.mark.parametrize('sizes', [*SIZES, (8, 8, 3, 3), (8, 24, 90, 4)])
def test_any_size(generator, network, sizes):
    images = pictures(*sizes)
    with torch.no_grad():
        expected = network.super_resolve(*images)
    assert_same(generator.super_resolve(*images), expected)


def test_a_later_run_leaves_a_result_as_it_is(generator):
    """OpenVINO can give views of memory that its next run writes to."""
    first, second = (pictures(16, 16, 20, 24, seed=seed) for seed in (0, 1))
    sr, matches = generator.super_resolve(*first)
    copies = [tensor.clone() for tensor in (sr, *matches[:4])]
    generator.super_resolve(*second)
    for tensor, copy in zip((sr, *matches[:4]), copies):
        assert torch.equal(tensor, copy)


def test_the_self_ensemble_compiles_the_matching_twice(openvino_file, network, monkeypatch):
    """For a photo and for the same photo turned."""
    generator, compiled = OpenVINOGenerator(openvino_file), []
    right = OpenVINOGenerator._compile
    monkeypatch.setattr(
        OpenVINOGenerator, '_compile', lambda *args: compiled.append(args) or right(*args)
    )
    images, config = pictures(16, 24, 20, 28), dict(ensemble=True)
    have, _ = super_resolve(generator, *images, config)
    with torch.no_grad():
        expected, _ = super_resolve(network, *images, config)
    torch.testing.assert_close(have, expected, atol=1e-4, rtol=0)
    assert len(compiled) == 2


def test_no_more_than_two_sizes_are_kept(openvino_file, network):
    generator = OpenVINOGenerator(openvino_file)
    for width in (16, 24, 32):
        images = pictures(16, width, 20, 28)
        with torch.no_grad():
            expected = network.super_resolve(*images)
        assert_same(generator.super_resolve(*images), expected)
    assert [size[0][3] for size in generator._compiled] == [24, 32]


def test_the_stack_of_signals_is_left_alone(openvino_file):
    """With AMX every model that is compiled exchanges it; see ``compat``."""
    before, after = _SignalStack(), _SignalStack()
    _exchange(None, before)
    OpenVINOGenerator(openvino_file).super_resolve(*pictures(16, 16, 20, 24))
    _exchange(None, after)
    assert bytes(before) == bytes(after)


@bfloat16_units
def test_bfloat16_leaves_the_matching_in_float32(openvino_file, network):
    generator = OpenVINOGenerator(openvino_file, dtype='auto')
    assert generator.dtype == 'bfloat16'
    images = pictures(64, 64, 60, 60)
    with torch.no_grad():
        expected, matches = network.super_resolve(*images)
    have, found = generator.super_resolve(*images)
    assert torch.equal(found.position, matches.position)
    torch.testing.assert_close(found.similarity, matches.similarity, atol=1e-5, rtol=0)
    difference = (have - expected).abs().max()
    assert 1e-4 < difference < 0.03  # more than float32's, and no more than bfloat16's


@bfloat16_units
def test_bfloat16_leaves_the_enlarged_image_as_it_is(openvino_file):
    """In bfloat16 its brightest pixels were a 256th apart."""
    generator = OpenVINOGenerator(openvino_file, dtype='bfloat16')
    lq, ref, ref_down = pictures(32, 32, 30, 30)
    bright = 0.99 + 0.01 * lq
    exact = OpenVINOGenerator(openvino_file).super_resolve(bright, ref, ref_down)[0]
    have = generator.super_resolve(bright, ref, ref_down)[0]
    assert (have - exact).abs().mean() < 4e-4


def test_a_type_is_chosen_by_what_the_device_has(capabilities):
    capabilities('FP32', 'FP16')
    assert [choose_dtype(name, 'CPU') for name in ('auto', 'float16')] == ['float32', 'float16']
    with pytest.raises(UserError, match='dtype bfloat16 cannot be used: CPU has no units for it'):
        choose_dtype('bfloat16', 'CPU')
    with pytest.raises(UserError, match=r'dtype must be one of auto, float32, .*not int8'):
        choose_dtype('int8', 'CPU')
    capabilities('FP32', 'BF16')
    assert choose_dtype('auto', 'CPU') == 'bfloat16'
    assert choose_dtype('float32', 'CPU') == 'float32'


def test_a_device_that_is_not_there_is_told(openvino_file):
    with pytest.raises(UserError, match=r'device cuda cannot be used: OpenVINO finds .*cpu'):
        OpenVINOGenerator(openvino_file, device='cuda')


def test_a_file_needs_its_weights(openvino_file, tmp_path):
    with pytest.raises(UserError, match=r'not found: .*none\.xml'):
        OpenVINOGenerator(tmp_path / 'none.xml')
    alone = shutil.copy(openvino_file, tmp_path / 'alone.xml')
    with pytest.raises(UserError, match=r'alone\.xml: its weights, alone\.bin, are not beside'):
        OpenVINOGenerator(alone)


def test_files_of_others_are_told(tmp_path):
    (tmp_path / 'text.xml').write_text('no model')
    (tmp_path / 'text.bin').touch()
    with pytest.raises(UserError, match=r'text\.xml: not an OpenVINO file') as error:
        OpenVINOGenerator(tmp_path / 'text.xml')
    assert '\n' not in str(error.value)
    x = openvino.opset13.parameter([1], openvino.Type.f32)
    openvino.save_model(openvino.Model([openvino.opset13.relu(x)], [x]), tmp_path / 'other.xml')
    with pytest.raises(UserError, match=r'other\.xml: no network that tools/deployment'):
        OpenVINOGenerator(tmp_path / 'other.xml')


def test_a_missing_openvino_is_told(monkeypatch, openvino_file):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    with pytest.raises(UserError, match=r'pip install -r requirements/openvino\.txt'):
        OpenVINOGenerator(openvino_file)


def test_the_file_runs_without_this_package(openvino_file, network):
    """Whole, once its sizes are set, as the documentation has it."""
    model = openvino.Core().read_model(openvino_file)
    assert KEY in model.get_rt_info()
    images = pictures(32, 24, 30, 40)
    model.reshape({name: list(image.shape) for name, image in zip(model.inputs, images)})
    compiled = openvino.compile_model(model, 'CPU', dict(INFERENCE_PRECISION_HINT='f32'))
    sr = compiled([image.numpy() for image in images])['sr']
    with torch.no_grad():
        expected = network(*images)
    torch.testing.assert_close(torch.from_numpy(sr), expected, atol=1e-4, rtol=0)


def test_what_cannot_be_written_leaves_no_file(translated, network, tmp_path):
    (tmp_path / 'any.bin').mkdir()
    with pytest.raises(UserError, match=r'cannot write .*any\.bin'):
        save_openvino(translated, interface_of(network), tmp_path / 'any.xml')
    assert [path.name for path in tmp_path.iterdir()] == ['any.bin']


def test_the_command_gives_what_onnxruntime_gives(openvino_file, exported, photos):
    lq, ref, other = photos
    common = ['a.png', '--self-ref', '--dtype', 'float32', '--backend']
    have, expected = (
        make_inferencer(parse_args([*common, backend, '--checkpoint', str(path)])).predict(
            lq, [ref, other]
        )
        for backend, path in (
            ('openvino', openvino_file),
            ('onnxruntime', exported / 'any.onnx'),
        )
    )
    assert np.abs(have.image.astype(int) - expected.image).max() <= 1
    # On real photos some matches are nearly as good as others.
    assert (have.matches.position != expected.matches.position).mean() < 0.005
