"""Importing the package: what it makes known to mmagic, and what it leaves alone until then."""

from __future__ import annotations

import json

import pytest

from tests.commands import run_python, succeed

HEAVY = ('diffusers', 'transformers.models', 'mmagic.models', 'mmagic.datasets', 'albumentations')
COMPONENTS = dict(
    MODELS=['MASA', 'MASANet', 'MASADiscriminator', 'MASAEncoder', 'SpatialAdaptationModule'],
    DATASETS=['CUFEDDataset', 'CUFED5Dataset', 'Sun80Dataset', 'Urban100Dataset'],
    TRANSFORMS=['LoadRGBImage', 'DelayedTransforms', 'RandomRotation90', 'ChangeReference'],
    HOOKS=['SaveImagesHook', 'StopOnSignalHook', 'WholeCheckpointHook'],
    LOOPS=['ResumableTrainLoop'],
    METRICS=['LPIPS'],
    VISUALIZERS=['MatchVisualizer', 'SideBySideVisualizer'],
)
CODE = """
import json, socket, sys

def refuse(*arguments, **options):
    print('asks the network')
    raise OSError

socket.socket.connect = socket.getaddrinfo = refuse
{before}
loaded = set(sys.modules)
import masasr_mm, mmagic.registry
print(json.dumps(sorted(set({heavy}) & set(sys.modules) - loaded)))
for name, components in sorted({components}.items(), key=lambda item: item[0] != {first!r}):
    registry = getattr(mmagic.registry, name)
    print(json.dumps([registry.get(component).__module__ for component in components]))
import albumentations
from mmengine.fileio import get_file_backend
assert type(get_file_backend(backend_args=dict(backend='whole'))).__name__ == 'WholeFileBackend'
assert masasr_mm.apis.MASAInferencer.__module__.startswith('masasr_mm.')
assert masasr_mm.datasets.transforms.StackReferences and masasr_mm.__version__.startswith('0.')
"""


def test_alone_it_imports_nothing_heavy():
    code = "import sys, masasr_mm; print({'torch', 'mmengine', 'mmagic'} & set(sys.modules))"
    assert succeed(run_python('-c', code)).stdout == 'set()\n'


@pytest.mark.parametrize(
    ('before', 'first'),
    [
        ('import torch', 'MODELS'),
        # mmagic's registry has answered before and will not import anything any more.
        (
            'import sys, masasr_mm; sys.meta_path[:] = [finder for finder in sys.meta_path if '
            "'masasr_mm' not in type(finder).__module__]\n"
            'from masasr_mm import compat; compat.ignore_import_warnings()\n'
            'compat.provide_mmcv_ops(), compat.provide_numpy_bool8(), '
            'compat.provide_mediapipe_face()\n'
            "from mmagic.registry import MODELS; MODELS.get('ESRGAN')\n"
            "del sys.modules['masasr_mm'], sys.modules['masasr_mm.registration']",
            'HOOKS',
        ),
    ],
    ids=['torch first', 'registry asked before'],
)
def test_components_are_known_whatever_was_imported_before(before, first):
    """No line is printed and the network is not asked, either."""
    code = CODE.format(before=before, heavy=HEAVY, components=COMPONENTS, first=first)
    result = succeed(run_python('-c', code, PYTHONWARNINGS='', timeout=600))
    assert result.stderr == ''
    heavy, *asked = (json.loads(line) for line in result.stdout.splitlines())
    assert heavy == [] or 'ESRGAN' in before
    assert len(asked) == len(COMPONENTS)
    assert all(module.startswith('masasr_mm.') for modules in asked for module in modules)


def test_a_missing_mmcv_is_told():
    code = "import sys; sys.modules['mmcv'] = None; import masasr_mm; import mmengine"
    result = run_python('-c', code)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith("pip install 'mmcv-lite>=2.0,<2.2'")
