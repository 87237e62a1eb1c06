"""Running the command line tools as a user does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

from tests.conftest import REPOSITORY


def run(*command: object, cwd=REPOSITORY, timeout: float = 240, **environment: str):
    """Run a command in one thread, killed with all its children when the time is over."""
    environment = {
        **os.environ,
        'OMP_NUM_THREADS': '1',
        'PYTHONWARNINGS': 'ignore',
        'PYTHONPATH': str(REPOSITORY),
        **environment,
    }
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        finally:
            kill_group(process.pid)
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def kill_group(pid: int) -> None:
    """End whatever is left of a process group."""
    with suppress(ProcessLookupError):
        os.killpg(pid, 9)


def free_port() -> str:
    """Return a port that nobody uses."""
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return str(server.getsockname()[1])


def wait_for_page(address: str, process: subprocess.Popen, seconds: float = 180) -> str:
    """Return a page as soon as a process serves it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None
        with suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
            return answer.read().decode()
        time.sleep(0.5)
    raise TimeoutError(address)


def run_python(*command: object, **options):
    """Run a Python script with this interpreter."""
    return run(sys.executable, *command, **options)


def succeed(result):
    """Return the result of a command after seeing that it succeeded."""
    assert result.returncode == 0, f'{result.stdout[-2000:]}\n{result.stderr[-4000:]}'
    return result


def error_line(result) -> str:
    """Return the one line on standard error of a command that was used wrongly."""
    assert result.returncode == 2, f'{result.stdout[-2000:]}\n{result.stderr[-4000:]}'
    assert 'Traceback' not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith('error: ')]
    assert len(lines) == 1, result.stderr
    return lines[0]
