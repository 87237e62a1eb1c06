"""The Python API gives what the network gives, whatever form the photos come in."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from masasr_mm.alignment import warping
from masasr_mm.apis import MASAInferencer
from masasr_mm.errors import UserError
from masasr_mm.images.color import CURVES, PRIMARIES, convert, make_profile
from masasr_mm.images.io import as_photo
from masasr_mm.images.pixels import resize
from masasr_mm.models import agreement
from masasr_mm.models.agreement import LOW_AGREEMENT
from masasr_mm.photos import inferencer
from tests.conftest import MODEL


@pytest.fixture(scope='module')
def infer(small_checkpoint) -> MASAInferencer:
    """One that takes references as they are, which can be followed by hand."""
    return MASAInferencer(small_checkpoint, device='cpu', align='off')


def pad(image, height, width):
    bottom, right = height - image.shape[0], width - image.shape[1]
    top, left = bottom // 2, right // 2
    return np.pad(image, ((top, bottom - top), (left, right - left), (0, 0)), mode='edge')


def by_hand(model, lq, references):
    """Pad and stack, reduce with Pillow, run the network, crop, round: without mmagic."""
    height, width = (-(-max(r.shape[axis] for r in references) // 16) * 16 for axis in (0, 1))
    ref = np.concatenate([pad(reference, height, width) for reference in references])
    small = (ref.shape[1] // 4, ref.shape[0] // 4)
    ref_down = np.asarray(Image.fromarray(ref).resize(small, Image.Resampling.BICUBIC))
    h, w = lq.shape[:2]
    padded = np.pad(lq, ((0, -h % 8), (0, -w % 8), (0, 0)), mode='edge')
    tensors = (
        torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]
        for image in (padded, ref, ref_down)
    )
    with torch.no_grad():
        out = model.generator(*tensors)[0].permute(1, 2, 0).numpy()
    return np.uint8(np.round(np.clip(out * 255, 0, 255)))[: 4 * h, : 4 * w]


def assert_same(have, expected):
    """Equal but for the last bit of a rounding."""
    assert have.dtype == np.uint8
    assert have.shape == expected.shape
    difference = np.abs(have.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_the_result_is_the_networks(infer, small_model, photos):
    lq, ref, _ = photos
    other = data.chelsea()[: ref.shape[0], : ref.shape[1]]
    assert_same(infer(lq, ref), by_hand(small_model, lq, [ref]))
    assert_same(infer(lq, [ref, other]), by_hand(small_model, lq, [ref, other]))
    bicubic = np.asarray(Image.fromarray(lq).resize((lq.shape[1] * 4, lq.shape[0] * 4)))
    assert np.abs(infer(lq, ref).astype(int) - bicubic).mean() > 1


def test_several_photos_of_different_sizes(infer, photos):
    lq, ref, other = photos
    cut = lq[:20, :11]
    results = infer([lq, cut], [ref, [other, ref]])
    np.testing.assert_array_equal(results[0], infer(lq, ref))
    np.testing.assert_array_equal(results[1], infer(cut, [other, ref]))
    pairs = infer([lq, cut], [ref, other], return_matches=True)
    np.testing.assert_array_equal(pairs[0][0], results[0])
    assert pairs[1][1].position.shape == (20, 11, 2)


def test_a_prediction_holds_what_it_was_made_from(infer, photos):
    lq, ref, _ = photos
    other = data.chelsea()[: ref.shape[0], : ref.shape[1]]
    prediction = infer.predict(lq, [ref, other])
    np.testing.assert_array_equal(prediction.lq, lq)
    stacked = np.concatenate([pad(ref, 240, 240), pad(other, 240, 240)])
    np.testing.assert_array_equal(prediction.ref, stacked)
    np.testing.assert_array_equal(prediction.ref_down, resize(stacked, 60, 120))
    assert prediction.num_refs == 2
    assert prediction.matches.grid == (120, 60)
    assert prediction.matches.position.shape == (*lq.shape[:2], 2)
    # A reference of the same scene serves better than one of another.
    assert prediction.agreement > infer.predict(lq, other).agreement + 0.1


def test_reduced_precision_is_close(small_checkpoint, infer, photos):
    lq, ref, _ = photos
    have = MASAInferencer(small_checkpoint, device='cpu', align='off', dtype='bfloat16')(lq, ref)
    error = np.abs(have.astype(int) - infer(lq, ref))
    assert 0 < error.mean() < 1


def test_a_config_file_is_used(small_checkpoint, infer, photos, tmp_path):
    config = tmp_path / 'model.py'
    config.write_text(f'model = {dict(MODEL)!r}\n')
    lq, ref, _ = photos
    have = MASAInferencer(small_checkpoint, config=str(config), device='cpu', align='off')(lq, ref)
    np.testing.assert_array_equal(have, infer(lq, ref))
    other = config.read_text().replace("'channels': 8", "'channels': 4")
    for text, message in ((other, 'does not fit the network'), ('a = 1\n', 'has no model')):
        config.write_text(text)
        with pytest.raises(UserError, match=message):
            MASAInferencer(small_checkpoint, config=str(config), device='cpu', align='off')


def test_mistakes_are_told_in_one_line(infer, small_checkpoint, photos):
    lq, ref, _ = photos
    for call, message in (
        (lambda: infer([lq, lq], [ref]), '2 LR images but 1 references'),
        (lambda: infer([lq], ref), '1 LR images but 1 references'),
        (lambda: infer(lq, []), 'no reference'),
        (lambda: infer.predict(lq, ref, bits=10), 'bits must be 8 or 16, not 10'),
        (lambda: infer('missing.png', ref), 'image not found: missing.png'),
        (lambda: infer(lq, lq.astype(float)), 'float64'),
        (lambda: MASAInferencer('missing.pth'), 'checkpoint not found: missing.pth'),
        (lambda: MASAInferencer(small_checkpoint, device='nonsense'), 'device nonsense'),
        (lambda: MASAInferencer(small_checkpoint, dtype='int8'), 'int8'),
        (lambda: MASAInferencer('a', align='on'), 'one of auto, sift, learned, off, not on'),
        (lambda: MASAInferencer('a', align='learned'), 'the extra matchers: pip install'),
    ):
        with pytest.raises(UserError, match=message):
            call()


def test_too_little_memory_is_told(infer, photos, monkeypatch):
    words = r'photo of 60×56 with references of 0\.\d megapixels'
    for error, kind, message in (
        ("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes", UserError, words),
        ('a bug', RuntimeError, 'a bug'),
    ):
        broken = mock.Mock(side_effect=RuntimeError(error))
        monkeypatch.setattr(inferencer, 'super_resolve', broken)
        with pytest.raises(kind, match=message):
            infer(photos[0], photos[1])


def test_too_little_memory_to_align_is_told_as_well(small_checkpoint, photos, monkeypatch):
    lq, ref, _ = photos
    infer = MASAInferencer(small_checkpoint)
    monkeypatch.setattr(warping, 'free_memory', lambda device: 100_000)
    with pytest.raises(UserError, match=r'^not enough memory for a photo of 60×56 with references'):
        infer(lq, ref)


def test_references_are_aligned_by_default(small_checkpoint, scene):
    """The network sees the reference turned back, people see it as it was given."""
    lq = np.array(Image.fromarray(scene).resize((80, 60), Image.Resampling.BICUBIC))
    turned = np.ascontiguousarray(np.rot90(scene))
    prediction = MASAInferencer(small_checkpoint, device='cpu').predict(lq, turned)
    [done] = prediction.alignments
    assert done.in_words().startswith('aligned: reference ×1.00, turned -90°')
    assert prediction.num_refs == 1  # a quarter turn alone: nothing is warped
    shown = prediction.shown()
    assert shown.num_refs == 1
    np.testing.assert_array_equal(shown.ref, turned)
    # In the reference as it was given, x of the photo runs upwards and y to the right. Untrained
    # features find most places rightly once the reference is turned back, none otherwise.
    y, x = np.mgrid[:60, :80]
    expected = np.stack([79 - x, y], axis=-1)
    near = np.abs(shown.matches.position - expected).max(axis=-1) <= 2
    assert near.mean() > 0.5


def test_a_reference_of_something_else_is_left_out(small_checkpoint, infer, photos):
    """The photo becomes its own reference, and what was left out is still told."""
    lq, ref, other = photos
    careful = MASAInferencer(small_checkpoint, device='cpu')
    prediction = careful.predict(lq, [other])
    as_it_is = infer.predict(lq, [other])
    assert np.abs(prediction.image.astype(int) - as_it_is.image).max() > 0
    np.testing.assert_array_equal(prediction.image, infer(lq, lq))
    assert prediction.left_out == prediction.agreement == pytest.approx(as_it_is.agreement)
    assert prediction.agreement < LOW_AGREEMENT
    assert as_it_is.left_out is None
    # A good one beside it is enough, for features that find it.
    both = MASAInferencer(device='cpu').predict(lq, [other, ref])
    assert both.left_out is None
    assert both.agreement >= LOW_AGREEMENT


@pytest.mark.parametrize(
    'options', [{}, dict(ensemble=True), dict(tile=8)], ids=['whole', 'ensemble', 'tiles']
)
def test_what_is_left_out_costs_no_more_than_its_matching(
    small_checkpoint, photos, monkeypatch, options
):
    lq, _, other = photos
    careful, fused = MASAInferencer(small_checkpoint, device='cpu', test_cfg=options), []
    fuse = careful.generator.fuse
    monkeypatch.setattr(careful.generator, 'fuse', lambda *given: fused.append(1) or fuse(*given))
    prediction = careful.predict(lq, [other])
    assert prediction.left_out is not None
    once, fused[:] = len(fused), []
    careful.align = 'off'
    np.testing.assert_array_equal(careful(lq, lq), prediction.image)
    assert len(fused) == once > 0


def test_a_reference_that_key_points_align_is_kept(small_checkpoint, scene, monkeypatch):
    """One from a longer lens shows little of the photo, but shows it."""
    lq = np.array(Image.fromarray(scene).resize((80, 60), Image.Resampling.BICUBIC))
    detail = np.ascontiguousarray(scene[60:180, 80:240])
    monkeypatch.setattr(agreement, 'LOW_AGREEMENT', 2)
    careful = MASAInferencer(small_checkpoint, device='cpu')
    coarse = np.array(Image.fromarray(scene).resize((80, 60), Image.Resampling.BILINEAR))
    for shown, by in ((detail, 'key points'), (coarse, 'too coarse')):
        prediction = careful.predict(lq, shown)
        assert [done.by for done in prediction.alignments] == [by]
        assert prediction.left_out is None
    assert careful.predict(lq, data.chelsea()[:120, :160]).left_out is not None


def test_the_photo_itself_is_not_left_out(small_checkpoint, photos, monkeypatch):
    """Which would run it twice for the same result."""
    careful, runs = MASAInferencer(small_checkpoint, device='cpu'), []
    run = inferencer.super_resolve
    monkeypatch.setattr(inferencer, 'super_resolve', lambda *given: runs.append(1) or run(*given))
    prediction = careful.predict(photos[0], [photos[0]])
    assert prediction.agreement < LOW_AGREEMENT
    assert prediction.left_out is None
    assert len(runs) == 1


def test_black_and_white_stays_so(infer, small_model, photos):
    """In RGB, with what JPEG adds to it, with a coloured reference; a spot of colour stays, too."""
    lq, ref, _ = photos
    grey = np.repeat(np.asarray(Image.fromarray(lq).convert('L'))[..., None], 3, axis=2)
    noisy = np.clip(grey + np.random.default_rng(0).integers(-1, 2, grey.shape), 0, 255)
    for image in (grey, noisy.astype(np.uint8)):
        sr = infer(image, ref)
        assert np.ptp(sr.astype(int), axis=2).max() == 0
    expected = Image.fromarray(by_hand(small_model, grey, [ref])).convert('L')
    assert np.abs(infer(grey, ref)[..., 0].astype(int) - np.asarray(expected)).max() <= 1
    grey[20:26, 30:36] = (200, 40, 40)
    spot = infer(grey, ref)[84:100, 124:140].astype(int)
    assert (spot[..., 0] - spot[..., 1]).mean() > 60


def test_sixteen_bits_go_in_and_out(infer, photos):
    """The network sees what 8 bits do not hold, and its numbers are rounded once."""
    lq, ref, _ = photos
    deep = lq.astype(np.uint16) * 257
    prediction = infer.predict(deep, ref, bits=16)
    assert prediction.image16.dtype == np.uint16
    assert_same(prediction.image, infer(lq, ref))
    assert_same(np.rint(prediction.image16 / 257).astype(np.uint8), prediction.image)
    assert len(np.unique(prediction.image16)) > 5000
    assert infer.predict(lq, ref).image16 is None
    finer = np.clip(deep.astype(int) + 100, 0, 65535).astype(np.uint16)  # less than half a level
    brighter = infer.predict(finer, ref, bits=16).image16
    assert 30 < (brighter.astype(int) - prediction.image16).mean() < 170


def test_a_cut_out_has_no_dark_fringes(infer, photos):
    """Where it can be seen it is as the whole photo is, whatever lies under what is transparent."""
    lq, ref, _ = photos
    rows, columns = np.mgrid[: lq.shape[0], : lq.shape[1]]
    disc = (rows - 28) ** 2 + (columns - 30) ** 2 < 20**2
    alpha = np.uint8(255 * disc)[..., None]
    black, pale = (np.where(disc[..., None], lq, np.uint8(under)) for under in (0, 255))
    result = infer(np.concatenate([black, alpha], axis=2), ref)
    np.testing.assert_array_equal(result, infer(np.concatenate([pale, alpha], axis=2), ref))
    seen = np.kron(disc, np.ones((4, 4), bool))
    whole = infer(lq, ref).astype(int)
    error, dark = (np.abs(whole - image)[seen] for image in (result, infer(black, ref)))
    assert error.max() < 0.5 * dark.max()
    assert error.mean() < 0.4 * dark.mean()


def test_what_is_not_finite_is_an_error(small_checkpoint, photos):
    infer = MASAInferencer(small_checkpoint, device='cpu', align='off')
    with torch.no_grad():
        list(infer.generator.parameters())[-1].fill_(float('nan'))
    with pytest.raises(UserError, match='not finite'):
        infer(photos[0], photos[1])


def test_colours_of_a_reference_are_those_of_the_photo(infer, photos, tmp_path):
    """A reference in Display P3 gives what the same picture gives in sRGB."""
    lq, ref, _ = photos
    wide = make_profile(PRIMARIES[12], CURVES[13], grey=False)
    in_p3 = convert(ref, None, wide)
    Image.fromarray(in_p3).save(tmp_path / 'p3.png', icc_profile=wide)
    Image.fromarray(in_p3).save(tmp_path / 'plain.png')
    expected = infer(lq, ref).astype(int)
    right, wrong = (infer(lq, tmp_path / name) for name in ('p3.png', 'plain.png'))
    assert np.abs(right - expected).mean() < 0.2 * np.abs(wrong - expected).mean()


def test_how_a_file_was_read_is_told(infer, photos, tmp_path):
    lq, ref, _ = photos
    frames = [Image.fromarray(lq), Image.fromarray(255 - lq)]
    frames[0].save(tmp_path / 'a.png', save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match=r'a\.png has 2 pictures; the first is taken'):
        have = infer(tmp_path / 'a.png', as_photo(ref))
    np.testing.assert_array_equal(have, infer(lq, ref))
