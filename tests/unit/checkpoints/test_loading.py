"""Weights that go into a network, those that do not, and where a training starts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from mmagic.registry import MODELS

from masasr_mm.apis import MASAInferencer
from masasr_mm.checkpoints import loading
from masasr_mm.checkpoints.formats import to_released
from masasr_mm.checkpoints.loading import (
    build_generator,
    check_start,
    load_generator,
    newest_checkpoint,
)
from masasr_mm.errors import UserError
from masasr_mm.tensor_files import write_tensors
from tests.conftest import MODEL

SMALL = dict(channels=4, fusion_blocks=(1, 1, 1))


def editor(**generator):
    return MODELS.build(editor_config(**generator))


def editor_config(**generator) -> dict:
    network = dict(type='MASANet', **generator)
    return dict(type='MASA', generator=network, pixel_loss=dict(type='L1Loss'))


@pytest.fixture
def lines(monkeypatch) -> list[str]:
    """What is written to the log."""
    found: list[str] = []
    monkeypatch.setattr(loading, 'print_log', lambda text, *options: found.append(text))
    return found


def same(have, need) -> bool:
    pairs = zip(have.generator.parameters(), need.generator.parameters())
    return all(torch.equal(*pair) for pair in pairs)


def test_a_released_file_is_converted_in_memory(tmp_path, lines):
    source, target = editor(), editor()
    torch.save(to_released(source.state_dict()), tmp_path / 'masa_rec.pth')
    load_generator(target, tmp_path / 'masa_rec.pth')
    assert same(target, source)
    [line] = lines
    assert "masa_rec.pth: the authors' released format" in line
    network, config = build_generator(tmp_path / 'masa_rec.pth')
    assert torch.equal(network.to_image.weight, source.generator.to_image.weight)
    assert config == dict(type='MASANet')


def test_weights_of_another_network_are_told(tmp_path):
    path = tmp_path / 'a.pth'
    write_tensors(dict(state_dict=editor(**SMALL).state_dict()), path)
    with pytest.raises(UserError, match=r'a\.pth does not fit .* \(4, 3, 3, 3\) .* \(8, 3, 3, 3\)'):
        load_generator(editor(**dict(SMALL, channels=8)), path)
    with pytest.raises(UserError, match='missing in the file'):
        load_generator(editor(**dict(SMALL, fusion_blocks=(1, 1, 2))), path)
    torch.save({'backbone.weight': torch.zeros(1)}, path)
    with pytest.raises(
        UserError, match=r"no MASA checkpoint, .* \(the first is 'backbone\.weight'"
    ):
        load_generator(editor(**SMALL), path)


@pytest.mark.parametrize('value', [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused_everywhere(value, tmp_path):
    """They would make a black picture."""
    broken = editor(**SMALL)
    for part in (broken.generator.merge[0], broken.generator.to_image):
        part.bias.data[2] = value
    meta = dict(epoch=0, iter=1)
    content = dict(state_dict=broken.state_dict(), optimizer={}, meta=meta)
    write_tensors(content, tmp_path / 'iter_1.pth')
    model = editor_config(**SMALL)
    config = tmp_path / 'config.py'
    config.write_text(f'model = {model!r}\n')
    for name, dtype in (('folder', torch.float32), ('half', torch.float16)):
        weights = {key: data.to(dtype) for key, data in broken.generator.state_dict().items()}
        write_tensors(dict(state_dict=weights), tmp_path / name / 'model.safetensors')
        (tmp_path / name / 'config.json').write_text(json.dumps(model['generator']))
    for path, load in (
        ('iter_1.pth', lambda path: load_generator(editor(**SMALL), path)),
        ('iter_1.pth', lambda path: MASAInferencer(path, str(config), 'cpu')),
        ('iter_1.pth', lambda path: check_start(path, model, resume=False)),
        ('iter_1.pth', lambda path: check_start(path, model, resume=True)),
        ('folder', lambda path: MASAInferencer(path, device='cpu')),
        ('half', lambda path: MASAInferencer.from_pretrained(path, device='cpu')),
    ):
        with pytest.raises(UserError, match=rf"{path}: refused, 'generator\.merge\.0\.bias' has"):
            load(tmp_path / path)


def test_a_start_that_does_not_fit_is_told(small_checkpoint):
    """mmengine would go on with random weights and a line in the log."""
    check_start(small_checkpoint, MODEL, resume=False)
    with pytest.raises(UserError, match='weights alone, no training that could be resumed'):
        check_start(small_checkpoint, MODEL, resume=True)
    wider = dict(MODEL, generator=dict(MODEL['generator'], channels=12))
    with pytest.raises(UserError, match=r'is \(8, 3, 3, 3\) in the file and \(12, 3, 3, 3\) in'):
        check_start(small_checkpoint, wider, resume=False)


def test_resuming_runs_no_config(tmp_path, small_model):
    """mmengine's ``Runner.resume`` would run the text in ``meta['config']`` as Python."""
    mark, path = tmp_path / 'executed', tmp_path / 'iter_1.pth'
    checkpoint = dict(
        state_dict=small_model.state_dict(),
        optimizer=dict(generator=dict(state={}, param_groups=[])),
        meta=dict(epoch=0, iter=1),
    )
    write_tensors(checkpoint, path)
    check_start(path, MODEL, resume=True)
    checkpoint['meta']['config'] = f"open({str(mark)!r}, 'w')"
    write_tensors(checkpoint, path)
    with pytest.raises(UserError, match=r'refused, resuming it would run the code in its meta\['):
        check_start(path, MODEL, resume=True)
    check_start(path, MODEL, resume=False)
    assert not mark.exists()


