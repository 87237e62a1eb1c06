"""mmcv-lite in the place of mmcv."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

from ..errors import UserError


def require_mmcv() -> None:
    """See that mmcv is installed, which no requirement of this package can name.

    Raises UserError: mmengine drops the text of an ``ImportError`` where a config imports.
    """
    if importlib.util.find_spec('mmcv') is None:
        raise UserError("masasr_mm needs mmcv-lite or full mmcv: pip install 'mmcv-lite>=2.0,<2.2'")


def provide_mmcv_ops() -> bool:
    """Let ``mmcv.ops`` be imported where its compiled operators are missing.

    ``mmagic.models`` (1.2.0) imports ``mmcv.ops`` for editors that MASA has nothing to do with.
    mmcv-lite (2.1.0) holds the Python part of that package but not the compiled one, and full
    mmcv has no ready-made build for recent torch. Here every compiled operator becomes a
    placeholder that says, when it is called, which package is needed. The stand-in is taken away
    again, so that ``mmcv._ext`` does not look installed afterwards. Returns whether it was needed.
    """
    name = 'mmcv._ext'
    if 'mmcv.ops' in sys.modules or importlib.util.find_spec(name) is not None:
        return False
    sys.modules[name] = _MissingExtension(name)
    try:
        importlib.import_module('mmcv.ops')
    finally:
        del sys.modules[name]
    return True


class _MissingExtension(ModuleType):
    """Stands for the compiled module ``mmcv._ext`` while ``mmcv.ops`` is being imported."""

    def __getattr__(self, name: str):
        if name.startswith('__'):
            raise AttributeError(name)

        def placeholder(*args, **kwargs):
            raise ImportError(
                f'mmcv.ops: {name} is a compiled operator, which mmcv-lite does not have; '
                "install full mmcv ('pip install mmcv>=2.0,<2.2' in place of mmcv-lite) to use it"
            )

        placeholder.__name__ = name
        return placeholder
