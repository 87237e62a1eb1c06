"""The systems by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from masasr_mm.errors import UserError
from masasr_mm.evaluation.methods import METHODS, check_checkpoints, config_of
from tests.conftest import REPOSITORY


def test_every_system_of_the_tables_has_a_config():
    configs = REPOSITORY / 'configs'
    peers = {path.name for path in (configs / 'peers').glob('*_x4_cufed5.py')}
    found = {Path(config_of(name, configs)) for name in METHODS}
    assert all(path.is_file() for path in found)
    assert peers == {path.name for path in found if path.parent.name == 'peers'}
    assert len(METHODS) == len(found) == 15


def test_checkpoints_by_name():
    given = ['rcan=a/b=c.pt', 'masa=photos']
    assert check_checkpoints(['rcan', 'masa'], given) == {'rcan': 'a/b=c.pt', 'masa': 'photos'}


@pytest.mark.parametrize(
    ('text', 'message'),
    [('rcan', 'NAME=FILE'), ('rcan=', 'NAME=FILE'), ('han=a.pt', 'han is none of rcan, masa')],
)
def test_mistakes(text, message):
    with pytest.raises(UserError, match=message):
        check_checkpoints(['rcan', 'masa'], [text])
    with pytest.raises(UserError, match=r'--methods vdsr: not one of srcnn, .*masa-rec \(or all\)'):
        config_of('vdsr', Path('configs'))
