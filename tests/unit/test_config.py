"""Configs as the tools read them."""

from __future__ import annotations

import pytest
from mmengine.runner import Runner

from masasr_mm.config import load_config
from masasr_mm.errors import UserError


@pytest.mark.parametrize('kind', ['train', 'val', 'test'])
def test_any_data_loader_can_do_without_workers(small_config, kind):
    settings = ('persistent_workers=True', 'prefetch_factor=2', 'multiprocessing_context=fork')
    options = dict(item.split('=') for item in settings)
    options = {f'{kind}_dataloader.{name}': value for name, value in options.items()}
    config = load_config(str(small_config), {**options, f'{kind}_dataloader.num_workers': 0})
    loader = Runner.build_dataloader(config[f'{kind}_dataloader'])
    assert loader.num_workers == 0
    assert len(next(iter(loader))['inputs']) == loader.batch_size


@pytest.mark.parametrize('workers', [-1, 1.5, 'many'])
def test_an_impossible_number_of_workers_is_one_line(small_config, workers):
    with pytest.raises(UserError, match=r'train_dataloader\.num_workers='):
        load_config(str(small_config), {'train_dataloader.num_workers': workers})
