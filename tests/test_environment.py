"""The shell scripts: finding or making the environment, on a project that installs in seconds."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
# The small project builds itself and the packages that it needs with this, without setuptools.
BACKEND = """
import pathlib, time, zipfile

def wheel(folder, name, version, content):
    path = pathlib.Path(folder) / f'{name}-{version}-py3-none-any.whl'
    info = f'{name}-{version}.dist-info'
    files = {
        **content,
        f'{info}/METADATA': f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n',
        f'{info}/WHEEL': 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
    }
    files[f'{info}/RECORD'] = ''.join(f'{file},,\\n' for file in [*files, f'{info}/RECORD'])
    with zipfile.ZipFile(path, 'w') as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path.name

def build_editable(folder, config_settings=None, metadata_directory=None):
    pathlib.Path('building').touch()
    while pathlib.Path('hold').exists():
        time.sleep(0.05)
    return wheel(folder, 'masasr_mm', '0.1.0', {'masasr_mm.pth': str(pathlib.Path.cwd())})
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = 'backend'
backend-path = ['.']
"""


def load(path: Path) -> ModuleType:
    """Import a file that is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Project:
    """A copy of the scripts with requirements that a folder of tiny wheels serves."""

    def __init__(self, root: Path):
        self.root = root
        self.wheels = root / 'wheels'
        self.venv = root / '.venv'
        self.state = self.venv / 'masasr_mm.state'
        for folder in ('tools', 'requirements', 'wheels'):
            (root / folder).mkdir(parents=True)
        for path in [*(ROOT / 'tools').glob('*.sh'), *(ROOT / 'tools').glob('*.py')]:
            shutil.copy(path, root / 'tools')
        shutil.copy(ROOT / 'setup.cfg', root)
        (root / 'masasr_mm.py').write_text('import leaf')
        (root / 'backend.py').write_text(BACKEND)
        (root / 'pyproject.toml').write_text(PYPROJECT)
        self.wheel = load(root / 'backend.py').wheel
        for name in ('leaf', 'mmcv_lite', 'mmcv'):
            self.add_wheel(name, '2.0')
        self.require(runtime='leaf', lite='mmcv_lite', full='mmcv', sample='leaf', tests='leaf')
        self.require(export='leaf', demo='leaf', constraints='')
        self.need(10**6)

    def add_wheel(self, name: str, version: str) -> None:
        """Make a package with one module that knows its version."""
        content = {f'{name}.py': f'version = {version!r}'}
        self.wheel(self.wheels, name, version, content)

    def require(self, **files: str) -> None:
        """Write requirement files."""
        for name, content in files.items():
            (self.root / 'requirements' / f'{name}.txt').write_text(content + '\n')

    def need(self, size: int) -> None:
        """Set how many bytes the script thinks it needs on the disk."""
        path = self.root / 'tools' / 'environment.py'
        lines = path.read_text().splitlines()
        number = next(i for i, line in enumerate(lines) if line.startswith('ENVIRONMENT_SIZE,'))
        lines[number] = f'ENVIRONMENT_SIZE, DOWNLOAD_SIZE = {size}, {size}'
        path.write_text('\n'.join(lines))

    def start(self, *command: str, **environment: str) -> subprocess.Popen:
        """Start a command, tools/environment.py if none is given."""
        variables = {
            **os.environ,
            'PIP_CONFIG_FILE': os.devnull,
            'PIP_NO_INDEX': '1',
            'PIP_FIND_LINKS': self.wheels.as_uri(),
            'PYTHONDONTWRITEBYTECODE': '1',
            **environment,
        }
        return subprocess.Popen(
            command or [sys.executable, 'tools/environment.py'],
            cwd=self.root,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, **environment: str) -> tuple[int, str, str]:
        """Run a command; give its exit status, output and error output."""
        return self.finish(self.start(*command, **environment))

    def finish(self, process: subprocess.Popen) -> tuple[int, str, str]:
        """Wait for a process; give its exit status, output and error output."""
        output, error = process.communicate(timeout=120)
        return process.returncode, output, error

    def python(self, code: str) -> str:
        """Run Python code in the environment; give its output."""
        command = [str(self.venv / 'bin' / 'python'), '-I', '-c', code]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def leaf(self) -> str:
        """Give the version of the package that the environment has."""
        return self.python('import leaf; print(leaf.version)')


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path / 'my project')


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.05)
    raise TimeoutError(path)


