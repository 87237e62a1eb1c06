"""The version of the package."""

from __future__ import annotations

import argparse

__version__ = '0.2.0.dev0'


def add_version(parser: argparse.ArgumentParser) -> None:
    """Give a command the option ``--version``."""
    parser.add_argument(
        '--version',
        action='version',
        version=f'masasr_mm {__version__}',
        help='print the version of masasr_mm and exit',
    )
