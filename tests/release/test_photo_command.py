"""The photo command as a process: what it imports, and that an end leaves whole files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from PIL import Image

from tests.commands import run_python, succeed
from tests.conftest import REPOSITORY

HEAVY = ('diffusers', 'transformers', 'mmagic.models', 'mmagic.datasets', 'albumentations')


def test_a_photo_needs_none_of_mmagics_models(small_checkpoint, photo_files):
    """As the command does it; the table of modules at its end tells."""
    code = (
        'import sys\nfrom masasr_mm.cli.photo_command import main\n'
        'try:\n    main()\nexcept SystemExit as end:\n'
        f"    print(end.code, {{*{HEAVY}, 'matplotlib'}} & set(sys.modules))"
    )
    arguments = (photo_files[0], '--ref', photo_files[1], '--checkpoint', small_checkpoint)
    printed = succeed(run_python('-c', code, *arguments)).stdout
    assert printed.splitlines()[-1] == '0 set()'


def test_an_interruption_leaves_whole_files(small_checkpoint, photos, tmp_path):
    """Ended in its second photo, which is large; the first stays, and nothing else."""
    (tmp_path / 'photos').mkdir()
    Image.fromarray(photos[0]).save(tmp_path / 'photos' / 'a.png')
    Image.fromarray(photos[1]).save(tmp_path / 'ref.png')
    Image.fromarray(photos[1]).resize((900, 900)).save(tmp_path / 'photos' / 'b.png')
    process = subprocess.Popen(
        [
            sys.executable, '-m', 'masasr_mm.cli', 'photos', '--ref', 'ref.png',
            '--checkpoint', str(small_checkpoint), '--device', 'cpu',
        ],
        cwd=tmp_path, env=dict(os.environ, PYTHONPATH=str(REPOSITORY), OMP_NUM_THREADS='1'),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    first = tmp_path / 'photos_x4' / 'a_x4.png'
    assert any(line.startswith('photos_x4/a_x4.png:') for line in process.stdout)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert 'interrupted: 1 written, 1 not done' in stderr
    assert [path.name for path in first.parent.iterdir()] == ['a_x4.png']
    with Image.open(first) as image:
        image.load()
        assert image.size == (240, 224)
