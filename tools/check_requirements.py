"""Say what the running Python lacks of the project's requirements; exit status 1 if anything.

    python tools/check_requirements.py runtime sample     # requirements/runtime.txt, sample.txt

Only the metadata of the installed packages is read, so that this takes a moment.
"""

from __future__ import annotations

import configparser
import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
#: Requirement files of which one is enough: mmcv-lite, or mmcv.
EITHER = ('lite', 'full')


def read_requirements(name: str) -> list[Requirement]:
    """Read ``requirements/<name>.txt``.

    Args:
        name (str): The name of the file without its folder and ending.

    Returns:
        list[Requirement]: Its lines, comments left out.
    """
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith('#')]


def complaint(requirement: Requirement) -> str | None:
    """Compare a requirement with what is installed.

    Args:
        requirement (Requirement): A package and the versions that will do.

    Returns:
        str | None: What is wrong, such as ``numpy<2 (2.1.0 is installed)``; ``None`` if nothing.
    """
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f'{requirement} (not installed)'
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f'{requirement} ({version} is installed)'


def complaints(names: Iterable[str]) -> list[str]:
    """Collect what the running Python lacks.

    Args:
        names (Iterable[str]): Names of requirement files; one of :data:`EITHER` is always asked.

    Returns:
        list[str]: One line for each requirement that is not met.
    """
    setup = configparser.ConfigParser()
    setup.read(ROOT / 'setup.cfg', encoding='utf-8')
    python = setup['options']['python_requires']
    found = [complaint(requirement) for name in names for requirement in read_requirements(name)]
    if not SpecifierSet(python).contains(platform.python_version(), prereleases=True):
        found.append(f'python{python} (this is {platform.python_version()})')
    either = [complaint(requirement) for name in EITHER for requirement in read_requirements(name)]
    if all(either):
        found.append(' or '.join(filter(None, either)))
    return [line for line in found if line]


if __name__ == '__main__':
    missing = complaints(sys.argv[1:])
    print('\n'.join(missing), end='\n' if missing else '')
    sys.exit(1 if missing else 0)
