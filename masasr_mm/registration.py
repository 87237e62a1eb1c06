"""Making the components known to mmagic without importing them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from . import compat


def register_when_possible() -> None:
    """Let everything find the components of this package, each as soon as it is imported itself."""
    after_import('numpy', compat.provide_numpy_bool8)
    after_import('torch', compat.allow_mmengine_checkpoints)
    after_import('mmengine.fileio', _register_with_mmengine)
    after_import('mmengine.config', compat.provide_configs_by_name)
    after_import('mmengine.hub', compat.provide_configs_in_hub)
    after_import('mmagic.registry', _register_with_mmagic)


def _register_with_mmengine() -> None:
    """Register the file backends, and see that what comes next can be imported."""
    compat.require_mmcv()
    from .datasets import lmdb_folder  # noqa: F401
    from .engine import whole_files  # noqa: F401


def _register_with_mmagic() -> None:
    """Let mmagic's models be imported at all, and its registries import ours when first asked."""
    compat.ignore_import_warnings()
    compat.provide_mmcv_ops()
    compat.provide_mediapipe_face()
    from mmagic import registry
    from mmengine.registry import Registry

    for candidate in vars(registry).values():
        if isinstance(candidate, Registry) and candidate.scope == 'mmagic':
            compat.import_when_asked(candidate, f'{__package__}.components')


class _AfterImport(MetaPathFinder):
    """Finds one module where the other finders do, and calls a function when it is imported."""

    def __init__(self, name: str, function: Callable[[], None]) -> None:
        self.name = name
        self.function = function

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self.name:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = partial(self._execute, spec.loader.exec_module)
        return spec

    def _execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        execute(module)
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            self.function()


def after_import(name: str, function: Callable[[], None]) -> None:
    """Call a function as soon as a module is imported; at once if it is already.

    torch, mmengine and mmagic take seconds to import, and the commands can answer ``--help`` and a
    wrong option without them.
    """
    if name in sys.modules:
        function()
    else:
        sys.meta_path.insert(0, _AfterImport(name, function))
