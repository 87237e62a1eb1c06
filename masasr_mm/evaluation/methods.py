"""The systems of Tables 1 and 2, by name."""

from __future__ import annotations

from collections.abc import Sequence
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


def config_of(method: str, configs: Path) -> str:
    """Return the config file of a method.

    Args:
        method (str): One of :data:`METHODS`.
        configs (Path): The folder ``configs``.

    Returns:
        str: The file.

    Raises:
        UserError: If there is no such method.
    """
    if method not in METHODS:
        raise UserError(f'--methods {method}: not one of {", ".join(METHODS)} (or all)')
    return str(configs / METHODS[method])


def check_checkpoints(methods: Sequence[str], texts: Sequence[str]) -> dict[str, str]:
    """Read what the command line says of methods and their checkpoints.

    Args:
        methods (Sequence[str]): Those that are compared.
        texts (Sequence[str]): ``NAME=FILE`` each.

    Returns:
        dict[str, str]: Files by method.

    Raises:
        UserError: If there is no such method, or it is not compared.
    """
    files = {}
    for text in texts:
        name, equals, file = text.partition('=')
        if not (equals and file):
            raise UserError(f'--checkpoints {text}: NAME=FILE is needed, such as masa-rec=a.pth')
        if name not in methods:
            raise UserError(f'--checkpoints {text}: {name} is none of {", ".join(methods)}')
        files[name] = file
    return files
