"""What holds for images of any size and content, and networks of any kind."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from mmagic.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

import masasr_mm  # noqa: F401
from masasr_mm.apis import MASAInferencer
from masasr_mm.models.inference.super_resolve import TiledMASANet
from masasr_mm.models.matching import MatchMaps
from masasr_mm.tensor_files import write_tensors
from tests.conftest import MODEL

# The same cases in every run.
cases = partial(
    settings,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
MODES = ('RGB', 'L', 'RGBA', 'LA', 'P', '1', 'CMYK', 'I;16')
CONTENTS = ('noise', 'smooth', 'black', 'white', 'stripes')


class Kind(NamedTuple):
    """What a network is made of."""

    scale: int = 4
    block_size: int = 8
    ref_block_ratio: float = 1.5
    patch_size: int = 3
    dilations: tuple[int, ...] = (1, 2, 3)


KINDS = st.builds(
    Kind,
    scale=st.sampled_from([2, 4]),
    block_size=st.sampled_from([1, 4, 7, 8, 12]),
    ref_block_ratio=st.sampled_from([0.5, 1.5, 2.5]),
    patch_size=st.sampled_from([1, 3, 5]),
    dilations=st.sampled_from([(1,), (2, 3), (1, 2, 3), (1, 2, 3, 4)]),
)


def editor_config(kind: Kind) -> dict:
    """Return the config of an editor with a tiny network."""
    generator = dict(
        type='MASANet',
        scale=kind.scale,
        channels=4,
        fusion_blocks=(1,) * kind.scale.bit_length(),
        encoder=dict(num_blocks=1),
        matching=dict(
            block_size=kind.block_size,
            ref_block_ratio=kind.ref_block_ratio,
            patch_size=kind.patch_size,
            dilations=kind.dilations,
        ),
    )
    return dict(MODEL, generator=generator)


@cache
def editor(kind: Kind) -> torch.nn.Module:
    """Return an editor with random weights that change the picture."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmagic'):
        model = MODELS.build(editor_config(kind)).eval()
    for module in model.generator.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight, std=(2 / module.weight[0].numel()) ** 0.5)
    return model


def pixels(height: int, width: int, content: str, seed: int) -> np.ndarray:
    """Return an image, shape (height, width, 3), uint8."""
    rng = np.random.default_rng(seed)
    if content == 'noise':
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if content == 'smooth':
        y, x = np.mgrid[:height, :width]
        return np.stack([y * 5 % 256, x * 3 % 256, (x + y) % 256], 2).astype(np.uint8)
    if content == 'stripes':
        return np.broadcast_to(np.arange(width)[:, None] % 2 * 255, (height, width, 3)).astype('u1')
    return np.full((height, width, 3), 255 * (content == 'white'), np.uint8)


