"""Parts of the network from their configs."""

from __future__ import annotations

import pytest
from mmagic.registry import MODELS

from masasr_mm.models import MASAEncoder
from masasr_mm.models.building import build_part
from tests.commands import run_python, succeed


def test_a_part_of_ours_is_built_without_mmagics_models():
    code = (
        'import sys\nfrom masasr_mm.models.building import build_part\n'
        "part = build_part(dict(type='MASAEncoder', channels=4))\n"
        "print(type(part).__name__, 'mmagic.models' in sys.modules)"
    )
    assert succeed(run_python('-c', code)).stdout.split() == ['MASAEncoder', 'False']


def test_a_class_or_a_name_of_mmagics_serves_as_well():
    assert isinstance(build_part(dict(type=MASAEncoder, channels=4)), MASAEncoder)
    assert type(build_part(dict(type='L1Loss'))) is MODELS.get('L1Loss')
    with pytest.raises(KeyError, match='NoSuchPart'):
        build_part(dict(type='NoSuchPart'))
