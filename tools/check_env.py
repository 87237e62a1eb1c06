"""Print what is installed, and whether it is known to work with this package."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

REQUIREMENTS = Path(__file__).resolve().parent.parent / 'requirements'
#: Requirement files of which one is enough: mmcv-lite, or mmcv.
EITHER = ('lite', 'full')
#: What matters to how the package works, besides what requirements/ names.
FURTHER = ('onnxruntime', 'openvino', 'lmdb', 'gradio', 'lpips')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='exit status: 0 where everything that is needed is there, else 1; '
        'docs/compatibility.md says what was run with which versions',
    )
    with suppress(ImportError):  # which is what is to be found out
        from masasr_mm.version import add_version

        add_version(parser)
    parser.add_argument(
        '--no-import', action='store_true', help='look at the packages without importing any'
    )
    return parser.parse_args()


def installed(name: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def read_requirements(name: str) -> Iterator[Requirement]:
    """Read ``requirements/<name>.txt``."""
    from packaging.requirements import Requirement

    for line in (REQUIREMENTS / f'{name}.txt').read_text(encoding='utf-8').splitlines():
        if line.strip() and not line.startswith('#'):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def pinned_versions() -> dict[str, str]:
    """Return the versions that were tested as a whole, from requirements/constraints.txt."""
    from packaging.utils import canonicalize_name

    pins = read_requirements('constraints')
    return {canonicalize_name(pin.name): str(pin.specifier).lstrip('=') for pin in pins}


def judge(version: str | None, allowed: str, pinned: str | None, needed: bool) -> str:
    """Say what a version means: tested, allowed, missing, does not fit, or - if it is optional."""
    from packaging.specifiers import SpecifierSet

    if version is None:
        return 'missing' if needed else '-'
    if not SpecifierSet(allowed).contains(version, prereleases=True):
        return 'does not fit'
    # CUDA or CPU builds of torch add a part after the plus sign.
    return 'tested' if version.split('+')[0] == pinned else 'allowed'


def package_rows() -> list[tuple[str, str, str, str, str]]:
    """Return name, installed, tested and allowed version of every package, and what that means."""
    from packaging.utils import canonicalize_name

    has_mmcv = {name: installed(name) for name in ('mmcv', 'mmcv-lite')}
    pinned, rows = pinned_versions(), []
    wanted = [(requirement, True) for requirement in read_requirements('runtime')]
    for kind in EITHER:
        # One of the two is enough, and both together overwrite each other.
        wanted += [(one, not any(has_mmcv.values())) for one in read_requirements(kind)]
    for requirement, needed in wanted:
        version, allowed = installed(requirement.name), str(requirement.specifier)
        tested = pinned.get(canonicalize_name(requirement.name))
        meaning = judge(version, allowed, tested, needed)
        rows.append((requirement.name, version or '-', tested or '-', allowed or 'any', meaning))
    if all(has_mmcv.values()):
        both = 'overwrite each other: uninstall both, install one'
        rows.append(('mmcv and mmcv-lite', 'both', '-', 'one', f'does not fit: {both}'))
    for name in FURTHER:
        version, tested = installed(name), pinned.get(canonicalize_name(name))
        meaning = judge(version, '', tested, needed=False)
        rows.append((name, version or '-', tested or '-', 'optional', meaning))
    return rows


def machine_rows() -> list[tuple[str, str]]:
    """Return what importing the packages shows."""
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    rows = [
        ('torch was built for', f'CUDA {torch.version.cuda}' if torch.version.cuda else 'CPU'),
        ('GPUs', ', '.join(gpus) or 'none that torch sees'),
        ('threads of torch', str(torch.get_num_threads())),
        ('--amp', 'float16 and bfloat16' if gpus else 'bfloat16; float16 needs a GPU'),
    ]
    try:
        package = import_module('masasr_mm')
    except Exception as error:
        return [*rows, ('masasr_mm', f'cannot be imported: {type(error).__name__}: {error}')]
    return [*rows, ('masasr_mm', package.__version__)]


def main() -> int:
    """Print both tables."""
    args = parse_args()
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    packages = package_rows()
    table = Table('package', 'installed', 'tested', 'allowed', '', box=box.SIMPLE)
    for row in packages:
        table.add_row(*row, style=None if row[-1] in ('tested', 'allowed', '-') else 'bold red')
    console.print(table)
    python = f'{platform.python_version()} (tested: 3.10 to 3.13), {platform.platform()}'
    facts = [('Python', python), *([] if args.no_import else machine_rows())]
    table = Table(box=box.SIMPLE, show_header=False)
    for row in facts:
        table.add_row(*row)
    console.print(table)
    bad = [row[0] for row in packages if row[-1].startswith(('missing', 'does not fit'))]
    bad += [name for name, value in facts if value.startswith('cannot be imported')]
    if bad:
        console.print(f'not as it should be: {", ".join(bad)}')
        console.print("pip install -e '.[lite]' -c requirements/constraints.txt mends it")
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
