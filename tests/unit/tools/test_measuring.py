"""What is measured is what the variant says, and the released matching comes to the same."""

from __future__ import annotations

import time

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch.nn import functional as F
from torch.profiler import record_function

from masasr_mm.errors import UserError
from masasr_mm.models import MASAEncoder, MASANet, MatchExtractionModule
from masasr_mm.models.inference.super_resolve import TiledMASANet
from tests.scripts import load_tool

measuring = load_tool('analysis_tools/measuring.py')
UnfoldedMatching = measuring.UnfoldedMatching
CASE = measuring.Case((16, 24), (64, 32))
CPU = torch.device('cpu')


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


def infer(config, variant, runs=1):
    return measuring.measure_inference(str(config), None, CASE, variant, 'cpu', runs)


def test_it_runs_for_memory_for_time_and_for_stages(small_config, calls):
    measured = infer(small_config, measuring.Variant(), runs=2)
    assert len(calls) == 3 * (1 + 2 + 1)
    assert len(measured.seconds) == 2
    assert measured.first > 0
    assert measured.memory is None or measured.memory >= 0
    assert {'encode LR', 'coarse matching', 'fuse 4×'} < set(measured.stages)
    assert list(measured.stages)[-1] == measuring.REST
    assert min(measured.stages.values()) > 0
    sizes = [(1, 3, 16, 24), (1, 3, 16, 8), (1, 3, 64, 32)]
    assert calls[:3] == [(torch.float32, True, size) for size in sizes]


def test_each_moment_counts_for_the_innermost_stage():
    def run():
        time.sleep(0.02)
        for _ in range(2):
            with record_function('outer'):
                time.sleep(0.04)
                with record_function('inner'):
                    time.sleep(0.16)

    seconds = measuring.stage_seconds(run, CPU)
    assert list(seconds) == ['outer', 'inner', measuring.REST]
    # A busy machine sleeps longer, never shorter.
    assert seconds['outer'] >= 0.08
    assert seconds['inner'] >= 0.32
    assert seconds['inner'] > seconds['outer'] > seconds[measuring.REST] >= 0.02


def test_variants_are_what_they_say(small_config, calls, monkeypatch):
    infer(small_config, measuring.Variant(layout='nchw'))
    assert {layout for _, layout, _ in calls} == {False}
    calls.clear()
    infer(small_config, measuring.Variant(dtype='bfloat16'))
    assert {dtype for dtype, *_ in calls} == {torch.bfloat16}
    tiles = []
    monkeypatch.setattr(
        measuring, 'TiledMASANet', lambda net, tile: tiles.append(tile) or TiledMASANet(net, tile)
    )
    infer(small_config, measuring.Variant(tile=8))
    assert tiles == [8]
    compiled, original = [], torch.compile

    def compile_fast(net):
        compiled.append(net)
        return original(net, backend='eager')

    monkeypatch.setattr(torch, 'compile', compile_fast)
    infer(small_config, measuring.Variant(compile=True))
    assert isinstance(compiled[0], MASANet)
    net = measuring.build_network(str(small_config))
    measuring.arrange(net, measuring.Variant(unfolded=True))
    assert type(net.matching) is UnfoldedMatching


def test_a_variant_as_text():
    variant = measuring.Variant().changed(
        'tile=128, dtype=bfloat16,compile,with_cp=encoder+aggregations'
    )
    assert variant == measuring.Variant('bfloat16', 128, None, True, ('encoder', 'aggregations'))
    assert measuring.Variant().changed(str(variant)) == variant
    assert str(measuring.Variant()) == 'default'
    for text in ('fast', 'tile=0', 'tile', 'dtype=int8', 'compile=yes', 'with_cp=nose', ''):
        with pytest.raises(UserError, match='is none of dtype='):
            measuring.Variant().changed(text)


@pytest.mark.parametrize('with_cp', [(), ('encoder', 'adaptation')])
def test_a_training_step(small_config, calls, monkeypatch, capfd, with_cp):
    updated, seen = [], []
    step = OptimWrapper.step
    monkeypatch.setattr(OptimWrapper, 'step', lambda self: updated.append(step(self)))
    build = measuring.MODELS.build

    def spy(config):
        model = build(config)
        seen.append(getattr(model, 'generator', None))
        return model

    monkeypatch.setattr(measuring, 'MODELS', type('Models', (), dict(build=staticmethod(spy))))
    case = measuring.Case((16, 16), (64, 64), 2)
    variant = measuring.Variant(with_cp=with_cp, layout='nchw')
    measured = measuring.measure_training(str(small_config), None, case, variant, 'cpu', 2)
    assert len(updated) == 1 + 2 + 1
    assert [net.with_cp for net in seen] == [with_cp]
    for stage in ('encode LR', 'fuse 4×', 'backward', 'update'):
        assert measured.stages[stage] > 0
    assert {layout for _, layout, _ in calls} == {False}
    assert 'weight' not in ''.join(capfd.readouterr())  # mmengine's log of every parameter


