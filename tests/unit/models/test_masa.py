"""The editor: modes, sizes, losses and training steps."""

from __future__ import annotations

import pytest
import torch
from mmagic.structures import DataSample
from mmengine.runner.checkpoint import load_state_dict
from torch.nn import functional as F

from masasr_mm.errors import UserError
from tests.editors import ADVERSARIAL, batch, build, optimizers

PERCEPTUAL = dict(
    type='PerceptualLoss',
    layer_weights={'34': 1.0},
    vgg_type='vgg19',
    perceptual_weight=0.25,
    style_weight=0,
    norm_img=False,
    criterion='mse',
)


@pytest.mark.parametrize(
    ('lq', 'ref'),
    [((8, 8), (160, 16)), ((9, 8), (8, 8)), ((13, 31), (9, 30)), ((40, 24), (33, 47))],
)
def test_predict_takes_any_size_from_8_by_8(lq, ref):
    model = build().eval()
    [sample] = model.test_step(batch(lq, ref))
    image = sample.output.pred_img
    assert image.shape == (3, 4 * lq[0], 4 * lq[1])
    assert image.isfinite().all()
    assert torch.equal(image, image.round().clamp(0, 255))


def test_crop_boxes_of_several_sizes_cannot_share_a_batch():
    data = batch(n=2, metainfo=dict(crop_box=(0, 0, 20, 20)))
    data['data_samples'][1].set_metainfo(dict(crop_box=(0, 0, 20, 21)))
    with pytest.raises(UserError, match='batch_size=1'):
        build().eval().test_step(data)


def test_images_of_a_result_are_bgr_for_mmagics_metrics_and_pictures():
    data = batch()
    originals = {key: data['data_samples'][0].get(key).clone() for key in ('gt_img', 'ref_img')}
    originals['input'] = data['inputs'][0].clone()
    [sample] = build().eval().test_step(data)
    for key, image in originals.items():
        torch.testing.assert_close(sample.get(key), image.flip(0), rtol=0, atol=1e-3)


def test_a_missing_reference_is_told():
    data = batch()
    data['data_samples'] = [DataSample(metainfo=dict(img_channel_order='rgb'))]
    with pytest.raises(UserError, match='ref_img and ref_down'):
        build().eval().test_step(data)


def test_a_ref_down_that_does_not_belong_to_ref_is_told():
    data = batch(ref=(64, 64))
    data['data_samples'][0].set_data(dict(ref_down=torch.zeros(3, 8, 16)))
    with pytest.raises(UserError, match='more than 4 times'):
        build().eval().test_step(data)


def test_a_step_of_masa_rec_is_a_step_of_adam_on_the_l1_loss():
    model, other = build(), build()
    data = batch(n=2)
    lq = torch.stack(data['inputs']) / 255
    gt, ref, ref_down = (
        torch.stack([sample.get(key) for sample in data['data_samples']]) / 255
        for key in ('gt_img', 'ref_img', 'ref_down')
    )
    log = model.train_step(data, optimizers(model))

    adam = torch.optim.Adam(other.generator.parameters(), lr=1e-3)
    loss = (other.generator(lq, ref, ref_down) - gt).abs().mean()
    loss.backward()
    adam.step()
    torch.testing.assert_close(log['loss_pix'], loss.detach())
    for have, need in zip(model.generator.parameters(), other.generator.parameters()):
        torch.testing.assert_close(have, need)
    assert model.step_counter == 1


def test_weights_alone_are_whole(monkeypatch):
    """As mmengine loads them, which tells every key that is missing."""
    told = []
    monkeypatch.setattr(
        'mmengine.runner.checkpoint.print_log', lambda text, *_, **__: told.append(text)
    )
    weights = build().state_dict()
    del weights['step_counter']
    model = build()
    model.step_counter.fill_(7)
    load_state_dict(model, weights)
    assert not told
    assert model.step_counter == 7
    del weights['generator.to_image.bias']
    load_state_dict(model, weights)
    assert 'missing keys in source state_dict: generator.to_image.bias' in told[0]
    assert 'step_counter' not in told[0]


def test_the_adversarial_losses_are_relativistic():
    """Eq. 16-17 with the average of the other kind, written out."""
    model = build(**ADVERSARIAL)
    sr, hr = torch.rand(4, 3, 32, 32), torch.rand(4, 3, 32, 32)
    model.discriminator.eval()
    with torch.no_grad():
        fake, real = model.discriminator(sr), model.discriminator(hr)
        # Terms of mmagic's averages: each equation is halved.
        generator = -F.logsigmoid(-(real - fake.mean())) - F.logsigmoid(fake - real.mean())
        discriminator = -F.logsigmoid(real - fake.mean()) - F.logsigmoid(-(fake - real.mean()))
        losses = model.g_step(sr, hr)
        loss_real, loss_fake = model.d_step_real(sr, hr), model.d_step_fake(sr, hr)
    torch.testing.assert_close(losses['loss_gan'], 5e-3 * generator.mean() / 2)
    torch.testing.assert_close(loss_real + loss_fake, discriminator.mean() / 2)


def test_warm_up_uses_the_reconstruction_loss_alone():
    model = build(**ADVERSARIAL, train_cfg=dict(pixel_init=2))
    wrappers = optimizers(model)
    before = [parameter.clone() for parameter in model.discriminator.parameters()]
    for step in range(2):
        log = model.train_step(batch(n=2), wrappers)
        assert set(log) == {'loss_pix'}, step
    assert all(torch.equal(a, b) for a, b in zip(before, model.discriminator.parameters()))
    log = model.train_step(batch(n=2), wrappers)
    assert {'loss_pix', 'loss_gan', 'loss_d_real', 'loss_d_fake'} <= set(log)
    moved = [not torch.equal(a, b) for a, b in zip(before, model.discriminator.parameters())]
    assert all(moved[-4:])


def test_the_perceptual_loss_goes_where_the_editor_goes(random_vgg19):
    """As tools do that build the losses first and choose the device then."""
    model = build(perceptual_loss=PERCEPTUAL)
    model.init_weights()
    sr, hr = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    expected = model.g_step(sr, hr)['loss_perceptual']
    have = model.double().g_step(sr.double(), hr.double())['loss_perceptual']
    assert have.dtype == torch.float64
    torch.testing.assert_close(have.float(), expected, rtol=1e-4, atol=1e-7)
    assert {weight.device.type for weight in model.to('meta').perceptual_loss.parameters()} == {
        'meta'
    }


@pytest.mark.parametrize(
    ('preprocessor', 'wrong'),
    [
        (dict(type='DataPreprocessor'), 'mean is 127.5'),
        (dict(type='DataPreprocessor', mean=0, std=[127.5] * 3), 'std is .127.5'),
        (dict(type='DataPreprocessor', mean=[0.0, 0.0, 1.0], std=255), 'mean is .0.0, 0.0, 1.0'),
    ],
)
def test_a_normalization_that_references_do_not_share_is_refused(preprocessor, wrong):
    with pytest.raises(UserError, match=f'{wrong}.*needs mean'):
        build(data_preprocessor=preprocessor)
