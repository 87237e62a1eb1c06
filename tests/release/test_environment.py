"""The shell scripts: finding or making the environment, on a project that installs in seconds."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY as ROOT

# The small project and the packages that it needs are built with this, without setuptools.
BACKEND = """
import pathlib, zipfile

def wheel(folder, name, version, *metadata):
    path = pathlib.Path(folder) / f'{name}-{version}-py3-none-any.whl'
    info = f'{name}-{version}.dist-info'
    files = {
        f'{name}.py': f'version = {version!r}',
        f'{info}/METADATA': '\\n'.join(
            ['Metadata-Version: 2.1', f'Name: {name}', f'Version: {version}', *metadata]
        ),
        f'{info}/WHEEL': 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
    }
    files[f'{info}/RECORD'] = ''.join(f'{file},,\\n' for file in [*files, f'{info}/RECORD'])
    with zipfile.ZipFile(path, 'w') as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path.name

def build_editable(folder, config_settings=None, metadata_directory=None):
    extras = ['lite', 'sample', 'tests', 'export', 'openvino', 'demo', 'peers']
    read = lambda name: pathlib.Path('requirements', f'{name}.txt').read_text().split()
    needs = [f'Requires-Dist: {line}' for line in read('runtime')]
    for extra in extras:
        needs += [f'Provides-Extra: {extra}']
        needs += [f'Requires-Dist: {line}; extra == "{extra}"' for line in read(extra)]
    return wheel(folder, 'masasr_mm', '0.1.0', *needs)
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = 'backend'
backend-path = ['.']
"""


class Project:
    """A copy of the scripts with requirements that a folder of tiny wheels serves."""

    def __init__(self, root: Path):
        self.root = root
        self.venv = root / '.venv'
        for folder in ('tools', 'requirements', 'wheels'):
            (root / folder).mkdir(parents=True)
        for path in (ROOT / 'tools').glob('*.sh'):
            shutil.copy(path, root / 'tools')
        shutil.copy(ROOT / 'setup.cfg', root)
        (root / 'backend.py').write_text(BACKEND)
        (root / 'pyproject.toml').write_text(PYPROJECT)
        for name in ('leaf', 'mmcv_lite', 'mmcv'):
            self.add_wheel(name, '2.0')
        self.require(runtime='leaf', lite='mmcv_lite', full='mmcv', sample='leaf', tests='leaf')
        self.require(export='leaf', openvino='leaf', demo='leaf', peers='leaf', constraints='')

    def add_wheel(self, name: str, version: str) -> None:
        """Make a package with one module that knows its version."""
        variables = {}
        exec(BACKEND, variables)
        variables['wheel'](self.root / 'wheels', name, version)

    def require(self, **files: str) -> None:
        """Write requirement files."""
        for name, content in files.items():
            (self.root / 'requirements' / f'{name}.txt').write_text(content + '\n')

    def run(self, *command: object, **environment: str) -> tuple[int, list[str], str]:
        """Run a command, or what every script does first: status, lines of output, and errors."""
        use = 'set -eu; source tools/environment.sh; use_environment runtime; echo "$PYTHON"'
        variables = dict(
            PIP_CONFIG_FILE=os.devnull,
            PIP_NO_INDEX='1',
            PIP_FIND_LINKS=(self.root / 'wheels').as_uri(),
        )
        # What chose the environment of the tests themselves is not meant for this one.
        own = {key: value for key, value in os.environ.items() if key not in ('PYTHON', 'VENV')}
        result = subprocess.run(
            [str(word) for word in command or ('bash', '-c', use)],
            cwd=self.root,
            env={**own, **variables, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return result.returncode, result.stdout.splitlines(), result.stderr

    def leaf(self) -> str:
        """Give the version of the package that the environment has."""
        command = [self.venv / 'bin' / 'python', '-Ic', 'import leaf; print(leaf.version)']
        return subprocess.check_output(command, text=True).strip()


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path / 'my project')


@pytest.fixture
def bare_path(tmp_path) -> Path:
    """A folder for PATH that holds what the shell scripts need, and no Python."""
    folder = tmp_path / 'bin'
    folder.mkdir()
    for name in ('bash', 'dirname', 'cat', 'cksum'):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def write_script(path: Path, line: str) -> str:
    """Write a command of one line in bash, and return its path."""
    path.write_text(f'#!/bin/bash\n{line}\n')
    path.chmod(0o755)
    return str(path)


def error_line(status: int, error: str) -> str:
    """Give the one line that a failure is told in."""
    assert status == 1
    assert error.startswith('error: ')
    assert error.count('\n') == 1
    return error[len('error: ') :].strip()


def test_made_once_and_brought_up_to_date(project):
    python = str(project.venv / 'bin' / 'python')
    status, lines, error = project.run()
    assert (status, error) == (0, '')
    assert lines[0].startswith('environment: creating .venv with Python 3.')
    assert lines[-1] == python
    assert project.leaf() == '2.0'

    assert project.run()[1] == [f'environment: using {project.venv}', python]

    project.add_wheel('leaf', '3.0')
    project.require(constraints='leaf==3.0')
    status, lines, error = project.run()
    assert (status, error) == (0, '')
    assert not any('creating' in line for line in lines)
    assert project.leaf() == '3.0'

    wheel = project.root / 'wheels' / 'mmcv-2.0-py3-none-any.whl'
    pip = [python, '-m', 'pip']
    subprocess.run([*pip, 'uninstall', '-qy', 'mmcv_lite'], check=True)
    subprocess.run([*pip, 'install', '-q', '--no-index', wheel], check=True)
    project.require(sample='leaf>=1')
    assert project.run()[0] == 0
    installed = subprocess.check_output([*pip, 'list', '--format=freeze'], text=True).split()
    assert [line for line in installed if line.startswith('mmcv')] == ['mmcv==2.0']


class TestWhatIsMissing:
    """Each ends in one line on the standard error output, and an exit status."""

    def test_registry(self, project):
        project.require(runtime='branch')
        # Nobody answers at this port of this machine.
        offline = dict(PIP_INDEX_URL='http://127.0.0.1:9/simple', PIP_RETRIES='1')
        status, _, error = project.run(PIP_NO_INDEX='0', **offline)
        assert 'no package registry can be reached' in error_line(status, error)

    def test_python(self, project, bare_path):
        """None at all, and one without the module venv."""
        for _ in range(2):
            status, _, error = project.run('bash', 'tools/run_tests.sh', PATH=str(bare_path))
            message = 'no Python 3.10 to 3.13 with the module venv found; install one'
            assert error_line(status, error).startswith(message)
            assert not project.venv.exists()
            write_script(bare_path / 'python3.10', '[[ "$2" != *ensurepip* ]]')


@pytest.mark.parametrize('mmcv', ['lite', 'full'])
def test_the_active_environment_is_used_if_it_has_everything(project, bare_path, mmcv):
    project.require(runtime='pytest>=7', lite='no-such', full='no-such')
    project.require(**{mmcv: 'packaging'})
    python = write_script(bare_path / 'python', f'exec "{sys.executable}" "$@"')
    status, lines, _ = project.run(PATH=f'{bare_path}{os.pathsep}{os.environ["PATH"]}')
    assert status == 0
    assert lines == [f'environment: using the active {python}', python]
    assert not project.venv.exists()


def test_slurm_command(tmp_path):
    write_script(tmp_path / 'srun', 'printf "%s\\n" "$@"')
    result = subprocess.run(
        ['bash', ROOT / 'tools/slurm_test.sh', 'gpus', 'job', 'a b.py', 'c.pth', '--out', 'd'],
        env={**os.environ, 'PATH': f'{tmp_path}:{Path(sys.executable).parent}:{os.environ["PATH"]}',
             'GPUS': '16', 'SRUN_ARGS': '--time 10'},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = result.stdout.splitlines()[1:]
    tool = words.index(str(ROOT / 'tools/test.py'))
    assert words[tool + 1 :] == ['a b.py', 'c.pth', '--out', 'd', '--launcher', 'slurm']
    assert {'--partition=gpus', '--job-name=job', '--ntasks=16', '--ntasks-per-node=8'} <= set(
        words
    )
    assert words[words.index('--time') + 1] == '10'


TOOLS = {
    'dataset_converters/make_sample.py': """