@st.composite
def pictures(draw, largest: int) -> Image.Image:
    """Pillow images of any size up to ``largest``, mode and content."""
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    array = pixels(height, width, draw(st.sampled_from(CONTENTS)), draw(st.integers(0, 99)))
    mode = draw(st.sampled_from(MODES))
    if mode == 'I;16':
        return Image.fromarray(array[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(array).convert(mode)


def tensor(height: int, width: int, content: str, seed: int, count: int = 1) -> torch.Tensor:
    """Return images as the network takes them, shape (count, 3, height, width), in [0, 1]."""
    arrays = [pixels(height, width, content, seed + 1000 * index) for index in range(count)]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255


TOLERANCE = 2e-4
CONTENT, SEED = st.sampled_from(CONTENTS), st.integers(0, 99)


@cache
def inferencer(kind: Kind) -> MASAInferencer:
    """Read from a checkpoint with its config, as a user does."""
    text = Config(dict(model=editor_config(kind))).pretty_text
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'a.pth'
        write_tensors(dict(state_dict=editor(kind).state_dict(), meta=dict(cfg=text)), path)
        return MASAInferencer(path, device='cpu', test_cfg={})


@cases(max_examples=120)
@given(KINDS, pictures(40), st.lists(pictures(60), min_size=1, max_size=4))
@example(Kind(), Image.new('L', (1, 1)), [Image.new('RGB', (1, 1))])
@example(Kind(block_size=12, patch_size=5), Image.new('P', (1, 40)), [Image.new('1', (60, 1))] * 4)
def test_any_photo_and_references(kind, photo, references):
    """A result of the right size, and matches that lie in the reference."""
    infer = inferencer(kind)
    prediction = infer.predict(photo, references)
    assert prediction.image.dtype == np.uint8
    assert prediction.image.shape == (photo.height * kind.scale, photo.width * kind.scale, 3)
    matches: MatchMaps = prediction.matches
    assert matches.position.shape == (photo.height, photo.width, 2)
    assert (matches.position >= 0).all()
    assert (matches.position < np.array(matches.grid)).all()
    assert np.isfinite(np.asarray(matches.similarity)).all()
    event(f'{len(references)} references')


def images(kind: Kind, blocks: tuple, grid: tuple, contents: tuple, seed: int, count: int = 1):
    """Return lq, ref and ref_down of sizes that the network takes."""
    divisor, scale = editor(kind).generator.size_divisor, kind.scale
    height, width = (min(number * divisor, 48) // divisor * divisor or divisor for number in blocks)
    lq = tensor(height, width, contents[0], seed, count)
    down = tensor(*grid, contents[1], seed + 1, count)
    return lq, tensor(grid[0] * scale, grid[1] * scale, contents[1], seed + 1, count), down


def assert_same(have, need, contents: tuple[str, str]):
    """Equal to rounding, and but for matches that are equally good, which noise does not have."""
    (image, matches), (expected, expected_matches) = have, need
    same_block = matches.coarse_index == expected_matches.coarse_index
    assert same_block.all() or contents != ('noise', 'noise')
    ky, kx = matches.fine_index.shape[2:]
    there = same_block.view(-1, *matches.blocks)
    there = there.repeat_interleave(ky, 1).repeat_interleave(kx, 2)
    torch.testing.assert_close(
        matches.similarity[there], expected_matches.similarity[there], rtol=0, atol=TOLERANCE
    )
    same = torch.equal(matches.position, expected_matches.position)
    event('the same matches' if same else f'a tie: {contents}')
    if same:
        scale = max(1.0, expected.abs().max().item())
        torch.testing.assert_close(image, expected, rtol=0, atol=TOLERANCE * scale)


BLOCKS = st.tuples(st.integers(1, 5), st.integers(1, 5))
GRID = st.tuples(st.integers(5, 24), st.integers(5, 24))


@cases(max_examples=60)
@given(KINDS, BLOCKS, GRID, st.tuples(CONTENT, CONTENT), SEED)
def test_any_batch_of_two_is_two_batches_of_one(kind, blocks, grid, contents, seed):
    net = editor(kind).generator
    batch = images(kind, blocks, grid, contents, seed, count=2)
    with torch.no_grad():
        together, matches = net.super_resolve(*batch)
        for index in range(2):
            alone = net.super_resolve(*(image[index : index + 1] for image in batch))
            one = (slice(index, index + 1),)
            here = matches._replace(
                coarse_index=matches.coarse_index[one],
                position=matches.position[one],
                similarity=matches.similarity[one],
            )
            assert_same((together[one], here), alone, contents)


@cases(max_examples=60)
@given(KINDS, BLOCKS, GRID, st.tuples(CONTENT, CONTENT), SEED, st.integers(8, 40))
def test_any_tiles_give_the_whole(kind, blocks, grid, contents, seed, tile):
    net = editor(kind).generator
    batch = images(kind, blocks, grid, contents, seed)
    with torch.no_grad():
        tiled, whole = TiledMASANet(net, tile).super_resolve(*batch), net.super_resolve(*batch)
    assert_same(tiled, whole, contents)
