"""The test configs against a plain transcription of the protocols (Sec. 4.1).

Whole data sets in the real layouts are tested with a small network of random weights.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from mmagic.registry import MODELS
from PIL import Image
from skimage import data

from masasr_mm.datasets import Sun80Dataset
from masasr_mm.models.inference.super_resolve import TiledMASANet
from tests import transcription as plain
from tests.conftest import REPOSITORY
from tests.editors import GENERATOR
from tests.scripts import call_tool, load_tool

SMALL_NETWORK = (
    'model.generator.channels=4',
    'model.generator.fusion_blocks=1,1,1',
    'model.generator.encoder.num_blocks=1',
)


class Call(NamedTuple):
    """One call of the generator: its inputs and output, (H, W, 3) in [0, 255], as it saw them."""

    lq: np.ndarray
    ref: np.ndarray
    ref_down: np.ndarray
    output: np.ndarray


class Run(NamedTuple):
    """What a run of tools/test.py left."""

    out: Path
    stdout: str
    calls: list[Call]


def save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def crops(index: int, height: int, width: int, count: int) -> list[np.ndarray]:
    """Return overlapping crops of a photograph, each a little smaller than the one before."""
    photo = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())[index % 4]
    top, left = 30 + 7 * index, 60 + 9 * index
    return [
        photo[top + 5 * k : top + height + 2 * k, left + 3 * k : left + width + k]
        for k in range(count)
    ]


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the small network."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = MODELS.build(dict(GENERATOR, _scope_='mmagic')).state_dict()
    path = tmp_path_factory.mktemp('weights') / 'small.pth'
    torch.save(dict(state_dict={f'generator.{k}': v for k, v in weights.items()}), path)
    return path


@pytest.fixture(scope='module')
def run_test(checkpoint, tmp_path_factory):
    """Run tools/test.py in this process and watch the generator."""

    def run(config: str, *options: str) -> Run:
        work = tmp_path_factory.mktemp('tested')
        calls = []
        original = TiledMASANet.super_resolve

        def watched(self, *images: torch.Tensor) -> tuple:
            result = original(self, *images)
            arrays = (image[0].permute(1, 2, 0).numpy() * 255 for image in (*images[:3], result[0]))
            calls.append(Call(*arrays))
            return result

        with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as stdout:
            patch.setattr(TiledMASANet, 'super_resolve', watched)
            paths = (REPOSITORY / 'configs' / config, checkpoint)
            folders = ('--work-dir', work / 'work', '--out', work / 'out')
            arguments = (*paths, *folders, '--cfg-options', *SMALL_NETWORK, *options)
            assert not call_tool(load_tool('test.py'), patch, *arguments)
        return Run(work / 'out', stdout.getvalue(), calls)

    return run


SIZES = [(61, 75), (64, 64), (97, 51), (45, 47), (31, 99)]


def rows_of(tested: Run) -> list[dict]:
    with (tested.out / 'metrics.csv').open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def printed_rows(tested: Run) -> dict[str, tuple[float, ...]]:
    """Return the rows of the printed table."""
    lines = (line.strip('│ ') for line in tested.stdout.splitlines() if '│' in line)
    cells = (re.split(r'\s*│\s*', line) for line in lines)
    return {name: tuple(map(float, values)) for name, *values in cells}


def check_call(call: Call, gt: np.ndarray, divisor: int, ref: np.ndarray) -> np.ndarray:
    """See that the generator got the right images; return what must have been saved of them."""
    padded = plain.pad_to_multiple(gt, divisor)
    for seen, expected in (
        (call.lq, plain.reduce(padded)),
        (call.ref, ref),
        (call.ref_down, plain.reduce(ref)),
    ):
        np.testing.assert_allclose(seen, expected, atol=1e-3)
    top, left = ((have - want) // 2 for have, want in zip(padded.shape[:2], gt.shape[:2]))
    cropped = call.output[top : top + gt.shape[0], left : left + gt.shape[1]]
    return np.clip(cropped, 0, 255).round()


def check_saved(tested: Run, name: str, expected: np.ndarray) -> None:
    saved = plain.load(tested.out / name)
    assert saved.shape == expected.shape
    # Two roundings of one float32 number may differ where it lies between two grey levels.
    assert np.abs(saved - expected).max() <= 1
    assert (saved == expected).mean() > 0.999


def make_cufed5(root: Path, sizes: Iterable[tuple[int, int]], references: int) -> Path:
    for index, (height, width) in enumerate(sizes):
        for number, image in enumerate(crops(index, height, width, references + 1)):
            save(image, root / f'{index:03d}_{number}.png')
    return root


@pytest.fixture(scope='module')
def cufed5(run_test, tmp_path_factory) -> tuple[Path, Run]:
    root = make_cufed5(tmp_path_factory.mktemp('CUFED5'), SIZES, references=1)
    options = (f'test_dataloader.dataset.data_root={root}', 'test_dataloader.num_workers=0')
    return root, run_test('masa-rec_x4_cufed5.py', *options)


@pytest.fixture(scope='module')
def levels(run_test, tmp_path_factory) -> tuple[Path, Run]:
    root = make_cufed5(tmp_path_factory.mktemp('levels'), SIZES[:1], references=5)
    options = (
        f'test_dataloader.{index}.{option}'
        for index in range(6)
        for option in (f'dataset.data_root={root}', 'num_workers=0')
    )
    return root, run_test('masa_x4_cufed5-levels.py', *options)


def test_cufed5_feeds_the_network_as_released(cufed5):
    root, tested = cufed5
    assert len(tested.calls) == len(SIZES)
    for index, call in enumerate(tested.calls):
        ref = plain.pad(plain.load(root / f'{index:03d}_1.png'), 512, 512)
        expected = check_call(call, plain.load(root / f'{index:03d}_0.png'), 32, ref)
        check_saved(tested, f'{index:03d}_0.png', expected)


def test_printed_metrics_agree_with_those_of_the_saved_images(cufed5):
    root, tested = cufed5
    rows = rows_of(tested)
    assert [row['image'] for row in rows] == [f'{index:03d}_0.png' for index in range(len(SIZES))]
    values = []
    for row, size in zip(rows, SIZES):
        sr, gt = plain.load(tested.out / row['image']), plain.load(root / row['image'])
        assert sr.shape == (*size, 3)
        values.append((plain.psnr(sr, gt), plain.ssim(sr, gt)))
        assert float(row['PSNR']) == pytest.approx(values[-1][0], abs=1e-3)
        assert float(row['SSIM']) == pytest.approx(values[-1][1], abs=1e-5)
    means = np.mean(values, axis=0)
    assert printed_rows(tested)['MASA'] == pytest.approx(means, abs=6e-5)


def test_bicubic_is_the_enlargement_of_the_lr_image(cufed5):
    root, tested = cufed5
    assert len(tested.calls) == len(SIZES)
    for row, call in zip(rows_of(tested), tested.calls):
        gt = plain.load(root / row['image'])
        enlarged = plain.enlarge(call.lq.round())
        height, width = gt.shape[:2]
        top, left = (enlarged.shape[0] - height) // 2, (enlarged.shape[1] - width) // 2
        image = enlarged[top : top + height, left : left + width]
        assert float(row['bicubic/PSNR']) == pytest.approx(plain.psnr(image, gt), abs=1e-3)
        assert float(row['bicubic/SSIM']) == pytest.approx(plain.ssim(image, gt), abs=1e-5)


def test_levels_feed_the_network_as_released(levels):
    root, tested = levels
    gt = plain.load(root / '000_0.png')
    references = [plain.load(root / f'000_{level}.png') for level in range(1, 6)]
    assert len(tested.calls) == 6
    for level, reference in enumerate(references, 1):
        ref = plain.pad_to_multiple(reference, 16, centered=False)
        expected = check_call(tested.calls[level - 1], gt, 32, ref)
        check_saved(tested, f'level-{level}/000_0.png', expected)
    stacked = np.concatenate([plain.pad(reference, 512, 512) for reference in references])
    check_saved(tested, 'all/000_0.png', check_call(tested.calls[5], gt, 32, stacked))


def test_levels_print_one_table_of_their_means(levels):
    root, tested = levels
    names = [*(f'level-{level}' for level in range(1, 6)), 'all']
    table, rows = printed_rows(tested), rows_of(tested)
    assert list(table) == ['bicubic', *names]
    assert [(row['data_set'], row['image']) for row in rows] == [
        (name, f'{name}/000_0.png') for name in names
    ]
    for name, row in zip(names, rows):
        pair = plain.load(tested.out / row['image']), plain.load(root / '000_0.png')
        assert table[name] == pytest.approx((plain.psnr(*pair), plain.ssim(*pair)), abs=6e-5)
        assert table[name] == pytest.approx((float(row['PSNR']), float(row['SSIM'])), abs=6e-5)
    assert len({table[name] for name in names}) == len(names)
    bicubic = float(rows[0]['bicubic/PSNR']), float(rows[0]['bicubic/SSIM'])
    assert table['bicubic'] == pytest.approx(bicubic, abs=6e-5)


def test_the_benchmarks_in_one_run(run_test, tmp_path, capsys):
    """Sun80 and Urban100 feed the network as released; CUFED5, which is not there, is left out."""
    sun80, urban100 = tmp_path / 'Sun80', tmp_path / 'Urban100'
    names = ['0001.jpg', '0002.jpg', '0003.jpg']
    for index, name in enumerate(names):
        gt, *matches = crops(index, 67 + 30 * index, 130 - 35 * index, 4)
        save(gt, sun80 / 'Sun_Hays_SR_groundtruth' / name)
        for number, match in enumerate(matches):
            save(match, sun80 / 'Sun_Hays_SR_scenematches' / name / f'{number}.jpg')
    for index, (height, width) in enumerate(((70, 101), (129, 64))):
        save(crops(index, height, width, 1)[0], urban100 / f'img_{index:03d}.png')
    roots = (tmp_path / 'CUFED5', sun80, urban100)
    options = [f'test_dataloader.{i}.dataset.data_root={root}' for i, root in enumerate(roots)]
    options += [f'test_dataloader.{i}.num_workers=0' for i in range(3)]
    tested = run_test('masa_x4_benchmarks.py', *options)
    assert f'CUFED5 is left out: {roots[0]} is not there' in capsys.readouterr().err
    dataset = Sun80Dataset(str(sun80))
    for index, call in enumerate(tested.calls[:3]):
        ref = plain.pad_to_multiple(plain.load(dataset.get_data_info(index)['ref_path']), 16)
        gt = plain.load(sun80 / 'Sun_Hays_SR_groundtruth' / names[index])
        check_saved(tested, f'Sun80/000{index + 1}.png', check_call(call, gt, 64, ref))
    for index, call in enumerate(tested.calls[3:]):
        gt = plain.load(urban100 / f'img_{index:03d}.png')
        ref = plain.reduce(plain.pad_to_multiple(gt, 64))
        check_saved(tested, f'Urban100/img_{index:03d}.png', check_call(call, gt, 64, ref))
    rows = rows_of(tested)
    means = {
        name: [np.mean([float(row[key]) for row in rows if row['data_set'] == name])
               for key in ('PSNR', 'SSIM')]
        for name in ('Sun80', 'Urban100')
    }  # fmt: skip
    row = ' │ '.join(f'{psnr:.2f} / {ssim:.3f}' for psnr, ssim in means.values())
    assert f'MASA        │ {row} │' in tested.stdout