@pytest.fixture(scope='module')
def made(tmp_path_factory) -> Project:
    """A project whose environment was made; tests that use it leave it complete."""
    project = Project(tmp_path_factory.mktemp('made') / 'my project')
    status, output, error = project.run()
    assert (status, error) == (0, '')
    assert 'creating .venv' in output
    assert 'ready after' in output
    return project


@pytest.mark.slow
class TestMaking:
    def test_everything_is_there(self, made):
        assert made.leaf() == '2.0'
        place = made.python('import sys; print(sys.path)')
        assert str(made.root) in place

    def test_what_is_imported_is_compiled(self, made):
        assert list(made.venv.rglob('__pycache__/leaf.*.pyc'))

    def test_the_second_run_changes_nothing(self, made):
        before = made.state.stat().st_mtime_ns
        status, output, _ = made.run()
        assert status == 0
        assert output.splitlines() == [f'environment: using {made.venv}']
        assert made.state.stat().st_mtime_ns == before

    def test_changed_requirements_are_installed_in_place(self, made):
        made.add_wheel('leaf', '3.0')
        made.require(constraints='leaf==3.0')
        status, output, error = made.run()
        assert (status, error) == (0, '')
        assert 'installing' in output
        assert 'creating' not in output
        assert made.leaf() == '3.0'

    def test_full_mmcv_stays(self, made):
        made.python("""if True:
            import subprocess, sys
            pip = [sys.executable, '-m', 'pip']
            subprocess.run([*pip, 'uninstall', '-qy', 'mmcv_lite'], check=True)
            subprocess.run([*pip, 'install', '-q', '--no-index', '--find-links', 'wheels', 'mmcv'],
                           check=True, cwd=sys.prefix + '/..')
        """)
        made.require(sample='leaf>=1')
        assert made.run()[0] == 0
        names = 'import importlib.metadata as m; print([d.name for d in m.distributions()])'
        assert 'mmcv' in eval(made.python(names))
        assert 'mmcv_lite' not in eval(made.python(names))

    def test_a_broken_python_is_replaced(self, made):
        (made.venv / 'bin' / 'python').unlink()
        (made.venv / 'bin' / 'python').symlink_to('/nowhere/python')
        status, output, error = made.run()
        assert (status, error) == (0, '')
        assert 'removing an incomplete .venv' in output
        assert made.run()[1].splitlines() == [f'environment: using {made.venv}']

    def test_interruptions(self, made):
        hold, building = made.root / 'hold', made.root / 'building'
        hold.touch()
        building.unlink()
        made.require(sample='leaf>=1.1')
        process = made.start()
        wait_for(building)
        process.send_signal(signal.SIGTERM)
        status, _, error = made.finish(process)
        assert status == 130
        assert error.strip() == 'interrupted: run it again to go on'
        assert made.state.read_text() == 'building'

        building.unlink()
        killed = made.start()
        wait_for(building)
        killed.kill()
        waiting = 'environment: another process is at work'
        # By its own Python, as where .venv is activated: the new one must not be made with that.
        second = made.start(str(made.venv / 'bin' / 'python'), 'tools/environment.py')
        assert second.stdout.readline().startswith(waiting)  # for pip, which was not killed
        hold.unlink()
        status, output, error = made.finish(second)
        assert (status, error) == (0, '')
        assert 'removing an incomplete .venv' in output
        killed.communicate(timeout=60)
        assert made.leaf()

    def test_two_at_once(self, made):
        hold, building = made.root / 'hold', made.root / 'building'
        hold.touch()
        building.unlink()
        made.require(sample='leaf>=1.2')
        first = made.start()
        wait_for(building)
        second = made.start()
        assert second.stdout.readline().startswith('environment: another process is at work')
        hold.unlink()
        assert made.finish(first)[0] == 0
        status, output, _ = made.finish(second)
        assert status == 0
        assert output.splitlines() == [f'environment: using {made.venv}']