def test_the_baseline_is_eight_convolutions(monkeypatch):
    calls = []
    conv2d = torch.nn.Conv2d.forward

    def spy(self, image):
        calls.append((image.shape, self.kernel_size, self.out_channels))
        return conv2d(self, image[:, :, :8, :8])

    monkeypatch.setattr(torch.nn.Conv2d, 'forward', spy)
    assert len(measuring.measure_baseline('cpu', 1).seconds) == 1
    assert calls[0] == ((1, 64, 512, 512), (3, 3), 64)
    assert len(calls) == 3 * 8


def test_a_peer_is_run_as_one_stage(tmp_path):
    network = "dict(type='ENetGenerator', channels=4)"
    (tmp_path / 'peer.py').write_text(
        f"model = dict(generator=dict(type='SingleImageNetwork', network={network}))\n"
    )
    assert list(infer(tmp_path / 'peer.py', measuring.Variant()).stages) == [measuring.REST]
    for text in ('tile=16', 'layout=nchw', 'unfolded'):
        with pytest.raises(UserError, match='ENetGenerator has no tiles'):
            infer(tmp_path / 'peer.py', measuring.Variant().changed(text))


def peaks(*sizes: int) -> list[int | None]:
    """What tensors of so many bytes, freed at once, are said to add."""
    return [
        measuring.added_peak_memory(lambda size=size: torch.ones(size // 4), CPU) for size in sizes
    ]


def test_memory_is_that_of_the_peak():
    small, *large = measuring.in_child(peaks, 4, 2**26, 2**27, keep_freed=False)
    if small is None:
        pytest.skip('this system does not report it')
    assert small < 2**24
    assert large == [pytest.approx(2**26, rel=0.2), pytest.approx(2**27, rel=0.2)]


def test_a_child_that_dies_is_told_in_a_line():
    """And one that lives gives its result, in a process of its own."""
    assert measuring.in_child(len, 'abc', keep_freed=False) == 3
    with pytest.raises(UserError, match='was killed, most likely for lack of memory'):
        measuring.in_child(eval, '__import__("os")._exit(1)', keep_freed=False)


@pytest.mark.parametrize('sizes', [(40, 24, 30, 52), (8, 16, 5, 40), (16, 16, 16, 16)])
@torch.no_grad()
def test_the_released_matching_agrees(sizes):
    h, w, ref_h, ref_w = sizes
    torch.manual_seed(0)
    net = MASANet(channels=4, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1)).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    ref = torch.rand(2, 3, 4 * ref_h, 4 * ref_w)
    images = (torch.rand(2, 3, h, w), ref, F.avg_pool2d(ref, 4))
    have, matches = net.super_resolve(*images)
    net.matching = UnfoldedMatching.like(net.matching)
    expected, others = net.super_resolve(*images)
    for one, other in zip(matches[:3], others[:3]):
        assert torch.equal(one, other)
    torch.testing.assert_close(have, expected, rtol=1e-4, atol=1e-5)


def test_gradients_of_the_released_matching_agree():
    torch.manual_seed(0)
    lr, ref_down = (torch.rand(1, 3, 16, 16, requires_grad=True) for _ in range(2))
    ref = torch.rand(1, 3, 32, 32, requires_grad=True)
    gradients = []
    for matching in (MatchExtractionModule(), UnfoldedMatching()):
        texture = matching.extract(ref, matching(lr, ref_down))
        loss = (texture * torch.linspace(0, 1, 32)).sum()
        gradients.append(torch.autograd.grad(loss, (lr, ref_down, ref)))
    for ours, theirs in zip(*gradients):
        assert theirs.abs().max() > 0
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_settings_are_taken_over():
    settings = dict(block_size=4, ref_block_ratio=2, patch_size=5, dilations=(1, 4))
    module = UnfoldedMatching.like(MatchExtractionModule(**settings))
    assert {name: getattr(module, name) for name in settings} == settings