from PIL import Image
for level in range(2):
    path = pathlib.Path(sys.argv[1], 'test', 'CUFED5', f'000_{level}.png')
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (64, 32)).save(path)
""",
    'train.py': """
work_dir = pathlib.Path(sys.argv[3])
assert sys.argv[1:2] + sys.argv[4:] == ['configs/masa_x4_sample.py', '--resume', '--quiet']
(work_dir / 'iter_2.pth').touch()
(work_dir / 'last_checkpoint').write_text('/elsewhere/iter_2.pth')
""",
    'test.py': """
assert pathlib.Path(sys.argv[2]).exists()
picture = pathlib.Path(sys.argv[4], 'vis', '000.png')
picture.parent.mkdir(parents=True, exist_ok=True)
picture.touch()
""",
    'infer.py': """
from PIL import Image
assert Image.open(sys.argv[1]).size == (16, 8)
assert sys.argv[3].endswith('000_1.png')
assert sys.argv[4] == '--out' and sys.argv[6:] == ['--compare']
out = pathlib.Path(sys.argv[5])
out.mkdir(exist_ok=True)
(out / 'photo_x4.png').touch()
""",
}


def test_quickstart_twice(project):
    """The order of the steps, with tools that only write files."""
    project.require(runtime='pytest', lite='pytest', sample='pytest')
    for name, code in TOOLS.items():
        path = project.root / 'tools' / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'import pathlib, sys\nprint("{path.stem} runs")\n{code}')
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    quickstart = functools.partial(project.run, 'bash', 'tools/quickstart.sh', PATH=path)
    status, output, error = quickstart()
    assert (status, error) == (0, ''), output
    runs = [line for line in output if line.endswith(' runs')]
    assert runs == ['make_sample runs', 'infer runs', 'train runs', 'test runs']
    work_dir = project.root / 'work_dirs' / 'quickstart'
    steps = [line for line in output if line.startswith('[')]
    assert [line[:5] for line in steps] == [f'[{number}/5]' for number in range(1, 6)]
    lines = output[-6:]
    assert lines[0].endswith(str(work_dir / 'photo' / 'photo_x4.png'))
    assert lines[1].endswith(str(work_dir / 'photo' / 'photo_x4_compare.png'))
    assert lines[2].endswith(str(work_dir / 'iter_2.pth'))
    assert lines[3].endswith(str(work_dir / 'test' / 'vis' / '000.png'))

    (work_dir / 'best_PSNR_iter_1.pth').touch()
    status, output, _ = quickstart()
    assert status == 0
    assert 'train runs' not in output
    assert any('done before' in line for line in output)
    assert 'best_PSNR_iter_1.pth' in output[-4]
