"""The command line tools as modules, and as a user runs them."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

import pytest

from masasr_mm.errors import exit_with_user_errors

REPOSITORY = Path(__file__).parents[1]
SET_BY_TOOLS = ('LOCAL_RANK', 'TORCH_FORCE_WEIGHTS_ONLY_LOAD')


def load_tool(path: str) -> ModuleType:
    """Import ``tools/<path>``, which lies in no package and imports its neighbours."""
    file = REPOSITORY / 'tools' / path
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call_tool(module: ModuleType, monkeypatch, *arguments: object) -> int:
    """Call a tool with command line arguments in this process; its exit status."""
    for name in SET_BY_TOOLS:  # taken back with the rest
        monkeypatch.setenv(name, '0')
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, 'argv', [module.__file__, *map(str, arguments)])
    takes_arguments = inspect.signature(module.main).parameters
    with pytest.raises(SystemExit) as caught:
        exit_with_user_errors(
            lambda: module.main(module.parse_args()) if takes_arguments else module.main()
        )
    return caught.value.code
