"""The mean over eight ways to look at the images."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from masasr_mm.models.inference.self_ensemble import SelfEnsemble
from masasr_mm.models.inference.tiled import TiledMASANet
from masasr_mm.models.masa_net import MASANet


class Recorder:
    """Enlarges, adds a ramp that tells left from right, and keeps what it was given."""

    def __init__(self):
        self.seen = []

    def super_resolve(self, lq, ref, ref_down):
        self.seen.append((lq, ref, ref_down))
        enlarged = F.interpolate(lq, scale_factor=4)
        return enlarged + torch.arange(enlarged.shape[3]) / 100, f'matches {len(self.seen)}'


def test_results_are_turned_back_and_averaged():
    lq, ref, ref_down = (torch.rand(2, 3, h, w) for h, w in ((8, 16), (24, 32), (6, 8)))
    recorder = Recorder()
    result, matches = SelfEnsemble(recorder).super_resolve(lq, ref, ref_down)
    # Seen from all eight sides, the ramp is as high on the left as on the right.
    columns, rows = torch.arange(64.0), torch.arange(32.0)[:, None]
    ramp = (columns + columns.flip(0)) / 2 + (rows + rows.flip(0)) / 2
    expected = F.interpolate(lq, scale_factor=4) + ramp / 200
    torch.testing.assert_close(result, expected)
    assert matches == 'matches 1'


def test_all_eight_ways_are_different_and_the_images_go_together():
    lq = torch.rand(1, 3, 8, 8)
    recorder = Recorder()
    SelfEnsemble(recorder).super_resolve(lq, lq.clone(), lq.clone())
    assert len({tuple(lq.flatten().tolist()) for lq, *_ in recorder.seen}) == 8
    for seen in recorder.seen:
        assert torch.equal(seen[0], seen[1])
        assert torch.equal(seen[0], seen[2])


def test_a_network_in_tiles_gives_what_the_whole_gives():
    torch.manual_seed(0)
    net = MASANet(channels=4, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1)).eval()
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    ref = torch.rand(1, 3, 64, 96)
    images = (torch.rand(1, 3, 16, 24), ref, F.avg_pool2d(ref, 4))
    whole, _ = SelfEnsemble(net).super_resolve(*images)
    tiled, _ = SelfEnsemble(TiledMASANet(net, tile=8)).super_resolve(*images)
    torch.testing.assert_close(tiled, whole, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(whole, net(*images), atol=1e-5)
