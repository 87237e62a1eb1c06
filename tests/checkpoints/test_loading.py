"""Weights of ours and of the authors', and those of another network."""

from __future__ import annotations

import json
import math

import pytest
import torch
from mmagic.registry import MODELS

from masasr_mm.apis import MASAInferencer
from masasr_mm.checkpoints import loading
from masasr_mm.checkpoints.loading import load_generator
from masasr_mm.checkpoints.recognising import load_checkpoint
from masasr_mm.checkpoints.released import to_released
from masasr_mm.checkpoints.safetensors_file import write_safetensors
from masasr_mm.checkpoints.saving import save_checkpoint
from masasr_mm.checkpoints.starting import check_start
from masasr_mm.errors import UserError


def editor(**generator):
    return MODELS.build(
        dict(
            type='MASA',
            generator=dict(type='MASANet', **generator),
            pixel_loss=dict(type='L1Loss'),
        )
    )


SMALL = dict(channels=4, fusion_blocks=(1, 1, 1))


def test_ours_goes_in_whole(tmp_path):
    source, target = editor(**SMALL), editor(**SMALL)
    save_checkpoint(dict(state_dict=source.state_dict(), meta={}), tmp_path / 'a.pth')
    load_generator(target, tmp_path / 'a.pth')
    for have, need in zip(target.generator.parameters(), source.generator.parameters()):
        assert torch.equal(have, need)


def test_weights_alone_are_a_checkpoint_too(tmp_path):
    source, target = editor(**SMALL), editor(**SMALL)
    torch.save(source.state_dict(), tmp_path / 'a.pth')
    load_generator(target, tmp_path / 'a.pth')
    for have, need in zip(target.generator.parameters(), source.generator.parameters()):
        assert torch.equal(have, need)


def test_a_released_file_is_converted_in_memory(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(loading, 'print_log', lambda text, *_: told.append(text))
    source, target = editor(), editor()
    torch.save(to_released(source.state_dict()), tmp_path / 'masa_rec.pth')
    load_checkpoint(tmp_path / 'masa_rec.pth')
    load_generator(target, tmp_path / 'masa_rec.pth')
    assert len(told) == 1
    assert "masa_rec.pth: the authors' released format" in told[0]
    for have, need in zip(target.generator.parameters(), source.generator.parameters()):
        assert torch.equal(have, need)


def test_weights_of_another_network_are_told(tmp_path):
    path = tmp_path / 'a.pth'
    save_checkpoint(dict(state_dict=editor(**SMALL).state_dict()), path)
    wider = dict(SMALL, channels=8)
    with pytest.raises(UserError, match=r'a\.pth does not fit .* \(4, 3, 3, 3\) .* \(8, 3, 3, 3\)'):
        load_generator(editor(**wider), path)
    deeper = dict(SMALL, fusion_blocks=(1, 1, 2))
    with pytest.raises(UserError, match='missing in the file'):
        load_generator(editor(**deeper), path)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_refused(value, tmp_path):
    """They would make a black picture."""
    broken = editor(**SMALL)
    for part in (broken.generator.merge[0], broken.generator.to_image):
        part.bias.data[2] = value
    save_checkpoint(dict(state_dict=broken.state_dict()), tmp_path / 'a.pth')
    model = dict(type='MASA', generator=dict(type='MASANet', **SMALL))
    config = tmp_path / 'config.py'
    config.write_text(f'model = {model!r}\n')
    for name, dtype in (('folder', torch.float32), ('half', torch.float16)):
        weights = {key: data.to(dtype) for key, data in broken.generator.state_dict().items()}
        write_safetensors(weights, {}, tmp_path / name / 'model.safetensors')
        (tmp_path / name / 'config.json').write_text(json.dumps(model['generator']))
    network = dict(model, pixel_loss=dict(type='L1Loss'))
    for path, load in (
        ('a.pth', lambda path: load_generator(editor(**SMALL), path)),
        ('a.pth', lambda path: MASAInferencer(path, str(config), 'cpu')),
        ('a.pth', lambda path: check_start(path, network, resume=False)),
        ('folder', lambda path: MASAInferencer(path, device='cpu')),
        ('half', lambda path: MASAInferencer.from_pretrained(path, device='cpu')),
    ):
        with pytest.raises(UserError, match=rf"{path}: refused, 'generator\.merge\.0\.bias' has"):
            load(tmp_path / path)


def test_a_training_does_not_go_on_from_weights_that_are_not_finite(tmp_path):
    broken = editor(**SMALL)
    broken.generator.to_image.bias.data[0] = math.nan
    meta = dict(epoch=0, iter=1)
    checkpoint = dict(state_dict=broken.state_dict(), optimizer={}, meta=meta)
    save_checkpoint(checkpoint, tmp_path / 'iter_1.pth')
    model = dict(
        type='MASA', generator=dict(type='MASANet', **SMALL), pixel_loss=dict(type='L1Loss')
    )
    with pytest.raises(UserError, match=r"iter_1\.pth: refused, 'generator\.to_image\.bias' has"):
        check_start(tmp_path / 'iter_1.pth', model, resume=True)
