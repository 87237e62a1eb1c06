"""The systems of Tables 1 and 2, by name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from ..errors import UserError

PEERS = ('srcnn', 'mdsr', 'rdn', 'rcan', 'han', 'srgan', 'enet', 'esrgan', 'crossnet', 'srntt',
         'srntt-rec', 'ttsr', 'ttsr-rec')  # fmt: skip
METHODS = {
    **{name: f'peers/{name}_x4_cufed5.py' for name in PEERS},
    'masa': 'masa_x4_cufed5.py',
    'masa-rec': 'masa-rec_x4_cufed5.py',
}
"""The config of each method, below ``configs/``, in the order of Table 1."""


def configs_of(methods: Sequence[str], configs: Path, texts: Sequence[str] = ()) -> dict[str, str]:
    """Return the config files of methods.

    Args:
        methods (Sequence[str]): Names of :data:`METHODS` or of ``texts``; 'all' are the former.
        configs (Path): The folder ``configs``.
        texts (Sequence[str]): ``NAME=FILE`` each, for methods of one's own and in place of those
            that are known. Default: none.

    Returns:
        dict[str, str]: Files by method.

    Raises:
        UserError: If there is no such method.
    """
    known = {name: str(configs / file) for name, file in METHODS.items()}
    known.update(_named_files('--configs', texts))
    if list(methods) == ['all']:
        return known
    for method in methods:
        if method not in known:
            raise UserError(f'--methods {method}: not one of {", ".join(known)} (or all)')
    return {method: known[method] for method in methods}


def checkpoints_of(methods: Collection[str], texts: Sequence[str]) -> dict[str, str]:
    """Read what the command line says of methods and their checkpoints.

    Args:
        methods (Collection[str]): Those that are compared.
        texts (Sequence[str]): ``NAME=FILE`` each.

    Returns:
        dict[str, str]: Files by method.

    Raises:
        UserError: If there is no such method, or it is not compared.
    """
    files = _named_files('--checkpoints', texts)
    for name, file in files.items():
        if name not in methods:
            raise UserError(f'--checkpoints {name}={file}: {name} is none of {", ".join(methods)}')
    return files


def _named_files(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Read what an option names."""
    files = {}
    for text in texts:
        name, _, file = text.partition('=')
        if not (name and file):
            raise UserError(f'{option} {text}: NAME=FILE is needed')
        files[name] = file
    return files
