"""Reading configs for the command line tools, with a user's mistakes in one line."""

from __future__ import annotations

import os
from pathlib import Path

from mmagic.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope

from .errors import UserError


def load_config(path: str, options: dict | None = None, work_dir: str | None = None) -> Config:
    """Read a config file, which is Python and is run; apply options; decide the work directory.

    That is ``work_dir``, or the config's own, or ``work_dirs/<name of the config>``. Data loaders
    without workers lose the settings that torch would refuse.
    """
    if not Path(path).is_file():
        raise UserError(
            f'config not found: {path} (see configs/ for those that come with the code)'
        )
    try:
        config = Config.fromfile(path)
        config.merge_from_dict(options or {})
    except UserError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f'config {path} cannot be read: {type(error).__name__}: {reason}'
        ) from error
    if work_dir or not config.get('work_dir'):
        config.work_dir = work_dir or str(Path('work_dirs') / Path(path).stem)
    for kind in ('train', 'val', 'test'):
        for loader in _as_list(config.get(f'{kind}_dataloader')):
            _fit_workers(loader, f'{path}: {kind}_dataloader')
    init_default_scope(config.get('default_scope', 'mmagic'))
    return config


def config_files(config: Config) -> list[str]:
    """Return the files that a config was read from: those that it inherits, and its own."""
    # mmengine keeps the text of them all, each below a line with its path.
    return [line for line in config.text.splitlines() if os.path.isfile(line)]


def check_data(config: Config, *kinds: str) -> list[BaseDataset]:
    """Build the datasets of 'train', 'val' or 'test' once, to report missing data first."""
    datasets = []
    for kind in kinds:
        loaders = _as_list(config.get(f'{kind}_dataloader'))
        if not loaders or not all('dataset' in loader for loader in loaders):
            raise UserError(
                f'{config.filename} has no {kind}_dataloader: it is not made for that; '
                'configs/masa_x4_cufed5.py trains and tests'
            )
        datasets += [DATASETS.build(loader['dataset']) for loader in loaders]
    return datasets


def _as_list(loaders: dict | list | None) -> list:
    """Return the configs of one data loader, of several, or of none."""
    return list(loaders) if isinstance(loaders, (list, tuple)) else [loaders] if loaders else []


def _fit_workers(loader: dict, name: str) -> None:
    """Take out of a data loader's config what torch refuses without workers."""
    workers = loader.get('num_workers', 0)
    if not isinstance(workers, int) or workers < 0:
        raise UserError(f'{name}.num_workers={workers!r} is no number of processes, 0 or more')
    if workers == 0:
        for key in ('persistent_workers', 'prefetch_factor', 'multiprocessing_context'):
            loader.pop(key, None)
