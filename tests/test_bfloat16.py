"""bfloat16 on CPUs with and without units for it."""

from __future__ import annotations

import pytest
import torch

from masasr_mm.apis import MASAInferencer
from masasr_mm.bfloat16 import fastest_dtype, warn_of_emulation
from masasr_mm.cli.photo_command import make_inferencer
from masasr_mm.cli.photo_options import parse_args
from masasr_mm.compat import cpu_has_bfloat16_units

TESTS = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')


@pytest.fixture
def cpu(monkeypatch):
    """Makes the CPU one with such instructions, or none."""

    def make(*supported: str) -> None:
        for name in TESTS:
            monkeypatch.setattr(torch.cpu, name, lambda name=name: name in supported, raising=False)

    return make


@pytest.mark.parametrize('name', TESTS)
def test_either_kind_of_unit_will_do(cpu, name, capsys):
    cpu(name)
    assert cpu_has_bfloat16_units()
    assert fastest_dtype('cpu') == fastest_dtype('cpu:0') == 'bfloat16'
    assert fastest_dtype('cuda:0') == 'float32'
    warn_of_emulation('--amp', 'bfloat16', 'cpu')
    assert not capsys.readouterr().err


def test_without_units_float32_is_faster_and_the_user_is_told(cpu, capsys):
    cpu()
    assert fastest_dtype('cpu') == 'float32'
    for dtype, device in (('bfloat16', 'cuda'), ('float32', 'cpu'), (None, 'cpu')):
        warn_of_emulation('--amp', dtype, device)
    assert not capsys.readouterr().err
    warn_of_emulation('--amp', 'bfloat16', 'cpu:0')
    assert '--amp bfloat16 is many times slower' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('supported', 'given', 'dtype', 'warned'),
    [
        (TESTS[:1], [], 'bfloat16', False),
        ((), [], 'float32', False),
        ((), ['--dtype', 'bfloat16'], 'bfloat16', True),
    ],
)
def test_the_photo_command(cpu, capsys, monkeypatch, supported, given, dtype, warned):
    cpu(*supported)
    monkeypatch.setattr('sys.argv', ['masasr', 'a.png', '--self-ref', '--device', 'cpu', *given])
    assert make_inferencer(parse_args()).dtype == dtype
    assert ('--dtype bfloat16 is many times slower' in capsys.readouterr().err) == warned


def test_a_torch_that_does_not_tell(monkeypatch):
    for name in TESTS:
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not cpu_has_bfloat16_units()


@pytest.mark.parametrize(('supported', 'dtype'), [(TESTS[:1], 'bfloat16'), ((), 'float32')])
def test_auto_takes_the_faster_one(cpu, supported, dtype):
    cpu(*supported)
    assert MASAInferencer(device='cpu', dtype='auto').dtype == dtype
    assert MASAInferencer(device='cpu').dtype == 'float32'
