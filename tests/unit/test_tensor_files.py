"""Files of tensors: what is read, what is refused, and writing them whole."""

from __future__ import annotations

import pickle
import random
import resource
import struct
from pathlib import Path

import pytest
import torch
from torch import nn

from masasr_mm.errors import UserError
from masasr_mm.tensor_files import check_weights, read_tensors, write_tensors
from tests.strangers import compressed, evil_files, legacy_claim

WEIGHTS = {'generator.x': torch.arange(4.0)}


def refusal(path: Path) -> str:
    """The line with which a file is refused."""
    with pytest.raises(UserError) as caught:
        read_tensors(path)
    line = str(caught.value)
    assert path.name in line
    return line


@pytest.mark.parametrize('name', ['a.pth', 'a.safetensors', 'without_suffix'])
def test_there_and_back(name, tmp_path):
    meta = dict(cfg='model = dict()')
    write_tensors(dict(state_dict=WEIGHTS, meta=meta), tmp_path / 'new' / name)
    content = read_tensors(tmp_path / 'new' / name)
    assert torch.equal(content['state_dict']['generator.x'], WEIGHTS['generator.x'])
    assert meta.items() <= content['meta'].items()


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'a.pth'
    write_tensors(dict(state_dict=WEIGHTS), path)
    before = path.read_bytes()

    def full(content, file):
        file.write(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(torch, 'save', full)
    with pytest.raises(UserError, match=r'cannot write .*a\.pth: No space left on device'):
        write_tensors({}, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ['a.pth']


def test_code_is_refused_and_not_run(tmp_path):
    mark = tmp_path / 'executed'
    for kind, path in evil_files(tmp_path, mark).items():
        assert 'refused' in refusal(path), kind
        assert not mark.exists(), kind
    assert refusal(tmp_path / 'system.pth').endswith('(GLOBAL posix.system)')
    pickle.loads((tmp_path / 'plain.pth').read_bytes())  # that it would be so
    assert mark.exists()


def test_what_is_no_checkpoint_is_told(tmp_path):
    contents = dict(list=[torch.zeros(1)], empty={}, weightless=dict(state_dict={}),
                    unnamed=dict(state_dict={3: torch.zeros(1)}), nameless=dict(state_dict=3),
                    sparse={'x': torch.zeros(3).to_sparse()},
                    outline={'x': torch.zeros(3, device='meta')},
                    claim={'x': torch.zeros(1).expand(10**6, 10**6)})  # fmt: skip
    for name, content in contents.items():
        torch.save(content, tmp_path / name)
    for name, words in dict(
        list='holds a list',
        empty='holds a dict',
        weightless='holds no weights',
        unnamed='no list of named weights',
        nameless='no list of named weights',
        sparse="'x' is no plain tensor",
        outline="'x' is no plain tensor",
        claim='the file has only 4 bytes of it',
    ).items():
        assert words in refusal(tmp_path / name)
    assert 'not found' in refusal(tmp_path / 'none.pth')
    write_tensors(dict(state_dict={}), tmp_path / 'a.safetensors')
    assert 'holds no weights' in refusal(tmp_path / 'a.safetensors')
    assert 'is compressed' in refusal(compressed(tmp_path / 'bomb.pth', 8))
    assert 'not a readable' in refusal(legacy_claim(tmp_path / 'claim.pth', 2**40 - 1))


def test_broken_safetensors_are_told(tmp_path):
    path = tmp_path / 'a.safetensors'
    write_tensors(dict(state_dict=WEIGHTS), path)
    content = path.read_bytes()
    for broken in (b'', b'PK', content[:-1], struct.pack('<Q', 2**60) + content[8:]):
        path.write_bytes(broken)
        assert 'not a readable safetensors file' in refusal(path)


def test_damaged_bytes_never_end_in_another_error(tmp_path, small_checkpoint):
    """80 files with a few bytes changed, cut or doubled: what they were, or one line."""
    whole, path, rng = small_checkpoint.read_bytes(), tmp_path / 'a.pth', random.Random(0)
    refused = 0
    for _ in range(80):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            start = rng.choice([rng.randrange(len(content)), rng.randrange(4000)])
            content[start : start + rng.choice([0, 1, 4, 50])] = rng.randbytes(rng.choice([1, 4]))
        path.write_bytes(content)
        try:
            read_tensors(path)
        except UserError:
            refused += 1
    assert refused > 30


def test_weights_are_mapped_and_not_read(tmp_path):
    """A file with more than what is needed takes no memory for the rest."""
    path = tmp_path / 'large.pth'
    torch.save({'generator.x': torch.zeros(1), 'rest': torch.zeros(2**26)}, path)
    before = resident_bytes()
    content = read_tensors(path)
    assert content['rest'].shape == (2**26,)
    assert resident_bytes() - before < 2**26  # of a file of 2**28


def resident_bytes() -> int:
    """Memory of this process that is in use now."""
    return int(Path('/proc/self/statm').read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        (dict(weight=torch.zeros(2, 3)), r"'weight' is \(2, 3\) in the file and \(3, 2\) in"),
        (dict(weight=None), "'weight' is missing in the file"),
        (dict(weight='text'), "'weight' is a str in the file"),
        (dict(extra=torch.zeros(1)), r"'extra' is \(1,\) in the file and missing in the network"),
        (dict(weight=torch.zeros(3, 2, dtype=torch.complex64)), 'holds torch.complex64'),
        (dict(weight=torch.zeros(3, 2, dtype=torch.int8)), 'holds torch.int8'),
        (dict(bias=torch.tensor([0, 1, torch.nan])), "refused, 'bias' has"),
        (dict(bias=torch.tensor([0, -torch.inf, 1])), "refused, 'bias' has"),
        (dict(bias=torch.tensor([0, torch.inf, 1]).half()), "refused, 'bias' has"),
    ],
)
def test_weights_that_do_not_fit(changes, words):
    with torch.device('meta'):
        module = nn.Linear(2, 3)
    state_dict = dict(weight=torch.zeros(3, 2), bias=torch.zeros(3).bfloat16())
    check_weights(module, state_dict, 'a.pth')
    changed = {key: value for key, value in {**state_dict, **changes}.items() if value is not None}
    with pytest.raises(UserError, match=rf'a\.pth.*{words}'):
        check_weights(module, changed, 'a.pth')
