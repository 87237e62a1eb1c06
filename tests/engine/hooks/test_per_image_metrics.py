"""The metrics of every image: what is written, and that several processes write the same."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.multiprocessing import start_processes

from masasr_mm.engine.hooks import PerImageMetricsHook

from .tested import Images, evaluator, run_test


def read_csv(folder: Path) -> list[dict[str, str]]:
    with (folder / 'metrics.csv').open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def y_psnr(sample, key: str = 'pred_img') -> float:
    difference = (sample.output.get(key) - sample.gt_img).double().numpy() / 255
    blue, green, red = difference
    return 10 * np.log10(255**2 / np.mean((24.966 * blue + 128.553 * green + 65.481 * red) ** 2))


def test_a_row_for_every_image_and_the_means(tmp_path):
    images = Images('any', 3)
    metrics = run_test([PerImageMetricsHook(str(tmp_path))], [images], [evaluator()])
    rows = read_csv(tmp_path)
    assert list(rows[0]) == ['image', 'PSNR', 'SSIM', 'bicubic/PSNR']
    assert [row['image'] for row in rows] == ['000_0.png', '001_0.png', '002_0.png']
    for index, row in enumerate(rows):
        assert float(row['PSNR']) == pytest.approx(y_psnr(images[index]), abs=1e-4)
        bicubic = y_psnr(images[index], 'bicubic_img')
        assert float(row['bicubic/PSNR']) == pytest.approx(bicubic, abs=1e-4)
    content = json.loads((tmp_path / 'metrics.json').read_text('utf-8'))
    assert content['mean'] == metrics
    for name, mean in metrics.items():
        assert mean == pytest.approx(np.mean([row[name] for row in content['images']]))


def test_several_data_sets_share_a_table(tmp_path):
    hook = PerImageMetricsHook(str(tmp_path))
    sets = [Images('near', 2), Images('far', 1)]
    parts = [evaluator('near'), evaluator('far')]
    parts[1].metrics.pop()
    run_test([hook], sets, parts)
    rows = read_csv(tmp_path)
    assert [(row['data_set'], row['image']) for row in rows] == [
        ('near', 'near/000_0.png'),
        ('near', 'near/001_0.png'),
        ('far', 'far/000_0.png'),
    ]
    assert rows[0]['PSNR'] == rows[2]['PSNR']
    assert rows[0]['bicubic/PSNR'] != rows[2]['bicubic/PSNR'] == ''


def test_a_second_test_starts_anew(tmp_path):
    hook = PerImageMetricsHook(str(tmp_path))
    for first, count in ((0, 3), (4, 2)):
        run_test([hook], [Images('any', count, first)], [evaluator()])
        found = [row['image'] for row in read_csv(tmp_path)]
        assert found == [f'{first + index:03d}_0.png' for index in range(count)]


def test_the_psnr_of_equal_images(tmp_path):
    images = Images('any', 1)
    sample = images[0]
    sample.output.pred_img.copy_(sample.gt_img)
    images.__class__ = type('Equal', (Images,), {'__getitem__': lambda self, index: sample})
    run_test([PerImageMetricsHook(str(tmp_path))], [images], [evaluator()])
    assert math.isinf(float(read_csv(tmp_path)[0]['PSNR']))
    content = json.loads((tmp_path / 'metrics.json').read_text('utf-8'), parse_constant=pytest.fail)
    assert content['images'][0]['PSNR'] is None


def test_several_processes_write_as_one_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start_processes(_test_in_process, (tmp_path,), nprocs=2, start_method='fork')
    run_test([PerImageMetricsHook(str(tmp_path / 'one'))], [Images('any', 5)], [evaluator()])
    assert len(read_csv(tmp_path / 'rank 0')) == 5
    for name in ('metrics.csv', 'metrics.json'):
        assert (tmp_path / 'rank 0' / name).read_text() == (tmp_path / 'one' / name).read_text()
    assert not (tmp_path / 'rank 1').exists()


def _test_in_process(rank: int, folder: Path) -> None:
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    hook = PerImageMetricsHook(str(folder / f'rank {rank}'))
    run_test([hook], [Images('any', 5)], [evaluator()])
    assert len(hook.rows[None]) == 3
    torch.distributed.destroy_process_group()
