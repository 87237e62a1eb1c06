"""What is measured is what the variant says."""

from __future__ import annotations

import pytest
import torch
from mmengine.optim import OptimWrapper

from masasr_mm.benchmark import measuring
from masasr_mm.benchmark.cases import Case, build_network
from masasr_mm.benchmark.measuring import (
    arrange,
    measure_inference,
    measure_training,
    measure_yardstick,
)
from masasr_mm.benchmark.timing import REST
from masasr_mm.benchmark.unfolded_matching import UnfoldedMatching
from masasr_mm.benchmark.variants import Variant
from masasr_mm.errors import UserError
from masasr_mm.models import MASAEncoder, MASANet, MatchExtractionModule
from masasr_mm.models.inference.tiled import TiledMASANet

CASE = Case((16, 24), (64, 32))


@pytest.fixture
def calls(monkeypatch):
    """What the encoder is called with: type, layout and sizes of the features it returns."""
    found = []
    forward = MASAEncoder.forward

    def spy(self, image, num_levels=None):
        features = forward(self, image, num_levels)
        layout = image.is_contiguous(memory_format=torch.channels_last)
        found.append((features[0].dtype, layout, tuple(image.shape)))
        return features

    monkeypatch.setattr(MASAEncoder, 'forward', spy)
    return found


def infer(config, variant, runs=2):
    return measure_inference(str(config), None, CASE, variant, 'cpu', runs)


def test_the_network_is_run_once_for_memory_and_as_often_as_asked(small_config, calls):
    measured = infer(small_config, Variant())
    assert len(calls) == 3 * 3
    assert len(measured.seconds) == 2
    assert measured.first > 0
    assert measured.memory is None or measured.memory >= 0
    for run, seconds in enumerate(measured.seconds):
        stages = [values[run] for values in measured.stages.values()]
        assert sum(stages) == pytest.approx(seconds)
    sizes = [(1, 3, 16, 24), (1, 3, 16, 8), (1, 3, 64, 32)]
    assert calls[:3] == [(torch.float32, True, size) for size in sizes]


def test_variants_are_what_they_say(small_config, calls, monkeypatch):
    infer(small_config, Variant(layout='nchw'), runs=1)
    assert {layout for _, layout, _ in calls} == {False}
    calls.clear()
    infer(small_config, Variant(dtype='bfloat16'), runs=1)
    assert {dtype for dtype, *_ in calls} == {torch.bfloat16}
    tiles = []
    monkeypatch.setattr(
        measuring, 'TiledMASANet', lambda net, tile: tiles.append(tile) or TiledMASANet(net, tile)
    )
    infer(small_config, Variant(tile=8), runs=1)
    assert tiles == [8]
    compiled, original = [], torch.compile

    def compile_fast(net):
        compiled.append(net)
        return original(net, backend='eager')

    monkeypatch.setattr(torch, 'compile', compile_fast)
    assert list(infer(small_config, Variant(compile=True), runs=1).stages) == [REST]
    assert isinstance(compiled[0], MASANet)


def test_a_network_is_arranged_as_the_variant_says(small_config):
    net = build_network(str(small_config))
    arrange(net, Variant())
    assert net.memory_format is torch.channels_last
    assert type(net.matching) is MatchExtractionModule
    arrange(net, Variant(layout='nchw', unfolded=True))
    assert net.memory_format is torch.contiguous_format
    assert type(net.matching) is UnfoldedMatching


@pytest.mark.parametrize('with_cp', [(), ('encoder', 'adaptation')])
def test_a_training_step(small_config, monkeypatch, with_cp):
    updated, seen = [], []
    step = OptimWrapper.step
    monkeypatch.setattr(OptimWrapper, 'step', lambda self: updated.append(step(self)))
    build = measuring.MODELS.build

    def spy(config):
        model = build(config)
        seen.append(getattr(model, 'generator', None))
        return model

    monkeypatch.setattr(measuring, 'MODELS', type('Models', (), dict(build=staticmethod(spy))))
    case = Case((16, 16), (64, 64), 2)
    variant = Variant(with_cp=with_cp)
    measured = measure_training(str(small_config), None, case, variant, 'cpu', 2)
    assert len(updated) == 3
    assert [net.with_cp for net in seen] == [with_cp]
    for stage in ('encode LR', 'fuse 4×', 'backward', 'update'):
        assert min(measured.stages[stage]) > 0


def test_a_training_step_in_another_layout_without_mmengines_log(small_config, calls, capfd):
    case, variant = Case((16, 16), (64, 64), 2), Variant(layout='nchw')
    measure_training(str(small_config), None, case, variant, 'cpu', 1)
    assert {layout for _, layout, _ in calls} == {False}
    assert 'weight' not in ''.join(capfd.readouterr())


def test_the_yardstick_is_eight_convolutions(monkeypatch):
    calls = []
    conv2d = torch.nn.Conv2d.forward

    def spy(self, image):
        calls.append((image.shape, self.kernel_size, self.out_channels))
        return conv2d(self, image[:, :, :8, :8])

    monkeypatch.setattr(torch.nn.Conv2d, 'forward', spy)
    assert len(measure_yardstick('cpu', 1).seconds) == 1
    assert calls[0] == ((1, 64, 512, 512), (3, 3), 64)
    assert len(calls) == 2 * 8


PEER = """
model = dict(
    generator=dict(type='SingleImageNetwork', network=dict(type='ENetGenerator', channels=4))
)
"""


def test_a_peer_is_run_as_one_stage(tmp_path):
    (tmp_path / 'peer.py').write_text(PEER)
    measured = infer(tmp_path / 'peer.py', Variant(), runs=2)
    assert list(measured.stages) == [REST]
    assert measured.stages[REST] == measured.seconds
    for variant in (Variant(tile=16), Variant(layout='nchw'), Variant(unfolded=True)):
        with pytest.raises(UserError, match='ENetGenerator has no tiles'):
            infer(tmp_path / 'peer.py', variant)
