"""Reading the network's config out of a checkpoint: nothing of it is run, nothing is imported."""

from __future__ import annotations

import ast
import inspect
import os
import reprlib
from typing import Any, NoReturn

from mmagic.registry import MODELS

from ..errors import UserError
from ..models.masa_net import PARTS, MASANet

MAX_TEXT = 1_000_000
"""Characters of a stored config that are looked at; those of this package have some 10,000."""
MAX_NUMBER = 1024
"""Largest number, of channels or blocks, that a stored config may ask for."""
MAX_ITEMS = 64
"""Longest list, and longest text, that a stored config may give as an argument."""
NO_SIZES = ('max_elements',)
"""Arguments that limit memory, so that a large number asks for no more of it than None does."""
KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def stored_config(checkpoint: dict, path: str | os.PathLike) -> dict | None:
    """Return the config of the generator that a checkpoint holds, after looking at all of it.

    mmengine stores the whole config as Python text, of which ``model = dict(...)`` made of literals
    is read; ``config.json`` is in ``meta`` as ``generator``. A registry would import what a config
    names, and call it, so a checkpoint may hold no more than the names of MASANet's parts and plain
    values of arguments that they have. Initialisation configs are left out, as the weights come
    from the checkpoint.
    """
    meta = checkpoint.get('meta')
    if not isinstance(meta, dict):
        return None
    generator = meta.get('generator')
    if not isinstance(generator, dict):
        generator = _generator_in_text(meta.get('cfg'), path)
    return None if generator is None else _allowed(generator, MASANet.__name__, path)


def _generator_in_text(text: Any, path: str | os.PathLike) -> Any:
    """Return the config of the generator in mmengine's text, or None if it has no model."""
    if text is None:
        return None
    try:
        if not isinstance(text, str) or len(text) > MAX_TEXT:
            raise ValueError('no text of a config')
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == 'model':
                return _literal(statement.value).get('generator')
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError, MemoryError):
        _refuse(path, 'cannot be read as plain values')
    return None


def _literal(node: ast.expr) -> Any:
    """Evaluate literals, ``dict(key=literal, ...)`` and ``dict({...})``, or raise ValueError."""
    if isinstance(node, ast.Call):
        named = all(keyword.arg for keyword in node.keywords)
        if not (isinstance(node.func, ast.Name) and node.func.id == 'dict' and named):
            raise ValueError('only dict(...) of literals is read')
        given = {keyword.arg: _literal(keyword.value) for keyword in node.keywords}
        return dict(*(_literal(value) for value in node.args), **given)
    if isinstance(node, ast.Dict):
        return {ast.literal_eval(k): _literal(v) for k, v in zip(node.keys, node.values)}
    if isinstance(node, (ast.List, ast.Tuple)):
        values = [_literal(value) for value in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    return ast.literal_eval(node)


def _allowed(config: Any, default: str, path: str | os.PathLike) -> dict:
    """Return the config of a part without ``init_cfg``, or refuse it.

    Its type is that part or one of its siblings: what is registered in the same module.
    """
    if not isinstance(config, dict):
        _refuse(path, f'has {_shown(config)} in the place of a {default}')
    kind, known = config.get('type', default), MODELS.module_dict
    part = known.get(kind) if isinstance(kind, str) else None
    if part is None or part.__module__ != known[default].__module__:
        _refuse(path, f'names {_shown(kind)}, which is no part of MASA-SR that goes there')
    parameters = inspect.signature(part).parameters.values()
    arguments = {'type', *(item.name for item in parameters if item.kind in KINDS)}
    parts = PARTS if part is MASANet else {}
    allowed = dict(type=kind)
    for key, value in config.items():
        if key not in arguments:
            _refuse(path, f'gives {kind} the argument {_shown(key)}, which it does not have')
        if key in parts and value is not None:
            allowed[key] = _allowed(value, parts[key], path)
        elif key not in ('type', 'init_cfg'):
            _check_value(key, value, path)
            allowed[key] = value
    return allowed


def _check_value(key: str, value: Any, path: str | os.PathLike) -> None:
    """Refuse what is no plain value, and numbers that would fill the memory."""
    items = value if isinstance(value, (list, tuple)) else [value]
    if len(items) > MAX_ITEMS:
        _refuse(path, f'gives {key} {len(items)} values, more than {MAX_ITEMS}')
    for item in items:
        if isinstance(item, (int, float)):
            is_size = key not in NO_SIZES or isinstance(item, float)
            if is_size and not -MAX_NUMBER <= item <= MAX_NUMBER:
                _refuse(path, f'asks for {key}={_shown(item)}, more than {MAX_NUMBER}')
        elif item is not None and not (isinstance(item, str) and len(item) <= MAX_ITEMS):
            _refuse(path, f'gives {key} {_shown(item)}, which is no plain value')


def _shown(value: Any) -> str:
    """Return a short text of a value in one line."""
    return ' '.join(reprlib.repr(value).split())


def _refuse(path: str | os.PathLike, reason: str) -> NoReturn:
    raise UserError(
        f'{path}: refused, the config inside {reason}; if you trust it, give its config file as '
        'well (--config)'
    )