def save(path: Path, step: int, minute: int) -> Path:
    """Write what a resumed run needs, as if at some minute of an hour."""
    content = dict(
        meta=dict(iter=step, time=f'20260101_10{minute:02d}00'),
        state_dict=dict(weight=torch.arange(1000.0) + step),
        message_hub={},
        optimizer={},
    )
    torch.save(content, path)
    return path


def test_the_newest_by_the_time_written_in_it(tmp_path, lines):
    save(tmp_path / 'iter_900.pth', 900, minute=0)  # of an older, longer run
    expected = save(tmp_path / 'iter_20.pth', 20, minute=2)
    save(tmp_path / 'iter_10.pth', 10, minute=1)
    save(tmp_path / 'best_PSNR_iter_30.pth', 30, minute=3)  # has no optimizer in real life
    for age, name in enumerate(('iter_20.pth', 'iter_900.pth', 'iter_10.pth')):
        os.utime(tmp_path / name, (1000 + age, 1000 + age))  # as a copy of the folder may have them
    assert newest_checkpoint(tmp_path) == expected
    assert lines == []


def flip_one_bit(content: bytes) -> bytes:
    place = content.index(torch.arange(1000.0)[500:510].add(40).numpy().tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    'damage',
    [lambda content: content[: len(content) // 2], lambda content: b'', flip_one_bit,
     lambda content: bytes(len(content))],
    ids=['truncated', 'empty', 'one bit', 'zeros'],
)  # fmt: skip
def test_damaged_ones_are_named_and_passed_over(tmp_path, lines, damage):
    expected = save(tmp_path / 'iter_20.pth', 20, minute=1)
    broken = save(tmp_path / 'iter_40.pth', 40, minute=2)
    broken.write_bytes(damage(broken.read_bytes()))
    (tmp_path / 'last_checkpoint').write_text(str(broken))
    assert newest_checkpoint(tmp_path) == expected
    [line] = lines
    assert str(broken) in line


def test_all_of_them_damaged(tmp_path, lines):
    for step in (1, 2):
        (tmp_path / f'iter_{step}.pth').write_bytes(b'PK\x03\x04')
    with pytest.raises(UserError, match='none of its 2 checkpoints is whole'):
        newest_checkpoint(tmp_path)
    assert len(lines) == 2
