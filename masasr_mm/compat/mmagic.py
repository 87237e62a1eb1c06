"""What mmagic (1.2.0) trips over when it is imported. Call all of these before it is."""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from pathlib import Path
from types import ModuleType


def provide_mediapipe_face() -> bool:
    """Let ``mmagic.apis`` be imported beside a mediapipe without its old ``solutions``.

    controlnet_aux (0.0.10), which it imports, reads them. Its face detector becomes a placeholder
    that says which package is needed. Returns whether it was put in.
    """
    name = 'controlnet_aux.mediapipe_face'
    mediapipe = importlib.util.find_spec('mediapipe')
    if (
        name in sys.modules
        or mediapipe is None
        or importlib.util.find_spec('controlnet_aux') is None
    ):
        return False
    if any(
        (Path(place) / 'python' / 'solutions').is_dir()
        for place in mediapipe.submodule_search_locations
    ):
        return False

    class MediapipeFaceDetector:
        def __init__(self, *args, **kwargs) -> None:
            raise ImportError(
                "controlnet_aux's MediapipeFaceDetector needs an older mediapipe: "
                "pip install 'mediapipe<0.10.30'"
            )

    sys.modules[name] = ModuleType(name, 'Stands for a module that this mediapipe cannot serve.')
    sys.modules[name].MediapipeFaceDetector = MediapipeFaceDetector
    return True


def provide_numpy_bool8() -> bool:
    """Put back ``numpy.bool8``, which ``mmagic.utils`` names and numpy 2 no longer has.

    Returns whether it was put in.
    """
    import numpy as np

    if np.lib.NumpyVersion(np.__version__) < '2.0.0' or 'bool8' in vars(np):
        return False
    np.bool8 = np.bool_
    return True


def keep_albumentations_offline() -> None:
    """Keep albumentations (1.4) from asking the package registry for news when it is imported.

    ``mmagic.datasets`` imports it; it would advise an update to 2.0, with which mmagic does not
    work.
    """
    os.environ.setdefault('NO_ALBUMENTATIONS_UPDATE', '1')


def ignore_import_warnings() -> None:
    """Keep quiet what diffusers (0.24) and mmagic make newer torch and Python warn of."""
    warnings.filterwarnings('ignore', '.*_register_pytree_node', FutureWarning)
    warnings.filterwarnings('ignore', 'invalid escape sequence', SyntaxWarning)
