"""Registries of mmengine that ask for a package's components."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.registry import Registry


def import_when_asked(registry: Registry, module: str) -> None:
    """Let a registry import a module before it first answers.

    mmengine's (0.10.7) ``Registry`` does this with its ``locations``, but takes them only when it
    is made. Where it keeps them in another way, or has imported them before, the module is imported
    here and now.

    Args:
        registry (Registry): Such as mmagic's ``MODELS``.
        module (str): Full name of the module.
    """
    locations = getattr(registry, '_locations', None)
    if isinstance(locations, list) and getattr(registry, '_imported', True) is False:
        locations.insert(0, module)
    else:
        importlib.import_module(module)