class TestWhatIsMissing:
    """Each ends in one line on the standard error output, and an exit status."""

    def test_disk_space(self, project):
        project.need(10**18)
        status, _, error = project.run()
        assert status == 1
        assert error.startswith(f'error: not enough disk space in {project.root}: ')
        assert error.count('\n') == 1
        assert not project.venv.exists()

    def test_permission_to_write(self, project):
        project.venv.symlink_to('/proc/nowhere')  # where not even root may write
        status, _, error = project.run()
        assert status == 1
        assert error.startswith('error: [Errno ')
        assert error.count('\n') == 1

    def test_package(self, project):
        project.require(runtime='branch>=1')
        status, _, error = project.run()
        assert status == 1
        log = project.venv / 'install.log'
        reason = 'No matching distribution found for branch>=1'
        assert error == f'error: pip failed: {reason} (all of it: {log})\n'
        assert reason in log.read_text()

    def test_registry(self, project, monkeypatch, tmp_path):
        environment = load(project.root / 'tools' / 'environment.py')
        monkeypatch.setattr(environment, 'PYTHON', Path(sys.executable))
        monkeypatch.setattr(environment, 'LOG', tmp_path / 'install.log')
        monkeypatch.setenv('PIP_CONFIG_FILE', os.devnull)
        monkeypatch.setenv('PIP_FIND_LINKS', '')
        monkeypatch.setenv('PIP_RETRIES', '1')
        # Nobody answers at this port of this machine.
        monkeypatch.setenv('PIP_INDEX_URL', 'http://127.0.0.1:9/simple')
        message = 'no package registry can be reached: No matching distribution found for branch'
        raises = pytest.raises(environment.SetupError, match=message)
        with (project.root / 'setup.cfg').open() as lock, raises:
            environment.pip(['--dry-run', 'branch'], lock)

    def test_packages_in_an_environment_made_by_hand(self, project):
        (project.venv / 'bin').mkdir(parents=True)
        status, _, error = project.run()
        assert status == 1
        assert error.startswith(f'error: {project.venv} was made by hand and lacks requirements')
        assert list(project.venv.iterdir()) == [project.venv / 'bin']

    @pytest.fixture
    def bare_path(self, tmp_path) -> Path:
        """A folder for PATH that holds what the shell scripts need, and no Python."""
        folder = tmp_path / 'bin'
        folder.mkdir()
        for name in ('bash', 'dirname'):
            (folder / name).symlink_to(shutil.which(name))
        return folder

    def test_python(self, project, bare_path):
        status, _, error = project.run('bash', 'tools/run_tests.sh', PATH=str(bare_path))
        assert status == 1
        assert error.startswith('error: no Python 3.9 to 3.12 found; install one')
        assert error.count('\n') == 1

    def test_venv_module(self, project, bare_path):
        python = bare_path / 'python3.10'
        python.write_text('#!/bin/bash\n[[ "$2" != *ensurepip* ]]\n')
        python.chmod(0o755)
        status, _, error = project.run('bash', 'tools/run_tests.sh', PATH=str(bare_path))
        assert status == 1
        assert error.startswith('error: python3.10 has no venv module; install it')
        assert error.count('\n') == 1

    def test_old_python(self, project, bare_path):
        python = bare_path / 'python3'
        python.write_text('#!/bin/bash\nexit 1\n')
        python.chmod(0o755)
        status, _, error = project.run('bash', 'tools/run_tests.sh', PATH=str(bare_path))
        assert status == 1
        assert error.startswith('error: no Python 3.9 to 3.12 found')


