"""The name of the data set that is being tested."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from masasr_mm.engine.hooks.tested_data import current_test_set
from masasr_mm.errors import UserError

from .tested import Images


def runner(*names: str, current: int = 0) -> SimpleNamespace:
    loaders = [SimpleNamespace(dataset=Images(name, 1)) for name in names]
    return SimpleNamespace(
        test_loop=SimpleNamespace(dataloaders=loaders, dataloader=loaders[current])
    )


def test_one_of_several():
    assert current_test_set(runner('near', 'far', current=1)) == 'far'


def test_a_single_one_needs_no_name():
    assert current_test_set(runner('any')) is None


def test_the_loop_of_mmengine_has_a_single_one():
    loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=Images('any', 1)))
    assert current_test_set(SimpleNamespace(test_loop=loop)) is None


def test_two_of_one_name_are_refused():
    with pytest.raises(UserError, match="several data sets named 'same'"):
        current_test_set(runner('other', 'same', 'same'))
