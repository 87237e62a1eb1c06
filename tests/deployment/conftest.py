"""A small network, exported once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmagic.registry import MODELS
from mmengine.registry import DefaultScope

from masasr_mm.deployment.interface import KEY
from masasr_mm.deployment.onnx_file import save_onnx, to_onnx
from masasr_mm.deployment.openvino_file import save_openvino
from masasr_mm.deployment.program import export_program, interface_of


@pytest.fixture(scope='session')
def network() -> torch.nn.Module:
    """A ×2 network, the smallest that has every part, which quickens the export."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmagic'):
        network = MODELS.build(
            dict(
                type='MASANet',
                scale=2,
                channels=4,
                fusion_blocks=(1, 1),
                encoder=dict(num_blocks=1),
            )
        )
    torch.nn.init.normal_(network.to_image.weight, std=0.05)
    return network.eval()


@pytest.fixture(scope='session')
def program(network):
    """The network traced for any size."""
    return export_program(network, interface_of(network))


@pytest.fixture(scope='session')
def translated(program):
    """The same in ONNX."""
    pytest.importorskip('onnxscript')
    return to_onnx(program, 9)


@pytest.fixture(scope='session')
def exported(translated, network, tmp_path_factory) -> Path:
    """The folder with ``any.onnx``."""
    folder = tmp_path_factory.mktemp('exported')
    save_onnx(translated, interface_of(network), folder / 'any.onnx')
    return folder


@pytest.fixture(scope='session')
def openvino_file(translated, network, tmp_path_factory) -> Path:
    """A file of OpenVINO for any size, with its weights beside it."""
    path = tmp_path_factory.mktemp('openvino') / 'any.xml'
    save_openvino(translated, interface_of(network), path)
    return path


@pytest.fixture(scope='session')
def fixed_onnx(exported, network) -> Path:
    """An ONNX file that says it takes photos of 40×48 and references of 96×112 alone."""
    onnx = pytest.importorskip('onnx')
    model = onnx.load(exported / 'any.onnx')
    [entry] = [entry for entry in model.metadata_props if entry.key == KEY]
    entry.value = interface_of(network, (40, 43), (95, 111)).to_text()
    onnx.save(model, exported / 'fixed.onnx')
    return exported / 'fixed.onnx'


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
