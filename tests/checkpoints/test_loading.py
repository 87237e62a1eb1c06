"""Weights of ours and of the authors', and those of another network."""

from __future__ import annotations

import pytest
import torch
from mmagic.registry import MODELS

import masasr_mm  # noqa: F401
from masasr_mm.checkpoints import loading
from masasr_mm.checkpoints.loading import load_generator
from masasr_mm.checkpoints.recognising import load_checkpoint
from masasr_mm.checkpoints.released import to_released
from masasr_mm.checkpoints.saving import save_checkpoint
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
