"""Checkpoints as safetensors files."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch

from masasr_mm.apis import MASAInferencer
from masasr_mm.checkpoints.reading import load_tensors
from masasr_mm.checkpoints.recognising import load_checkpoint
from masasr_mm.checkpoints.safetensors_file import write_safetensors
from masasr_mm.errors import UserError

pytest.importorskip('safetensors')


def test_the_inferencer_reads_weights_and_config(small_checkpoint, photos, tmp_path):
    checkpoint = load_checkpoint(small_checkpoint)
    path = tmp_path / 'small.safetensors'
    write_safetensors(checkpoint['state_dict'], dict(cfg=checkpoint['meta']['cfg']), path)
    have = load_checkpoint(path)
    assert have['meta']['cfg'] == checkpoint['meta']['cfg']
    assert list(have['state_dict']) == sorted(checkpoint['state_dict'])
    for key, value in checkpoint['state_dict'].items():
        assert torch.equal(have['state_dict'][key], value)
    lq, ref, _ = photos
    results = [MASAInferencer(file, device='cpu')(lq, ref) for file in (path, small_checkpoint)]
    np.testing.assert_array_equal(*results)


def test_broken_files_are_told_in_one_line(tmp_path):
    path = tmp_path / 'a.safetensors'
    write_safetensors({'generator.x': torch.zeros(4)}, {}, path)
    content = path.read_bytes()
    header = struct.pack('<Q', 2**60)
    for broken in (b'', b'PK', content[:-1], header + content[8:]):
        path.write_bytes(broken)
        with pytest.raises(UserError, match=r'a\.safetensors: not a readable') as error:
            load_tensors(path)
        assert '\n' not in str(error.value)
    with pytest.raises(UserError, match='checkpoint not found'):
        load_tensors(tmp_path / 'none.safetensors')


def test_a_file_of_another_network_is_told(tmp_path):
    write_safetensors({'backbone.x': torch.zeros(4)}, {}, tmp_path / 'b.safetensors')
    with pytest.raises(UserError, match='no MASA checkpoint'):
        load_checkpoint(tmp_path / 'b.safetensors')
