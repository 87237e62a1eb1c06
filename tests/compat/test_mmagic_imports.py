"""mmagic's imports in the situations that trouble them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from masasr_mm import compat

from .alone import COMPAT_ALONE, run_python


class TestProvideMediapipeFace:
    @staticmethod
    def packages(folder: Path, *mediapipe: str) -> str:
        """Make a mediapipe with these sub-folders, and a controlnet_aux as 0.0.10 is."""
        for path in ('controlnet_aux/mediapipe_face', 'mediapipe', *mediapipe):
            (folder / path).mkdir(parents=True)
        (folder / 'mediapipe' / '__init__.py').write_text(
            'class solutions: drawing_utils = 42' if mediapipe else ''
        )
        face = 'from .mediapipe_face import MediapipeFaceDetector'
        (folder / 'controlnet_aux' / '__init__.py').write_text(face)
        (folder / 'controlnet_aux' / 'mediapipe_face' / '__init__.py').write_text(
            'import mediapipe\ndrawing_utils = mediapipe.solutions.drawing_utils\n'
            'class MediapipeFaceDetector: pass\n'
        )
        return str(folder)

    def test_a_mediapipe_without_solutions(self, tmp_path):
        path = self.packages(tmp_path)
        code = """
import controlnet_aux
try:
    controlnet_aux.MediapipeFaceDetector()
except ImportError as error:
    print(error)
"""
        assert run_python(COMPAT_ALONE + code, PYTHONPATH=path).returncode != 0
        result = run_python(
            COMPAT_ALONE + 'assert compat.provide_mediapipe_face()' + code, PYTHONPATH=path
        )
        assert "pip install 'mediapipe<" in result.stdout, result.stderr

    def test_a_mediapipe_with_solutions_is_left_alone(self, tmp_path):
        path = self.packages(tmp_path, 'mediapipe/python/solutions')
        code = """
assert not compat.provide_mediapipe_face()
import controlnet_aux
controlnet_aux.MediapipeFaceDetector()
"""
        result = run_python(COMPAT_ALONE + code, PYTHONPATH=path)
        assert result.returncode == 0, result.stderr


class TestProvideNumpyBool8:
    def test_numpy_1_is_left_alone(self, monkeypatch):
        monkeypatch.delitem(vars(np), 'bool8', raising=False)
        monkeypatch.setattr(np, '__version__', '1.26.4')
        assert not compat.provide_numpy_bool8()
        assert 'bool8' not in vars(np)

    def test_numpy_2_gets_the_alias_once(self, monkeypatch):
        monkeypatch.setattr(np, '__version__', '2.5.5')
        monkeypatch.setattr(np, 'bool8', None, raising=False)  # taken away again after the test
        del np.bool8
        assert compat.provide_numpy_bool8()
        assert np.bool8 is np.bool_
        assert not compat.provide_numpy_bool8()

    def test_mmagic_names_it(self):
        # where this fails, the work-around can go
        import mmagic.utils.trans_utils

        assert 'np.bool8' in Path(mmagic.utils.trans_utils.__file__).read_text()


class TestKeepAlbumentationsOffline:
    def test_no_question_on_import(self):
        code = """
import os, socket
def refuse(*arguments, **options):
    print('albumentations asks the network')
    raise OSError
socket.socket.connect = socket.getaddrinfo = refuse
os.environ.pop('NO_ALBUMENTATIONS_UPDATE', None)
compat.keep_albumentations_offline()
import albumentations
"""
        result = run_python(COMPAT_ALONE + code)
        assert result.returncode == 0, result.stderr
        assert result.stdout == ''

    def test_a_user_may_wish_otherwise(self, monkeypatch):
        monkeypatch.setenv('NO_ALBUMENTATIONS_UPDATE', '0')
        compat.keep_albumentations_offline()
        assert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '0'


class TestIgnoreImportWarnings:
    @pytest.mark.parametrize('module', ['components', 'evaluation.real_pairs'])
    def test_importing_prints_nothing(self, module):
        result = run_python(f'import masasr_mm.{module}', PYTHONWARNINGS='')
        assert result.returncode == 0, result.stderr
        assert result.stderr == ''

    def test_other_warnings_are_shown(self):
        compat.ignore_import_warnings()
        with pytest.warns(FutureWarning, match='something else'):
            warnings.warn('something else', FutureWarning, stacklevel=1)
