"""The systems by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from masasr_mm.errors import UserError
from masasr_mm.evaluation.methods import METHODS, checkpoints_of, configs_of
from tests.conftest import REPOSITORY

CONFIGS = REPOSITORY / 'configs'


def test_every_system_of_the_tables_has_a_config():
    peers = {path.name for path in (CONFIGS / 'peers').glob('*_x4_cufed5.py')}
    found = [Path(file) for file in configs_of(['all'], CONFIGS).values()]
    assert all(path.is_file() for path in found)
    assert peers == {path.name for path in found if path.parent.name == 'peers'}
    assert len(METHODS) == len(set(found)) == 15


def test_methods_may_have_other_configs_and_there_may_be_more_of_them():
    given = ['rcan=other.py', 'mine=a/b=c.py']
    assert configs_of(['mine', 'rcan'], CONFIGS, given) == {'mine': 'a/b=c.py', 'rcan': 'other.py'}
    found = configs_of(['all'], CONFIGS, given)
    assert list(found) == [*METHODS, 'mine']
    assert found['rcan'] == 'other.py'
    assert found['han'] == configs_of(['han'], CONFIGS)['han']


def test_checkpoints_by_name():
    given = ['rcan=a/b=c.pt', 'masa=photos']
    assert checkpoints_of(['rcan', 'masa'], given) == {'rcan': 'a/b=c.pt', 'masa': 'photos'}


@pytest.mark.parametrize('text', ['rcan', 'rcan=', '=a.pt'])
def test_a_name_and_a_file_are_needed(text):
    with pytest.raises(UserError, match=f'--checkpoints {text}: NAME=FILE is needed'):
        checkpoints_of(['rcan'], [text])
    with pytest.raises(UserError, match=f'--configs {text}: NAME=FILE is needed'):
        configs_of(['rcan'], CONFIGS, [text])


def test_only_what_is_compared_and_known():
    with pytest.raises(UserError, match=r'--checkpoints han=a\.pt: han is none of rcan, masa'):
        checkpoints_of(['rcan', 'masa'], ['han=a.pt'])
    with pytest.raises(UserError, match=r'vdsr: not one of srcnn, .*, masa-rec, mine \(or all\)'):
        configs_of(['vdsr'], CONFIGS, ['mine=a.py'])
