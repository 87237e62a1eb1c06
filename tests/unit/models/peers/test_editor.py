"""Peers under the editor MASA, and under the one with SRGAN's adversarial loss."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from masasr_mm.engine.hooks import MatchVisualizationHook
from masasr_mm.errors import UserError
from tests import editors
from tests.editors import ADVERSARIAL, batch

ENET = dict(type='SingleImageNetwork', network=dict(type='ENetGenerator', channels=4, num_blocks=1))


def build(generator=ENET, **changes):
    return editors.build(
        type='PeerEditor', generator=generator, test_cfg=dict(bicubic=True), **changes
    )


@pytest.mark.parametrize(
    'generator', [ENET, dict(type='CrossNet', channels=2), dict(type='SRNTT', num_blocks=1)]
)
def test_any_size_is_predicted_in_the_protocol_of_masa(generator):
    model = build(generator).eval()
    [sample] = model.test_step(batch((9, 11), (37, 30), metainfo=dict(crop_box=(1, 2, 30, 40))))
    for image in (sample.output.pred_img, sample.output.bicubic_img):
        assert image.shape == (3, 30, 40)
        assert torch.equal(image, image.round().clamp(0, 255))


def test_a_peer_has_no_matches_to_draw():
    samples = build().eval().test_step(batch((8, 8), (32, 32), n=2))
    assert [sample.output.get('matches') for sample in samples] == [None, None]
    with pytest.raises(UserError, match='no matches'):
        MatchVisualizationHook(interval=1).after_test_iter(None, 0, outputs=samples)


def test_the_adversarial_loss_is_the_standard_one():
    model = build(train_cfg=dict(pixel_init=1), **ADVERSARIAL).train()
    fake, real = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    assert set(model.g_step(fake, real)) == {'loss_pix'}  # in the warm-up
    model.step_counter += 1
    model.discriminator.eval()
    on_fake, on_real = model.discriminator(fake), model.discriminator(real)
    ones, zeros = torch.ones_like(on_fake), torch.zeros_like(on_fake)
    bce = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(model.d_step_real(fake, real), bce(on_real, ones))
    torch.testing.assert_close(model.d_step_fake(fake, real), bce(on_fake, zeros))
    losses = model.g_step(fake, real)
    torch.testing.assert_close(losses['loss_gan'], 5e-3 * bce(on_fake, ones))
    torch.testing.assert_close(losses['loss_pix'], (fake - real).abs().mean())
