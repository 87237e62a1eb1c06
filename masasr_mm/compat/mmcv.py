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
    """Let ``mmcv.ops`` be imported without its compiled operators, as in mmcv-lite (2.1.0).

    ``mmagic.models`` (1.2.0) imports it for editors that are none of MASA's. Every operator becomes
    a placeholder that says which package is needed; the stand-in for ``mmcv._ext`` is taken away
    again. Returns whether it was needed.
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
