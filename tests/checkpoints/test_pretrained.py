"""Weights in Hugging Face's layout, there and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from masasr_mm.apis import MASAInferencer
from masasr_mm.errors import UserError


@pytest.fixture
def folder(small_checkpoint, tmp_path):
    MASAInferencer(small_checkpoint, device='cpu').save_pretrained(tmp_path / 'weights')
    return tmp_path / 'weights'


def test_there_and_back(folder, small_checkpoint, photos):
    lq, ref, _ = photos
    expected = MASAInferencer(small_checkpoint, device='cpu')(lq, ref)
    for infer in (
        MASAInferencer.from_pretrained(folder, device='cpu'),
        MASAInferencer(folder, device='cpu'),
    ):
        np.testing.assert_array_equal(infer(lq, ref), expected)
    assert json.loads((folder / 'config.json').read_text())['channels'] == 8


def test_the_hubs_own_reader_finds_the_weights(folder, small_model):
    """safetensors, with the names that the network itself gives them."""
    from safetensors.torch import load_file

    weights = load_file(folder / 'model.safetensors')
    expected = small_model.generator.state_dict()
    assert set(weights) == set(expected)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_half_precision_takes_half_the_place(folder, small_checkpoint, photos, tmp_path):
    infer = MASAInferencer(small_checkpoint, device='cpu')
    infer.save_pretrained(tmp_path / 'half', torch.float16)
    sizes = [(place / 'model.safetensors').stat().st_size for place in (folder, tmp_path / 'half')]
    assert sizes[1] < 0.6 * sizes[0]
    half = MASAInferencer(tmp_path / 'half', device='cpu')
    assert next(half.generator.parameters()).dtype == torch.float32
    lq, ref, _ = photos
    difference = np.abs(half(lq, ref).astype(int) - infer(lq, ref))
    assert difference.mean() < 0.1


def test_nothing_is_written_over_what_the_weights_came_from(folder, small_checkpoint, tmp_path):
    (tmp_path / 'link').symlink_to(folder)
    (tmp_path / 'copy').mkdir()
    (tmp_path / 'copy' / 'model.safetensors').hardlink_to(folder / 'model.safetensors')
    (tmp_path / 'named').mkdir()
    named = tmp_path / 'named' / 'model.safetensors'
    named.write_bytes(small_checkpoint.read_bytes())
    before = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
    infer = MASAInferencer(folder, device='cpu')
    for out in ('weights', 'link', 'copy', 'weights/../weights'):
        with pytest.raises(UserError, match=r'is read.* and would be written over'):
            infer.save_pretrained(tmp_path / out, torch.float16)
    model = tmp_path / 'named' / 'config.json'
    model.with_suffix('.py').write_text('model = ' + repr(dict(generator=infer.config)))
    model.symlink_to('config.py')
    single = MASAInferencer(small_checkpoint, str(model.with_suffix('.py')), device='cpu')
    with pytest.raises(UserError, match=r'is read.* and would be written over'):
        single.save_pretrained(tmp_path / 'named')
    assert before.items() <= {path: path.read_bytes() for path in before}.items()
    infer.save_pretrained(tmp_path / 'new', torch.float16)


def test_weights_that_half_precision_does_not_hold_are_not_written(small_checkpoint, tmp_path):
    infer = MASAInferencer(small_checkpoint, device='cpu')
    infer.generator.to_image.bias.data[1] = 1e5
    with pytest.raises(UserError, match=r"'to_image\.bias' is not finite in torch\.float16"):
        infer.save_pretrained(tmp_path / 'half', torch.float16)
    assert not (tmp_path / 'half').exists()


def test_a_config_cannot_build_what_is_no_part_of_the_network(folder):
    (folder / 'config.json').write_text(json.dumps(dict(type='os.system')))
    with pytest.raises(UserError, match='no part of MASA-SR'):
        MASAInferencer(folder)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda folder: (folder / 'config.json').unlink(), r'config\.json is not in this folder'),
        (lambda folder: (folder / 'config.json').write_text('{'), 'not readable as JSON'),
        (lambda folder: (folder / 'config.json').write_text('[' * 10**5), 'not readable as JSON'),
        (lambda folder: (folder / 'config.json').write_text('3'), 'no config of a network'),
        (lambda folder: (folder / 'model.safetensors').write_bytes(b'x'), 'not a readable'),
        (lambda folder: (folder / 'config.json').write_text('{}'), 'does not fit the network'),
    ],
)
def test_what_is_wrong_is_one_line(folder, change, words):
    change(folder)
    with pytest.raises(UserError, match=words) as caught:
        MASAInferencer(folder)
    assert '\n' not in str(caught.value)


def test_a_name_that_is_nothing_is_one_line():
    with pytest.raises(UserError, match='neither a folder nor a repository'):
        MASAInferencer.from_pretrained('no such folder')
