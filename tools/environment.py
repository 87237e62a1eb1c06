"""Make the project's own environment in .venv, or bring it up to date.

The shell scripts run this with any Python 3.9 to 3.12 (through environment.sh), so it needs
nothing but the standard library. What it made once is left alone until the requirements change;
what was interrupted is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
#: Holds BUILDING, or the fingerprint of what was installed; written last.
STATE = VENV / 'masasr_mm.state'
BUILDING = 'building'
LOG = VENV / 'install.log'
#: Requirement files, requirements/<name>.txt.
REQUIREMENTS = ('runtime', 'lite', 'sample', 'tests')
#: Those of the page and of other formats: installed too, but a .venv made by hand may lack them.
EXTRAS = ('export', 'demo')
#: The versions of Python that every release in requirements/constraints.txt supports.
CONSTRAINED = ((3, 11), (3, 12))
#: Bytes that a whole environment takes, most of it torch and the CUDA libraries, and those that pip
#: takes in the folder for temporary files while it installs.
ENVIRONMENT_SIZE, DOWNLOAD_SIZE = 8 * 10**9, 4 * 10**9


class SetupError(Exception):
    """Something that the user has to mend; the message is one line."""


def say(message: str) -> None:
    """Print a line about what is going on, at once.

    Args:
        message (str): The line.
    """
    print(f'environment: {message}', flush=True)


def fingerprint() -> str:
    """Return a short text that changes with the requirements and with the place of the checkout."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (ROOT / 'setup.cfg', *sorted((ROOT / 'requirements').glob('*.txt'))):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def state() -> str | None:
    """Return what :data:`STATE` holds, ``None`` if there is no such file."""
    return STATE.read_text(encoding='utf-8') if STATE.is_file() else None


def runs(*arguments: str) -> bool:
    """Tell whether the Python of the environment ends well with these arguments.

    Args:
        *arguments (str): Its command line. PYTHONPATH is left out: it is no part of .venv.

    Returns:
        bool: ``False`` if there is no such Python or it fails.
    """
    try:
        command = [str(PYTHON), '-I', *arguments]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def create() -> None:
    """Make an empty virtual environment in place of an incomplete one.

    Raises:
        SetupError: If the disk is too full or the venv module fails.
    """
    if VENV.exists():
        say('removing an incomplete .venv')
        shutil.rmtree(VENV)
    check_disk_space()
    say(f'creating .venv with Python {sys.version.split()[0]}')
    VENV.mkdir()
    STATE.write_text(BUILDING, encoding='utf-8')
    base = Path(sys.executable)
    if Path(sys.prefix).resolve() == VENV:  # it was active, and has just been removed
        base = Path(sys.base_prefix, 'bin', f'python{sys.version_info[0]}.{sys.version_info[1]}')
    command = [str(base), '-I', '-m', 'venv', str(VENV)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stdout + result.stderr).strip().splitlines() or ['no reason given']
        raise SetupError(f'{base} cannot make a virtual environment: {reason[0]}')


def check_disk_space() -> None:
    """Compare the free space with what an environment needs.

    Raises:
        SetupError: If there is too little of it.
    """
    temporary = Path(tempfile.gettempdir())
    needed = {ROOT: ENVIRONMENT_SIZE, temporary: DOWNLOAD_SIZE}
    if ROOT.stat().st_dev == temporary.stat().st_dev:
        needed = {ROOT: ENVIRONMENT_SIZE + DOWNLOAD_SIZE}
    for folder, size in needed.items():
        free = shutil.disk_usage(folder).free
        if free < size:
            raise SetupError(
                f'not enough disk space in {folder}: {free / 1e9:.1f} GB are free, '
                f'{size / 1e9:.0f} GB are needed (TMPDIR says where temporary files go)'
            )


