"""The FLOPs axis of Fig. 5."""

from __future__ import annotations

import itertools

import pytest

from masasr_mm.evaluation.matching_sweep import sweep
from masasr_mm.models import MASANet


@pytest.fixture(scope='module')
def settings() -> list:
    return list(sweep(MASANet(), (128, 128), (128, 128)))


def formulas(settings: list, panel: str) -> dict[str, int]:
    return {s.label: s.formula for s in settings if s.panel == panel}


def test_the_paper_s_setting_is_in_every_panel(settings):
    for panel, label in (('a', '8×8'), ('b', '12×12'), ('c', '1, 2, 3')):
        assert formulas(settings, panel)[label] == 8_842_641_408


def test_lr_blocks(settings):
    found = formulas(settings, 'a')
    patch = 9 * 64
    for size, padded in ((4, 128), (8, 128), (12, 132), (16, 128)):
        blocks = (padded // size) ** 2
        expected = blocks * 128**2 * patch * 3 + padded**2 * 13**2 * patch
        if size == 12:  # Ref↓ is not padded: 128 // (2·11) = 5 positions to each side
            expected = blocks * 128**2 * patch * 3 + padded**2 * 11**2 * patch
        assert found[f'{size}×{size}'] == expected
    assert found['1×1'] == 128**4 * patch * 3 + 128**2 * patch
    assert sorted(found.values(), reverse=True) == list(found.values())
    assert [s.lr_size for s in settings if s.label == '12×12' and s.panel == 'a'] == [(132, 132)]


def test_ref_blocks(settings):
    found = formulas(settings, 'b')
    coarse = 256 * 128**2 * 9 * 64 * 3
    assert found == {
        f'{size}×{size}': coarse + 128**2 * (size + 1) ** 2 * 9 * 64 for size in (4, 8, 12, 16, 20)
    }


def test_dilations(settings):
    found = list(formulas(settings, 'c').values())
    steps = [after - before for before, after in itertools.pairwise(found)]
    assert steps == [256 * 128**2 * 9 * 64] * 3


def test_fewer_operations_are_run_but_for_the_norms(settings):
    for setting in settings:
        if setting.label != '1×1':
            assert setting.as_run < setting.formula
