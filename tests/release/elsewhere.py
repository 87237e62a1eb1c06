"""Runs scripts as if this were not Linux, after importing everything.

    python -m tests.release.elsewhere SYSTEM SCRIPT ARGUMENT... -- SCRIPT ARGUMENT...

Other packages are imported before anything is taken away, since they know these systems.
"""

from __future__ import annotations

import ctypes
import importlib
import itertools
import os
import pkgutil
import platform
import runpy
import signal
import sys
import types
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path
from unittest import mock

REPOSITORY = Path(__file__).resolve().parents[2]

#: What Windows lacks, and of it what macOS lacks, too. (SIGCHLD stays: torch waits for its workers
#: with it.)
MISSING = {
    'windows': {
        os: ('fork', 'forkpty', 'register_at_fork', 'sysconf', 'getloadavg', 'killpg', 'getpgid',
             'getuid', 'geteuid', 'sched_getaffinity'),
        signal: ('pthread_sigmask', 'sigwaitinfo', 'sigtimedwait', 'sigwait', 'SIGKILL', 'SIGHUP',
                 'SIGUSR1', 'alarm', 'setitimer'),
    },
    'macos': {os: ('sched_getaffinity',), signal: ('sigwaitinfo', 'sigtimedwait')},
}  # fmt: skip
MODULES = {'windows': ('fcntl', 'pwd', 'grp', 'termios'), 'macos': ()}


def import_other_packages() -> None:
    """Import what masasr_mm imports, with its work-arounds but without itself."""
    package = types.ModuleType('masasr_mm')
    package.__path__ = [str(REPOSITORY / 'masasr_mm')]
    sys.modules['masasr_mm'] = package
    compat = importlib.import_module('masasr_mm.compat')
    compat.provide_numpy_bool8()
    compat.keep_albumentations_offline()
    compat.provide_mmcv_ops()
    compat.provide_mediapipe_face()
    for name in ('mmagic.apis.inferencers', 'mmagic.engine', 'mmagic.datasets', 'psutil', 'gradio'):
        with suppress(ModuleNotFoundError):  # the page is optional
            importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition('.')[0] == 'masasr_mm']:
        del sys.modules[name]


def take_away(system: str) -> None:
    """Let this process miss what a system lacks.

    Args:
        system (str): 'windows' or 'macos'.
    """
    for module, names in MISSING[system].items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    resource_tracker._HAVE_SIGMASK = hasattr(signal, 'pthread_sigmask')
    for name in MODULES[system]:
        sys.modules[name] = None
    read_text, known, load = Path.read_text, getattr(os, 'sysconf', None), ctypes.CDLL

    def read_outside_of_proc(path: Path, *args, **kwargs) -> str:
        if str(path).startswith(('/proc', '/sys')):
            raise FileNotFoundError(2, 'No such file or directory', str(path))
        return read_text(path, *args, **kwargs)

    def sysconf(name: str) -> int:
        if name == 'SC_AVPHYS_PAGES':
            raise ValueError('unrecognized configuration name')
        return known(name)

    def cdll(name: str | None, *args, **kwargs):
        if name is not None:
            return load(name, *args, **kwargs)
        if system == 'windows':
            raise TypeError('LoadLibrary() argument 1 must be str, not None')
        return types.SimpleNamespace()  # without glibc's functions

    Path.read_text = read_outside_of_proc
    if known is not None and system == 'macos':
        os.sysconf = sysconf
    ctypes.CDLL = cdll
    platform.libc_ver = lambda *args, **kwargs: ('', '')


def import_everything() -> None:
    """Import every module of the package and load every tool."""
    import masasr_mm

    for module in pkgutil.walk_packages(masasr_mm.__path__, 'masasr_mm.'):
        importlib.import_module(module.name)
    tools = [*REPOSITORY.glob('tools/**/*.py'), *REPOSITORY.glob('demo/*.py')]
    for tool in tools:
        if tool.name != 'tutorial.py':  # runs at once
            with mock.patch.object(sys, 'path', [str(tool.parent), *sys.path]):
                runpy.run_path(str(tool))
    print(f'imported everything, {len(tools)} tools among it')


def run_script(*arguments: str) -> None:
    """Run a script, which must end well."""
    sys.argv = list(arguments)
    try:
        runpy.run_path(arguments[0], run_name='__main__')
    except SystemExit as end:
        if end.code:
            raise


if __name__ == '__main__':
    import_other_packages()
    _, system, *words = sys.argv
    take_away(system)
    import_everything()
    for ends, script in itertools.groupby(words, '--'.__eq__):
        if not ends:
            run_script(*script)