def install(lock: IO[str]) -> None:
    """Install the requirements and, editable, the package itself.

    Args:
        lock (IO[str]): The lock, handed on to pip, so that it is held as long as pip runs.

    Raises:
        SetupError: If pip fails.
    """
    STATE.write_text(BUILDING, encoding='utf-8')
    # mmcv and mmcv-lite overwrite each other: full mmcv, put in by hand, stays.
    full_mmcv = runs('-c', 'import importlib.metadata; importlib.metadata.version("mmcv")')
    files = [name for name in (*REQUIREMENTS, *EXTRAS) if not (full_mmcv and name == 'lite')]
    arguments = [f'-rrequirements/{name}.txt' for name in files]
    if sys.version_info[:2] in CONSTRAINED:
        arguments.append('-crequirements/constraints.txt')
    LOG.unlink(missing_ok=True)
    say('installing the requirements (some minutes; about 3 GB to download, 7 GB on disk)')
    pip(arguments, lock)
    say('installing masasr_mm, editable')
    pip(['--no-deps', '-e', '.'], lock)
    say('compiling what it imports')
    # -I makes this Python keep the result even where PYTHONDONTWRITEBYTECODE says otherwise, which
    # would have each command compile anew, for longer than it runs.
    runs('-W', 'ignore', '-c', 'import masasr_mm')


def pip(arguments: list[str], lock: IO[str]) -> None:
    """Run ``pip install``; its output goes to :data:`LOG`, and line by line to a terminal.

    Args:
        arguments (list[str]): What follows ``pip install``.
        lock (IO[str]): The lock that pip keeps while it runs.

    Raises:
        SetupError: If pip fails, with its own last word.
    """
    # Compiling 16,000 files takes longer than Python's doing so for the few that are imported.
    options = ['--no-compile', '--no-input', '--disable-pip-version-check', '--progress-bar=off']
    command = [str(PYTHON), '-I', '-m', 'pip', 'install', *options, *arguments]
    with (
        LOG.open('a', encoding='utf-8') as log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            pass_fds=[lock.fileno()],
        ) as process,
    ):
        try:
            for line in process.stdout:
                log.write(line)
                show(line)
        except BaseException:
            process.terminate()
            raise
        show('')
    if process.returncode:
        raise SetupError(f'{reason_of_pip()} (all of it: {LOG})')


def show(line: str) -> None:
    """Overwrite the current line of a terminal; do nothing where the output is no terminal.

    Args:
        line (str): The new text, cut to the terminal's width.
    """
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print('\r\033[K' + line.strip()[:width], end='', flush=True)


def reason_of_pip() -> str:
    """Return one line that says why pip failed, from its log."""
    lines = LOG.read_text(encoding='utf-8').splitlines()
    errors = [line for line in lines if line.startswith('ERROR:')] or lines or ['ERROR: no output']
    reason = errors[-1].replace('ERROR: ', '', 1)
    if any('Retrying (Retry(' in line for line in lines):
        return f'no package registry can be reached: {reason}'
    return f'pip failed: {reason}'


def prepare(lock: IO[str]) -> None:
    """See to it that :data:`VENV` is complete.

    Args:
        lock (IO[str]): The lock that this process holds.

    Raises:
        SetupError: If it cannot be made, or is somebody else's and lacks something.
    """
    found = state()
    if found == fingerprint() and runs('-c', ''):
        return
    if found is None and VENV.exists() and any(VENV.iterdir()):
        if runs('tools/check_requirements.py', *REQUIREMENTS[:1], *REQUIREMENTS[2:]):
            return
        raise SetupError(
            f"{VENV} was made by hand and lacks requirements: activate it and run 'pip install -e "
            ".[lite,sample,tests]', or remove it"
        )
    start = time.monotonic()
    if found in (None, BUILDING) or not runs('-m', 'pip', '--version'):
        create()
    install(lock)
    STATE.write_text(fingerprint(), encoding='utf-8')
    say(f'ready after {time.monotonic() - start:.0f} s')


def main() -> int:
    """Prepare the environment, one process at a time."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (ROOT / 'setup.cfg').open('r+', encoding='utf-8') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say('another process is at work on .venv, waiting for it')
                fcntl.flock(lock, fcntl.LOCK_EX)
            prepare(lock)
    except (SetupError, OSError) as problem:
        print(f'error: {problem}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted: run it again to go on', file=sys.stderr)
        return 130
    say(f'using {VENV}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
