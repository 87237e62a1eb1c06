"""Puts the configs and tools where OpenMMLab's packages have them: in the folder ``.mim``."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
FILES = (
    'model-index.yml', 'configs/**/*.py', 'configs/**/*.yml', 'tools/**/*.py', 'requirements/*.txt'
)  # fmt: skip


def copy_files(target: Path) -> None:
    """Copy what belongs into ``.mim`` of the package that is built."""
    for source in (path for pattern in FILES for path in ROOT.glob(pattern)):
        copy = target / '.mim' / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)


def link_folders(target: Path) -> None:
    """Link what belongs into ``.mim``, for an installation that runs from the checkout."""
    (target / '.mim').mkdir(exist_ok=True)
    for name in {Path(pattern).parts[0] for pattern in FILES}:
        with suppress(OSError):  # it is there, or Windows does not let everybody link
            (target / '.mim' / name).symlink_to(Path('..', '..', name))


class BuildWithMim(build_py):
    """Builds the package with ``.mim``."""

    def run(self) -> None:  # noqa: D102
        super().run()
        if self.editable_mode:
            link_folders(ROOT / 'masasr_mm')
        else:
            copy_files(Path(self.build_lib, 'masasr_mm'))


class SdistWithMim(sdist):
    """Makes an archive of the sources with ``.mim``."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:  # noqa: D102
        super().make_release_tree(base_dir, files)
        copy_files(Path(base_dir, 'masasr_mm'))


setup(cmdclass=dict(build_py=BuildWithMim, sdist=SdistWithMim))
