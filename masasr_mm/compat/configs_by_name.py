"""Configs of this package by name, as mmengine has them for those of OpenMMLab."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from ..errors import UserError

PACKAGE = Path(__file__).resolve().parent.parent
#: How a name begins that means one of our configs.
OUR_CONFIGS = f'{PACKAGE.name}::'


def provide_configs_by_name() -> None:
    """Let mmengine find ``masasr_mm::masa_x4_cufed5.py`` where a config names it as its ``_base_``.

    mmengine (0.10.7) takes such names of OpenMMLab's own packages alone, wants a folder in them,
    and asks pkg_resources for the package, which setuptools no longer has. This is for
    ``mmengine.config``; :func:`provide_configs_in_hub` is for ``mmengine.hub``.
    """
    from mmengine.config import Config

    for_others = Config._get_cfg_path

    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if not cfg_path.startswith(OUR_CONFIGS):
            return for_others(cfg_path, filename)
        path = PACKAGE / '.mim' / 'configs' / cfg_path.removeprefix(OUR_CONFIGS)
        if not path.is_file():
            raise UserError(f'{filename}: there is no {path}, which {cfg_path} means')
        return str(path), None  # the scope is mmagic's, as in any config of ours

    Config._get_cfg_path = staticmethod(get_cfg_path)


def provide_configs_in_hub() -> None:
    """Let ``mmengine.hub.get_config`` find our configs by name (mmengine 0.10.7, as above)."""
    from mmengine.hub import hub

    for name, answer in dict(
        _get_package_and_cfg_path=lambda path: (PACKAGE.name, path.removeprefix(OUR_CONFIGS)),
        install_package=lambda package: None,
        get_installed_path=lambda package: str(PACKAGE),
    ).items():
        setattr(hub, name, _ours_or_else(answer, getattr(hub, name)))


def _ours_or_else(answer: Callable, otherwise: Callable) -> Callable:
    """Return a function that gives ``answer`` for this package, or for one of its configs."""

    @functools.wraps(otherwise)
    def choose(name: str):
        return (answer if name.partition('::')[0] == PACKAGE.name else otherwise)(name)

    return choose
