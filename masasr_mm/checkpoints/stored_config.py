"""Reading the network's config out of a checkpoint without running any of it."""

from __future__ import annotations

import ast

from mmagic.registry import MODELS

from ..errors import UserError

MAX_TEXT = 1_000_000
"""Characters of a stored config that are looked at; those of this package have some 10,000."""
MAX_NUMBER = 1024
"""Largest number, of channels or blocks, that a stored config may ask for."""
NO_SIZES = ('max_elements',)
"""Arguments that limit memory, so that a large number asks for no more of it than None does."""


def stored_generator_config(checkpoint: dict) -> dict | None:
    """Return the config of the generator that a training checkpoint holds.

    mmengine stores the whole config as Python text. Only ``model = dict(...)`` made of literals
    is read, and nothing is executed. A registry would also build what ``type='os.system'`` names,
    so only the parts of this package are let through: a stranger's checkpoint can do no harm.
    Initialisation configs are left out, as the weights come from the checkpoint.

    Args:
        checkpoint (dict): With ``meta`` as mmengine writes it, or with the config as its entry
            ``generator``, as it is read from ``config.json``.

    Returns:
        dict | None: The config of the generator, or None if there is none that can be read.

    Raises:
        UserError: If the config names a module that is no part of this package, or a network of
            absurd size.
    """
    generator = _read_generator(checkpoint)
    return None if generator is None else _own_parts_only(generator)


def _read_generator(checkpoint: dict) -> dict | None:
    """Return the config of the generator as it is stored."""
    meta = checkpoint.get('meta')
    if isinstance(meta, dict) and isinstance(meta.get('generator'), dict):
        return meta['generator']
    text = meta.get('cfg') if isinstance(meta, dict) else None
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        return None
    try:
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == 'model':
                generator = _literal(statement.value).get('generator')
                return generator if isinstance(generator, dict) else None
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError, MemoryError):
        return None
    return None


def _literal(node: ast.expr):
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


def _own_parts_only(config: dict) -> dict:
    """Return a config without ``init_cfg`` after seeing that it names modules of ours alone."""
    kind = config.get('type')
    if kind is not None:
        part = MODELS.module_dict.get(kind) if isinstance(kind, str) else None
        if part is None or not part.__module__.startswith(f'{__package__.split(".")[0]}.'):
            raise UserError(
                f'the config inside the checkpoint names {kind!r}, which is no part of MASA-SR; '
                'if you trust it, give its config file as well (--config)'
            )
    own = {key: value for key, value in config.items() if key != 'init_cfg'}
    for key, value in own.items():
        if isinstance(value, dict):
            own[key] = _own_parts_only(value)
        elif key not in NO_SIZES or not isinstance(value, int):
            _refuse_absurd_sizes(key, value)
    return own


def _refuse_absurd_sizes(key: str, value: object) -> None:
    """Raise for a number that would fill the memory while the network is built."""
    for number in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(number, (int, float)) and not -MAX_NUMBER <= number <= MAX_NUMBER:
            raise UserError(
                f'the config inside the checkpoint asks for {key}={number!r}, more than '
                f'{MAX_NUMBER}; if you trust it, give its config file as well (--config)'
            )
