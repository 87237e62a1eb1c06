"""mmagic's imports in the situations that trouble them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from masasr_mm import compat


@pytest.fixture
def packages(tmp_path, monkeypatch) -> Iterator[Path]:
    """A mediapipe without folders, and a controlnet_aux as 0.0.10 is, not yet imported."""
    for path in ('controlnet_aux/mediapipe_face', 'mediapipe'):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / 'mediapipe' / '__init__.py').touch()
    face = 'from .mediapipe_face import MediapipeFaceDetector'
    (tmp_path / 'controlnet_aux' / '__init__.py').write_text(face)
    (tmp_path / 'controlnet_aux' / 'mediapipe_face' / '__init__.py').write_text(
        'import mediapipe\ndrawing_utils = mediapipe.solutions.drawing_utils\n'
        'class MediapipeFaceDetector: pass\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    with mock.patch.dict(sys.modules):
        for name in list(sys.modules):
            if name.partition('.')[0] in ('controlnet_aux', 'mediapipe'):
                del sys.modules[name]
        yield tmp_path


def test_a_mediapipe_without_solutions(packages):
    with pytest.raises(AttributeError, match='solutions'):
        import controlnet_aux
    assert compat.provide_mediapipe_face()
    import controlnet_aux

    with pytest.raises(ImportError, match="pip install 'mediapipe<"):
        controlnet_aux.MediapipeFaceDetector()


def test_numpy_2_gets_the_alias_bool8_once(monkeypatch):
    monkeypatch.setattr(np, '__version__', '2.5.5')
    monkeypatch.setattr(np, 'bool8', None, raising=False)  # taken away again after the test
    del np.bool8
    assert compat.provide_numpy_bool8()
    assert np.bool8 is np.bool_
    assert not compat.provide_numpy_bool8()


def test_mmagic_still_names_bool8():
    # where this fails, the work-around can go
    import mmagic.utils.trans_utils

    assert 'np.bool8' in Path(mmagic.utils.trans_utils.__file__).read_text()
