"""The wheel, in an environment of its own outside of the checkout, from an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from masasr_mm import weights
from tests.commands import free_port, kill_group, run, succeed, wait_for_page
from tests.conftest import REPOSITORY

MIM = {'model-index.yml', 'configs/masa_x4_cufed5.py', 'configs/_base_/models/masa.py',
       'configs/metafile.yml', 'tools/train.py', 'tools/test.py', 'tools/check_env.py',
       'requirements/constraints.txt'}  # fmt: skip

WEIGHTS = {f'masasr_mm/weights/{name}/model.safetensors' for name in weights.NAMES}


class Installed:
    """An environment that holds the wheel, and all else of the one that runs the tests."""

    def __init__(self, folder: Path):
        source = folder / 'source'
        others = shutil.ignore_patterns('.*', 'build', 'data', 'work_dirs', '*.egg-info', 'tests')
        shutil.copytree(REPOSITORY, source, ignore=others)
        build = f'from setuptools import build_meta as b; print(b.build_sdist({str(folder)!r}))'
        name = succeed(run(sys.executable, '-c', build, cwd=source)).stdout.split()[-1]
        self.sdist = folder / name
        pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check']
        # from the archive of the sources, so that it, too, holds what is needed
        succeed(run(*pip, 'wheel', '-qq', '--no-deps', '--no-build-isolation', '-w', folder,
                    self.sdist, cwd=folder))  # fmt: skip
        [self.wheel] = folder.glob('*.whl')
        self.bin = folder / 'environment' / 'bin'
        succeed(run(sys.executable, '-m', 'venv', '--without-pip', folder / 'environment'))
        [site] = (folder / 'environment').glob('lib/python*/site-packages')
        succeed(run(*pip, '--python', self.bin / 'python', 'install', '-q', '--no-deps',
                    '--no-index', self.wheel, PYTHONPATH=''))  # fmt: skip
        # The folder is not searched for .pth files, such as that of an editable masasr_mm.
        packages = Path(pytest.__file__).parent.parent
        (site / 'others.pth').write_text(str(packages))
        # Python 3.12 has no distutils, which mmengine imports; setuptools lends its own.
        shutil.copy(packages / 'distutils-precedence.pth', site)
        self.site = site
        self.folder = folder / 'empty'
        self.folder.mkdir()

    def run(self, command: str, *arguments: object):
        """Run a command of the environment in its folder."""
        path = f'{self.bin}{os.pathsep}{os.environ["PATH"]}'
        return run(self.bin / command, *arguments, cwd=self.folder, PYTHONPATH='', PATH=path)


@pytest.fixture(scope='module')
def installed(tmp_path_factory) -> Installed:
    return Installed(tmp_path_factory.mktemp('wheel'))


@pytest.fixture(scope='module')
def own_config(installed, small_config) -> Path:
    """A config that inherits one of the wheel's."""
    _, _, rest = small_config.read_text().partition("masa_x4_sample.py'\n")
    path = installed.folder / 'own.py'
    path.write_text("_base_ = 'masasr_mm::masa_x4_sample.py'\n" + rest)
    return path


def test_wheel_and_sdist_hold_configs_and_tools(installed):
    in_wheel = set(zipfile.ZipFile(installed.wheel).namelist())
    with tarfile.open(installed.sdist) as archive:
        in_sdist = {name.partition('/')[2] for name in archive.getnames()}
    assert {f'masasr_mm/.mim/{name}' for name in MIM} | WEIGHTS <= in_wheel & in_sdist
    assert not {name for name in in_wheel if name.startswith(('tests', 'configs', 'build'))}


def test_configs_by_name(installed, own_config):
    code = """
import masasr_mm
from mmengine.config import Config
from mmengine.hub import get_config
print(masasr_mm.__file__)
print(get_config('masasr_mm::masa_x4_cufed5.py').model.gan_loss.type)
print(get_config('masasr_mm::ablations/table3_spade.py').model.generator.adaptation.type)
config = Config.fromfile('own.py')
print(config.model.generator.channels, config.model.type, '_scope_' in config.pretty_text)
"""
    result = succeed(installed.run('python', '-c', code))
    *_, place, loss, adaptation, own = result.stdout.splitlines()
    assert place == str(installed.site / 'masasr_mm' / '__init__.py')
    assert loss == 'GANLoss'
    assert adaptation == 'SpatiallyAdaptiveNormalization'
    assert own == '8 MASA False'


def test_mim_train_and_test(installed, own_config):
    work_dir = ['--work-dir', 'work']
    result = installed.run('python', '-W', 'ignore', '-m', 'mim', 'train', 'masasr_mm', own_config,
                           *work_dir, '--cfg-options', 'train_cfg.max_iters=2')  # fmt: skip
    succeed(result)
    assert str(installed.site / 'masasr_mm' / '.mim' / 'tools' / 'train.py') in result.stdout
    assert (installed.folder / 'work' / 'iter_2.pth').is_file()
    result = installed.run('python', '-W', 'ignore', '-m', 'mim', 'test', 'masasr_mm', own_config,
                           '--checkpoint', 'work/iter_2.pth', *work_dir)  # fmt: skip
    assert 'bicubic' in succeed(result).stdout


def test_the_photo_command_and_its_weights(installed, photo_files):
    photo, ref, _ = photo_files
    succeed(installed.run('masasr', photo, '--ref', ref, '--out', 'sr.png'))
    assert Image.open(installed.folder / 'sr.png').size == (240, 224)


def test_the_page(installed):
    pytest.importorskip('gradio')
    port, album = free_port(), installed.folder / 'album'
    album.mkdir()
    Image.new('RGB', (64, 64)).save(album / 'photo.png')
    process = subprocess.Popen(
        [installed.bin / 'masasr-demo', '--port', port, '--ref-from', album],
        cwd=installed.folder,
        env={
            **os.environ,
            'PYTHONPATH': '',
            'OMP_NUM_THREADS': '1',
            'XDG_CACHE_HOME': str(installed.folder / 'cache'),
        },
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        page = wait_for_page(f'http://127.0.0.1:{port}', process)
    finally:
        kill_group(process.pid)
        process.wait()
    assert 'Without a reference one is looked for in an album' in page
