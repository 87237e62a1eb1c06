"""MEM against a transcription of Eq. 1-5 that unfolds all patches."""

from __future__ import annotations

import threading
import weakref

import pytest
import torch
from torch.nn import functional as F

import masasr_mm  # noqa: F401
from masasr_mm.compat import exact_products, precision_switches
from masasr_mm.models import MatchExtractionModule
from masasr_mm.models.matching import stages
from masasr_mm.models.matching.blocks import to_blocks
from tests import naive_mem


def features(*shape, seed=0):
    """Smooth positive features, so that similarities differ clearly."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


CASES = {
    'same size': ((16, 16), (16, 16)),
    'another aspect': ((16, 24), (12, 20)),
    'block larger than 8': ((20, 8), (14, 9)),
    'grid smaller than the block': ((8, 8), (7, 9)),
    'smallest grid': ((8, 16), (3, 3)),
}


@pytest.mark.parametrize('case', CASES)
def test_matching_and_extraction_follow_the_paper(case):
    (h, w), (grid_height, grid_width) = CASES[case]
    module = MatchExtractionModule()
    lr = features(2, 4, h, w, seed=1)
    ref_down = features(2, 4, grid_height, grid_width, seed=2)
    refs = {s: features(2, 4, s * grid_height, s * grid_width, seed=s) for s in (1, 2, 4)}

    matches = module(lr, ref_down)
    for sample in range(2):
        expected, textures = naive_mem.match_and_extract(
            lr[sample], ref_down[sample], {s: ref[sample] for s, ref in refs.items()}
        )
        assert torch.equal(matches.coarse_index[sample], expected['coarse'])
        assert torch.equal(matches.fine_index[sample], torch.stack(expected['fine']))
        similarity = to_blocks(matches.similarity, matches.blocks)[sample].double()
        torch.testing.assert_close(
            similarity, torch.stack(expected['similarity']), rtol=0, atol=1e-6
        )
        for s, ref in refs.items():
            have = module.extract(ref, matches)[sample]
            torch.testing.assert_close(have, textures[s], rtol=0, atol=1e-6)


def test_each_feature_is_freed_before_its_texture_is_made(monkeypatch):
    """The finest one is as large as a feature of the result."""
    module, made = MatchExtractionModule(), stages.extract
    matches = module(features(1, 4, 16, 16), features(1, 4, 16, 16, seed=1))
    refs = [features(1, 4, 16 * s, 16 * s) for s in (4, 2, 1)]
    held, known = [], [weakref.ref(ref) for ref in refs]

    def extract(*arguments):
        held.append(sum(ref() is not None for ref in known))
        return made(*arguments)

    monkeypatch.setattr(stages, 'extract', extract)
    sizes = [texture.shape[-1] for texture in module.textures(refs, matches)]
    assert (sizes, held) == ([16, 32, 64], [2, 1, 0])


def test_gradients_reach_both_features_as_in_the_paper():
    module = MatchExtractionModule()
    lr = features(1, 3, 8, 8, seed=1).requires_grad_()
    ref_down = features(1, 3, 9, 9, seed=2).requires_grad_()
    ref = features(1, 3, 18, 18, seed=3).requires_grad_()
    weight = features(3, 16, 16, seed=4)

    texture = module.extract(ref, module(lr, ref_down))
    have = torch.autograd.grad((texture[0] * weight).sum(), (lr, ref_down, ref))
    _, textures = naive_mem.match_and_extract(lr[0], ref_down[0], {2: ref[0]})
    need = torch.autograd.grad((textures[2] * weight).sum(), (lr, ref_down, ref))
    for a, b in zip(have, need):
        assert b.abs().max() > 1e-3
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('empty', ['lr', 'ref_down', 'both'])
def test_an_empty_patch_has_no_similarity_and_no_gradient(empty):
    """Black bars: the rest has the gradient that it has by cosine_similarity, of torch."""
    pair = [features(1, 3, 16, 16, seed=1).float(), features(1, 3, 16, 16, seed=2).float()]
    if empty in ('lr', 'both'):
        pair[0][:, :, :7] = 0
    if empty == 'ref_down':
        pair[1][:] = 0  # or nothing would be matched with what is empty
    elif empty == 'both':
        pair[1][:, :, 4:] = 0
    lr, ref_down = (feature.requires_grad_() for feature in pair)
    matches = MatchExtractionModule()(lr, ref_down)
    found = torch.autograd.grad(matches.similarity.sum(), (lr, ref_down))

    patches = F.unfold(F.pad(lr, [1] * 4, mode='replicate'), 3)[0].T
    candidates = F.unfold(ref_down, 3, padding=1)[0].T[matches.position.flatten()]
    there = patches.norm(dim=1).gt(0) & candidates.norm(dim=1).gt(0)
    assert not there.all()
    cosine = F.cosine_similarity(patches[there], candidates[there])
    torch.testing.assert_close(matches.similarity.flatten()[there], cosine)
    assert not matches.similarity.flatten()[~there].any()
    for gradient, expected in zip(found, torch.autograd.grad(cosine.sum(), (lr, ref_down))):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('patch_size', [3, 5])
@pytest.mark.parametrize('max_elements', [1, 300, 700])
def test_result_does_not_depend_on_how_much_is_matched_at_once(max_elements, patch_size):
    lr, ref_down = features(2, 4, 24, 16, seed=1), features(2, 4, 20, 20, seed=2)
    whole = MatchExtractionModule(patch_size=patch_size)(lr, ref_down)
    grouped = MatchExtractionModule(patch_size=patch_size, max_elements=max_elements)(lr, ref_down)
    assert torch.equal(whole.coarse_index, grouped.coarse_index)
    assert torch.equal(whole.fine_index, grouped.fine_index)
    torch.testing.assert_close(grouped.similarity, whole.similarity, rtol=0, atol=1e-6)


def test_one_by_one_blocks_match_densely():
    """Blocks of 1×1 make Stage 1 the dense search of earlier methods."""
    module = MatchExtractionModule(block_size=1, dilations=(1,))
    lr, ref_down = features(1, 4, 6, 6), features(1, 4, 8, 8, seed=1)
    lr, ref_down = lr.float(), ref_down.float()
    have = module(lr, ref_down).coarse_index[0]
    scores = naive_mem.coarse_scores(lr[0], ref_down[0], (1, 1), dilations=(1,))
    assert torch.equal(have, scores.argmax(dim=1))


def test_sizes_that_cannot_work_are_told():
    module = MatchExtractionModule()
    with pytest.raises(ValueError, match='multiples of 8'):
        module(features(1, 2, 17, 16), features(1, 2, 16, 16))
    with pytest.raises(ValueError, match='no patch of 3×3'):
        module(features(1, 2, 16, 16), features(1, 2, 16, 2))
    with pytest.raises(ValueError, match='odd'):
        MatchExtractionModule(patch_size=4)


def settings() -> list:
    return [get() for get, _, _ in precision_switches()]


@pytest.fixture(params=['new', 'old'])
def _precision(request, monkeypatch):
    """Both ways of asking torch, and the settings as they were."""
    if request.param == 'old' and hasattr(torch.backends.cudnn, 'conv'):
        monkeypatch.delattr(type(torch.backends.cudnn), 'conv')
    before, products = settings(), torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(products)
    for (_, put, _), value in zip(precision_switches(), before):
        put(value)


def coarsest() -> None:
    """Ask torch for the fastest products that it has."""
    torch.backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision('medium')


@pytest.mark.usefixtures('_precision')
@pytest.mark.parametrize('stage', ['coarse_match', 'fine_match', 'similarity'])
def test_every_stage_computes_exactly(stage, monkeypatch):
    """What matters on a GPU, which may not be there: the settings while a stage runs."""
    module, seen = MatchExtractionModule(), []
    run = getattr(module, stage)

    def spy(*arguments):
        seen.append(settings())
        return run(*arguments)

    monkeypatch.setattr(module, stage, spy)
    coarsest()
    before = settings()
    with torch.autocast('cpu', torch.bfloat16):
        module(torch.rand(1, 4, 16, 16), torch.rand(1, 4, 16, 16))
    assert seen == [[exact for _, _, exact in precision_switches()]]
    assert settings() == before != seen[0]


@pytest.mark.usefixtures('_precision')
def test_threads_that_overlap_are_exact_until_the_last_one_leaves():
    coarsest()
    before, exact = settings(), [value for _, _, value in precision_switches()]
    inside, leave = threading.Event(), threading.Event()

    def other():
        with exact_products():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with exact_products():
        thread.start()
        assert inside.wait(10)
    assert settings() == exact
    leave.set()
    thread.join()
    assert settings() == before
