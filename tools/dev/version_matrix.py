"""Run the fast tests in fresh environments with other versions of PyTorch.

    python tools/dev/version_matrix.py pinned torch-2.9 --folder environments

Every environment takes some GB and minutes. docs/compatibility.md tells what came out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.files import check_outputs
from masasr_mm.version import add_version

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / 'requirements'


class Versions(NamedTuple):
    """A set of versions.

    Attributes:
        packages (tuple[str, ...]): What differs from requirements/constraints.txt.
        mmcv (str): Which file of requirements/ brings mmcv: ``lite`` or ``full``.
    """

    packages: tuple[str, ...] = ()
    mmcv: str = 'lite'


SETS = {
    'pinned': Versions(),
    'torch-2.9': Versions(('torch==2.9.1', 'torchvision==0.24.1')),
    'torch-2.6': Versions(('torch==2.6.0', 'torchvision==0.21.0')),
    'torch-2.4': Versions(('torch==2.4.1', 'torchvision==0.19.1')),
    # mmcv 2.1 is built from source, with its operators, against a torch that it compiles with
    'mmcv-full': Versions(('torch==2.4.1', 'torchvision==0.19.1', 'mmcv==2.1.0'), 'full'),
}
FAST_TESTS = ('tests/unit', 'tests/integration/test_train_and_test.py')
"""Tests that show whether a version works, in some minutes."""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_version(parser)
    parser.add_argument('sets', nargs='+', choices=sorted(SETS), help='which versions')
    parser.add_argument(
        '--folder',
        type=Path,
        default=Path('environments'),
        help='where the environments are made (default: environments)',
    )
    parser.add_argument('--index-url', help='where pip finds torch, such as an index of CPU builds')
    parser.add_argument('--keep', action='store_true', help='do not remove an environment after it')
    parser.add_argument('--dry-run', action='store_true', help='print the commands alone')
    parser.add_argument(
        '--tests',
        nargs='+',
        default=FAST_TESTS,
        help='files of tests to run (default: the fast ones)',
    )
    return parser.parse_args()


def constraints_without(packages: tuple[str, ...]) -> list[str]:
    """Return the pinned versions but for those that change, and for what torch brings along."""
    lines = (REQUIREMENTS / 'constraints.txt').read_text(encoding='utf-8').splitlines()
    lines = [line for line in lines if '==' in line]
    changed = {package.split('==')[0] for package in packages}
    if 'torch' in changed:
        lines = [
            line for line in lines if not line.startswith(('nvidia-', 'cuda-', 'triton=', 'sympy='))
        ]
    return [line for line in lines if line.split('==')[0] not in changed]


def commands(
    name: str, environment: Path, index_url: str | None, tests: list[str]
) -> list[list[str]]:
    """Return what makes and tests an environment, in order."""
    versions = SETS[name]
    python = str(environment / ('Scripts' if os.name == 'nt' else 'bin') / 'python')
    pip = [python, '-m', 'pip', 'install', '--quiet']
    constraints = ['-c', f'{environment}.txt']
    files = ['runtime', versions.mmcv, 'sample', 'tests']
    requirements = [part for file in files for part in ('-r', str(REQUIREMENTS / f'{file}.txt'))]
    result = [[sys.executable, '-m', 'venv', str(environment)]]
    torch = [package for package in versions.packages if package.startswith('torch')]
    if torch:
        result.append([*pip, *torch, *(['--index-url', index_url] if index_url else [])])
    if versions.mmcv == 'full':  # its build needs the torch that is there, and MMCV_WITH_OPS
        result.append([*pip, 'setuptools<81', 'wheel', 'ninja', 'psutil'])
        result.append([*pip, '--no-build-isolation', *constraints, 'mmcv==2.1.0'])
    result.append([*pip, *constraints, *requirements, *versions.packages])
    result.append([python, str(ROOT / 'tools' / 'check_env.py')])
    result.append([python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *tests])
    return result


def check(folder: Path, names: list[str]) -> None:
    """See that what is made, and removed after it, replaces nothing."""
    for name in names:
        if (folder / name).exists():
            raise UserError(f'{folder / name} exists; remove it, or choose another --folder')
    logs = [folder / f'{name}.{kind}' for name in names for kind in ('txt', 'log')]
    check_outputs([*logs, folder / 'results.json'], REQUIREMENTS.glob('*.txt'))


def run(name: str, args: argparse.Namespace) -> dict:
    """Make an environment and test in it; return what came out."""
    environment = (args.folder / name).resolve()
    environment.parent.mkdir(parents=True, exist_ok=True)
    lines = constraints_without(SETS[name].packages)
    Path(f'{environment}.txt').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    variables = {**os.environ, 'PYTHONPATH': str(ROOT), 'MMCV_WITH_OPS': '1'}
    start, output = time.monotonic(), ''
    for command in commands(name, environment, args.index_url, list(args.tests)):
        print(f'{name}: {" ".join(command)}', flush=True)
        result = subprocess.run(
            command, cwd=ROOT, env=variables, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        output += result.stdout
        Path(f'{environment}.log').write_text(output, encoding='utf-8')
        if result.returncode:
            break
    if not args.keep:
        shutil.rmtree(environment, ignore_errors=True)
    last_line = (result.stdout.strip().splitlines() or [''])[-1]
    return dict(
        name=name,
        passed=result.returncode == 0,
        seconds=round(time.monotonic() - start),
        last_line=last_line,
    )


def main() -> int:
    """Run every set, and print what came out."""
    args = parse_args()
    if args.dry_run:
        for name in args.sets:
            folder = (args.folder / name).resolve()
            for command in commands(name, folder, args.index_url, list(args.tests)):
                print(' '.join(command))
        return 0
    args.sets = list(dict.fromkeys(args.sets))
    check(args.folder, args.sets)
    results = [run(name, args) for name in args.sets]
    (args.folder / 'results.json').write_text(json.dumps(results, indent=1), encoding='utf-8')
    for result in results:
        state = 'passed' if result['passed'] else 'FAILED'
        print(f'{result["name"]}: {state} after {result["seconds"]} s: {result["last_line"]}')
    return 0 if all(result['passed'] for result in results) else 1


if __name__ == '__main__':
    exit_with_user_errors(main)