class TestChoosing:
    CODE = 'set -eu; source tools/environment.sh; use_environment runtime; echo "$PYTHON"'

    @pytest.fixture
    def active_path(self, tmp_path) -> str:
        """A PATH on which the Python that runs the tests is the active one."""
        folder = tmp_path / 'bin'
        folder.mkdir()
        script = folder / 'python'
        script.write_text(f'#!/bin/bash\nexec "{sys.executable}" "$@"\n')
        script.chmod(0o755)
        return f'{folder}{os.pathsep}{os.environ["PATH"]}'

    def test_the_active_environment_if_it_has_everything(self, project, active_path):
        project.require(runtime='pytest>=7', lite='packaging')
        status, output, _ = project.run(
            'bash', '-c', self.CODE + '; "$PYTHON" -c "import sys; print(sys.path[1])"',
            PATH=active_path, PYTHONPATH='',
        )  # fmt: skip
        python = shutil.which('python', path=active_path)
        assert status == 0
        assert output.splitlines() == [
            f'environment: using the active {python}',
            python,
            str(project.root),
        ]
        assert not project.venv.exists()

    def test_its_own_if_the_active_one_lacks_something(self, made, active_path):
        status, output, _ = made.run('bash', '-c', self.CODE, PATH=active_path)
        assert status == 0
        assert output.splitlines()[-1] == str(made.venv / 'bin' / 'python')

    def test_not_its_own_active_but_incomplete(self, project):
        project.require(runtime='pytest', lite='pytest')
        version = f'python{sys.version_info[0]}.{sys.version_info[1]}'
        packages = project.venv / 'lib' / version / 'site-packages'
        packages.mkdir(parents=True)
        (packages / 'all.pth').write_text(str(Path(pytest.__file__).parent.parent))
        python = project.venv / 'bin' / 'python'
        python.parent.mkdir()
        python.symlink_to(sys._base_executable)
        home = Path(sys._base_executable).parent
        (project.venv / 'pyvenv.cfg').write_text(f'home = {home}\n')
        path = f'{python.parent}{os.pathsep}{os.environ["PATH"]}'

        project.state.write_text('building')
        project.need(10**18)  # so that it does not take the time to make it
        status, output, error = project.run('bash', '-c', self.CODE, PATH=path)
        assert status == 1, output
        assert 'removing an incomplete .venv' in output
        assert 'disk space' in error

    def test_a_failure_stops_the_script(self, project, active_path):
        project.need(10**18)
        status, output, _ = project.run('bash', 'tools/run_tests.sh', PATH=active_path)
        assert status == 1
        assert 'pytest' not in output


class TestCheckRequirements:
    @pytest.fixture(scope='class')
    def check(self) -> ModuleType:
        return load(ROOT / 'tools' / 'check_requirements.py')

    def test_this_environment(self, check):
        assert check.complaints(['runtime', 'sample', 'tests']) == []

    def test_complaints(self, check):
        version = importlib.metadata.version('pytest')
        assert check.complaint(Requirement('pytest>=7')) is None
        assert check.complaint(Requirement('pytest<7')) == f'pytest<7 ({version} is installed)'
        missing = Requirement('no-such-package>=1')
        assert check.complaint(missing) == 'no-such-package>=1 (not installed)'

    def test_one_of_the_two_mmcv_is_enough(self, check, project):
        check.ROOT = project.root
        project.require(runtime='pytest', lite='pytest', full='no-such-package')
        assert check.complaints(['runtime']) == []
        project.require(lite='pytest<7')
        assert len(check.complaints(['runtime'])) == 1
        check.ROOT = ROOT

    def test_versions_of_python(self, check, monkeypatch):
        monkeypatch.setattr('platform.python_version', lambda: '3.13.0')
        assert 'this is 3.13.0' in check.complaints([])[0]

    @pytest.mark.parametrize('name', ['runtime', 'lite', 'sample', 'tests', 'demo', 'export'])
    def test_the_tested_set_is_within_the_ranges(self, check, name):
        lines = check.read_requirements('constraints')
        pins = {canonicalize_name(pin.name): pin for pin in lines}
        for requirement in check.read_requirements(name):
            (pin,) = pins[canonicalize_name(requirement.name)].specifier
            assert requirement.specifier.contains(pin.version), requirement

    def test_neither_mmcv_is_a_requirement(self, check):
        names = {requirement.name for requirement in check.read_requirements('runtime')}
        assert not names & {'mmcv', 'mmcv-lite'}


