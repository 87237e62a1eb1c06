"""What the pages show does run."""

from __future__ import annotations

import os
import re

import pytest
import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.config import Config

import masasr_mm  # noqa: F401
from tests.commands import run_python, succeed
from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / 'demo' / 'mmagic'
PAGES = [REPOSITORY / 'README.md', *sorted((REPOSITORY / 'docs').glob('*.md'))]


@pytest.fixture
def _examples_are_found(monkeypatch):
    """As with PYTHONPATH=demo/mmagic."""
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.mark.usefixtures('_examples_are_found')
def test_mem_in_ttsr_trains():
    """mmagic's editor runs our matching, and learns through it."""
    config = Config.fromfile(EXAMPLES / 'ttsr_with_mem.py').model
    config.extractor.load_pretrained_vgg = False  # random weights do here, and need no download
    config.generator.update(mid_channels=8, num_blocks=(1, 1, 1, 1))
    torch.manual_seed(0)
    model = MODELS.build(config)
    assert type(model.transformer).__name__ == 'MEMTransformer'
    inputs = torch.rand(1, 3, 16, 24) * 2 - 1
    images = {key: torch.rand(1, 3, 64, 96) * 255 for key in ('img_lq', 'ref_lq', 'ref_img')}

    def result(**changed):
        return model(inputs, DataSample(**{**images, **changed}), mode='tensor')

    sr = result()
    assert sr.shape == (1, 3, 64, 96)
    assert not torch.allclose(sr, result(ref_img=images['ref_img'].flip(3)))
    sr.abs().sum().backward()
    assert model.extractor.slice1[0].weight.grad.abs().sum() > 0


@pytest.mark.usefixtures('_examples_are_found')
def test_mem_finds_what_ttsr_finds():
    """On a shifted copy the best match is unique, so that both must agree inside the image."""
    from mem_transformer import MEMTransformer
    from mmagic.models.editors.ttsr import SearchTransformer

    torch.manual_seed(0)
    ref = torch.rand(1, 4, 24, 24)
    img = ref.roll((3, 5), dims=(2, 3))
    refs = [ref, torch.rand(1, 3, 48, 48)]
    _, stock = SearchTransformer()(img, ref, refs)
    attention, ours = MEMTransformer()(img, ref, refs)
    # The texture is weighted by the similarity in MASA, and patches overlap within a block alone.
    inner = (..., slice(10, 14), slice(10, 14))
    torch.testing.assert_close(ours[0][inner] / attention[inner], stock[0][inner])
    torch.testing.assert_close(attention[inner], torch.ones(1, 1, 4, 4))


@pytest.mark.usefixtures('_examples_are_found')
def test_a_module_in_sams_place():
    config = Config.fromfile(EXAMPLES / 'masa_with_gate.py').model.generator
    config.update(channels=4, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1), init_cfg=None)
    net = MODELS.build(config)
    assert type(net.adaptation).__name__ == 'GatedAdaptation'
    lq, ref_down = torch.rand(2, 1, 3, 16, 16)
    net(lq, torch.rand(1, 3, 64, 64), ref_down).sum().backward()
    assert net.adaptation.gate[0].weight.grad.abs().sum() > 0


def test_the_tutorial_runs(tmp_path):
    result = run_python(REPOSITORY / 'demo' / 'tutorial.py', '--out', tmp_path)
    lines = succeed(result).stdout.splitlines()
    assert '4,028,291 parameters' in lines
    assert [line for line in lines if line.startswith('texture')] == [
        'texture (1, 64, 56, 64)', 'texture (1, 64, 112, 128)', 'texture (1, 64, 224, 256)',
    ]  # fmt: skip
    found = next(line for line in lines if line.startswith('rows found'))
    assert int(re.search(r'(\d+)%', found)[1]) > 50
    assert {path.name for path in tmp_path.iterdir()} == {'compare.png', 'matches.png'}


def test_the_page_shows_the_examples_as_they_are():
    page = (REPOSITORY / 'docs' / 'mmagic.md').read_text()
    files = sorted(EXAMPLES.glob('*.py'))
    assert len(files) == 4
    for file in files:
        assert f'```python\n{file.read_text()}```' in page, file.name


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_pages_name_files_that_are_there(page):
    """Tools, configs and demos in commands, and the targets of links."""
    text = page.read_text()
    named = re.findall(r'(?:^|[\s`(])((?:tools|configs|demo|requirements)/[\w./-]*\w)', text)
    for name in named:
        assert (REPOSITORY / name).exists(), name
    for target in re.findall(r'\]\(([^)#\s]+)(?:#[^)]*)?\)', text):
        if '://' not in target:
            assert os.path.exists(page.parent / target), target


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_options_in_pages_exist(page):
    """Every long option of a command of ours is one that its source names, or what that calls."""
    commands = re.sub(r'\\\n\s*', ' ', page.read_text())
    for command, tool in (('masasr', 'tools/infer.py'), ('masasr-demo', 'demo/app.py')):
        commands = re.sub(rf'(^|`){command} ', rf'\1python {tool} ', commands, flags=re.M)
    for tool, rest in re.findall(r'python ((?:tools|demo)/[\w./-]+\.py)([^\n`]*)', commands):
        source = (REPOSITORY / tool).read_text()
        for package in re.findall(r'^from (masasr_mm\.\w+)\.\w+ import main', source, re.M):
            folder = REPOSITORY / package.replace('.', '/')
            source += ''.join(file.read_text() for file in sorted(folder.glob('*.py')))
        for option in re.findall(r'(?<!\S)--[a-z][a-z-]*', rest.split('#')[0]):
            assert option in ('--help', '--version') or f"'{option}'" in source, f'{tool} {option}'
