"""Models of OpenVINO leave the stack of signals as it was."""

from __future__ import annotations

import json
import sys

import pytest

from tests.commands import run_python, succeed

COMPILED = """
import os, signal, sys
from contextlib import nullcontext
import numpy as np, openvino
from openvino import opset13
from masasr_mm.compat import keep_signal_stack

def compiled():
    x = opset13.parameter([1, 4], openvino.Type.f32)
    with {context}():
        return openvino.compile_model(openvino.Model([opset13.relu(x)], [x]), 'CPU')

first, second = compiled(), compiled()
assert (second(np.ones((1, 4), np.float32))[0] == 1).all()
del first
del second
signal.signal(signal.SIGINT, lambda *_: print('handled'))
os.kill(os.getpid(), signal.SIGINT)
"""

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='of Linux alone')


def test_signals_are_handled_after_models_were_freed():
    """The older one first, as where few sizes are kept compiled; with AMX it was the end."""
    pytest.importorskip('openvino')
    result = run_python('-X', 'faulthandler', '-c', COMPILED.format(context='keep_signal_stack'))
    assert succeed(result).stdout == 'handled\n'


@pytest.mark.parametrize('enabled', [False, True])
def test_the_stack_is_put_back(enabled):
    code = (
        'import ctypes, faulthandler, json\n'
        f'faulthandler.enable() if {enabled} else None\n'
        'from masasr_mm.compat.signal_stack import _exchange, _SignalStack, keep_signal_stack\n'
        'before, inside, after = (_SignalStack() for _ in range(3))\n'
        '_exchange(None, before)\n'
        'other = ctypes.create_string_buffer(1 << 17)\n'
        'with keep_signal_stack():\n'
        '    _exchange(_SignalStack(ctypes.addressof(other), 0, 1 << 17), None)\n'
        '    _exchange(None, inside)\n'
        '_exchange(None, after)\n'
        'print(json.dumps([(s.start, s.flags, s.size) for s in (before, inside, after)]))\n'
    )
    before, inside, after = json.loads(succeed(run_python('-c', code)).stdout)
    assert before == after
    assert (before[0] is not None) == enabled
    assert inside[2] == 1 << 17