@pytest.mark.parametrize(
    ('script', 'arguments'),
    [
        ('dist_train', []),
        ('dist_train', ['config.py', 'two']),
        ('dist_train', ['config.py', '0']),
        ('dist_test', ['config.py', '2']),
        ('dist_test', ['config.py', 'checkpoint.pth', '-1']),
        ('slurm_train', ['partition', 'name']),
        ('slurm_test', ['partition', 'name', 'config.py']),
    ],
)
def test_usage(script, arguments, project):
    status, output, error = project.run('bash', f'tools/{script}.sh', *arguments)
    assert (status, output) == (2, '')
    assert error.startswith('usage: ')
    assert f'tools/{script}.sh' in error
    assert error.count('\n') == 1


def test_slurm_command(tmp_path):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
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


def test_port():
    code = f'source "{ROOT}/tools/distributed.sh"; PYTHON="{sys.executable}"; free_port'
    with socket.socket() as server:
        taken = server.connect_ex(('127.0.0.1', 29500)) == 0
    if not taken:
        assert subprocess.check_output(['bash', '-c', code], text=True) == '29500\n'
    with socket.socket() as server:
        if not taken:
            server.bind(('127.0.0.1', 29500))
            server.listen()
        port = int(subprocess.check_output(['bash', '-c', code], text=True))
        assert port != 29500
    with socket.socket() as server:
        server.bind(('127.0.0.1', port))


@pytest.mark.parametrize('path', [*sorted((ROOT / 'tools').glob('*.sh')), ROOT / '.ci' / 'run'])
def test_shell_syntax(path):
    subprocess.run(['bash', '-n', path], check=True)


class TestQuickstart:
    """The order of the steps and what becomes of a failure, with tools that only write files."""

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
assert sys.argv[1:] == ['configs/masa_x4_sample.py', '--work-dir', str(work_dir), '--resume']
(work_dir / 'iter_2.pth').touch()
(work_dir / 'last_checkpoint').write_text('/elsewhere/iter_2.pth')
sys.exit((work_dir / 'fail').exists())
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
pathlib.Path(sys.argv[-1]).mkdir(exist_ok=True)
pathlib.Path(sys.argv[-1], 'photo_x4.png').touch()
""",
    }

    @pytest.fixture
    def quickstart(self, project, tmp_path):
        project.require(runtime='pytest', lite='pytest', sample='pytest')
        for name, code in self.TOOLS.items():
            path = project.root / 'tools' / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f'import pathlib, sys\nprint("{path.stem} runs")\n{code}')
        path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
        return lambda: project.run('bash', 'tools/quickstart.sh', PATH=path)

    def test_twice(self, quickstart, project):
        status, output, error = quickstart()
        assert (status, error) == (0, ''), output
        runs = [line for line in output.splitlines() if line.endswith(' runs')]
        assert runs == ['make_sample runs', 'train runs', 'test runs', 'infer runs']
        work_dir = project.root / 'work_dirs' / 'quickstart'
        lines = output.splitlines()[-4:]
        assert lines[0].endswith(str(work_dir / 'iter_2.pth'))
        assert lines[1].endswith(str(work_dir / 'photo' / 'photo_x4.png'))
        assert lines[2].endswith(str(work_dir / 'test' / 'vis' / '000.png'))

        (work_dir / 'best_PSNR_iter_1.pth').touch()
        status, output, _ = quickstart()
        assert status == 0
        assert 'train runs' not in output
        assert 'done before' in output
        assert 'best_PSNR_iter_1.pth' in output.splitlines()[-4]

    def test_no_environment(self, quickstart, project):
        project.require(runtime='no-such-package')
        project.need(10**18)
        status, output, error = quickstart()
        assert status == 1
        assert error.startswith('error: not enough disk space')
        assert error.count('\n') == 1
        assert 'sample data' not in output

    def test_a_failure_ends_it(self, quickstart, project):
        work_dir = project.root / 'work_dirs' / 'quickstart'
        work_dir.mkdir(parents=True)
        (work_dir / 'fail').touch()
        status, output, error = quickstart()
        assert status == 1
        assert error.startswith('error: [3/6] training failed, see above')
        assert 'test runs' not in output
        (work_dir / 'fail').unlink()
        status, output, _ = quickstart()
        assert status == 0
        assert 'train runs' in output
