"""Matching does not depend on how exact torch's products are."""

from __future__ import annotations

import threading

import pytest
import torch
from torch.nn import functional as F

from masasr_mm.compat import precision_switches
from masasr_mm.models import MatchExtractionModule
from masasr_mm.models.matching.exact_products import exact_products


def settings() -> list:
    return [get() for get, _, _ in precision_switches()]


@pytest.fixture(params=['new', 'old'], autouse=True)
def _names(request, monkeypatch):
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


def features() -> tuple[torch.Tensor, torch.Tensor]:
    """Features whose best matches are near others."""
    torch.manual_seed(0)
    lr = torch.rand(1, 64, 64, 64)
    ref = F.conv2d(lr, torch.randn(64, 64, 3, 3) * 0.02, padding=1).relu()
    return lr, ref + 0.1 * torch.rand(1, 64, 64, 64)


def test_matches_are_the_same_however_coarse_the_products_may_be():
    """On a processor with bfloat16 products 'medium' changes some; elsewhere nothing is shown."""
    module, pair = MatchExtractionModule(), features()
    expected = module(*pair)
    coarsest()
    have = module(*pair)
    assert torch.equal(have.coarse_index, expected.coarse_index)
    assert torch.equal(have.position, expected.position)
    assert torch.equal(have.similarity, expected.similarity)


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


def test_an_error_leaves_the_settings_as_they_were():
    coarsest()
    before = settings()
    with pytest.raises(KeyError), exact_products():
        raise KeyError
    assert settings() == before


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
