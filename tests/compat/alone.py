"""Fresh interpreters, in which nothing has been imported."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from tests.conftest import REPOSITORY

# Imports masasr_mm.compat alone, without what importing the whole package does.
COMPAT_ALONE = f"""
import sys, types
package = types.ModuleType('masasr_mm')
package.__path__ = [{str(REPOSITORY / 'masasr_mm')!r}]
sys.modules['masasr_mm'] = package
from masasr_mm import compat
"""


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a script in a fresh interpreter on one thread."""
    return subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code), *arguments],
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY), 'OMP_NUM_THREADS': '1', **environment},
        capture_output=True,
        text=True,
        check=False,
    )
