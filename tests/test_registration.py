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


def output(code: str, *arguments: str) -> list[str]:
    """What a fresh interpreter prints."""
    return succeed(run_python('-c', code, *arguments)).stdout.splitlines()


def test_alone_it_imports_nothing_heavy():
    code = "import sys, masasr_mm; print({'torch', 'mmengine', 'mmagic'} & set(sys.modules))"
    assert output(code) == ['set()']


@pytest.mark.parametrize('first', ['MODELS', 'TRANSFORMS', 'HOOKS'])
def test_whichever_registry_is_asked_first_they_know_their_components(first):
    code = f"""
import json, sys
import masasr_mm, mmagic.registry
heavy = sorted(set({HEAVY}) & set(sys.modules))
for name, components in sorted({COMPONENTS}.items(), key=lambda item: item[0] != {first!r}):
    registry = getattr(mmagic.registry, name)
    print(json.dumps([heavy, [registry.get(component).__module__ for component in components]]))
"""
    asked = [json.loads(line) for line in output(code)]
    assert len(asked) == len(COMPONENTS)
    for heavy, modules in asked:
        assert heavy == []
        assert all(module.startswith('masasr_mm.') for module in modules)


@pytest.mark.parametrize(
    'before',
    [
        'import torch',
        # Looking for torch is not yet importing it.
        "import importlib.util, masasr_mm; importlib.util.find_spec('torch')",
        # mmagic's registry has answered before and will not import anything any more.
        "from masasr_mm import compat; from mmagic.registry import MODELS; MODELS.get('ESRGAN')",
    ],
)
def test_the_order_of_imports_does_not_matter(before):
    code = (
        f'{before}\nimport masasr_mm\nfrom mmagic.registry import MODELS\n'
        "print(MODELS.get('MASA').__module__)"
    )
    assert output(code)[-1] == 'masasr_mm.models.masa'


def test_file_backends_are_known():
    code = (
        'import masasr_mm\n'
        'from mmengine.fileio import get_file_backend\n'
        "print(type(get_file_backend(backend_args=dict(backend='whole'))).__name__)\n"
    )
    assert output(code) == ['WholeFileBackend']


def test_packages_are_attributes():
    code = (
        'import masasr_mm\n'
        'print(masasr_mm.apis.MASAInferencer.__name__, masasr_mm.models.MASA.__name__)\n'
        'print(masasr_mm.datasets.transforms.StackReferences.__name__, masasr_mm.__version__)'
    )
    lines = output(code)
    assert lines[0] == 'MASAInferencer MASA'
    assert lines[1].startswith('StackReferences 0.')


def test_a_missing_mmcv_is_told():
    code = "import sys; sys.modules['mmcv'] = None; import masasr_mm; import mmengine"
    result = run_python('-c', code)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith("pip install 'mmcv-lite>=2.0,<2.2'")
