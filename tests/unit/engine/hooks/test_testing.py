"""What a test leaves: metrics of every image, in several processes too, images, the table."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmagic.evaluation import PSNR, SSIM, Evaluator
from mmagic.structures import DataSample
from mmengine.dataset import DefaultSampler
from mmengine.hooks import Hook
from PIL import Image
from torch import nn
from torch.multiprocessing import start_processes
from torch.utils.data import DataLoader, Dataset

from masasr_mm.engine.hooks import MetricsTableHook, PerImageMetricsHook, SaveImagesHook
from masasr_mm.errors import UserError


class Images(Dataset):
    """Random images of different sizes, with predictions a little beside them."""

    def __init__(self, name: str, count: int, first: int = 0) -> None:
        self.metainfo = dict(dataset_type=name)
        self.count = count
        self.first = first

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> DataSample:
        index += self.first
        generator = torch.Generator().manual_seed(index)
        size = (3, 20 + index, 31 - index)
        gt = torch.randint(0, 200, size, generator=generator).float()
        noise = torch.randint(0, 9 + index, size, generator=generator)
        return DataSample(
            gt_img=gt,
            output=DataSample(pred_img=gt + noise, bicubic_img=gt + 2 * noise),
            metainfo=dict(gt_path=f'some/where/{index:03d}_0.png'),
        )


def evaluator(prefix: str | None = None) -> Evaluator:
    return Evaluator(
        [
            PSNR(convert_to='Y', prefix=prefix),
            SSIM(convert_to='Y', prefix=prefix),
            PSNR(convert_to='Y', prefix='bicubic', pred_key='bicubic_img'),
        ]
    )


def run_test(hooks: list[Hook], images: list[Images], evaluators: list[Evaluator]) -> dict:
    """Call hooks as mmagic's MultiTestLoop does; return the metrics."""
    loaders = [
        DataLoader(part, 1, sampler=DefaultSampler(part, shuffle=False), collate_fn=list)
        for part in images
    ]
    loop = SimpleNamespace(dataloaders=loaders)
    runner = SimpleNamespace(test_loop=loop)
    metrics = {}
    for hook in hooks:
        hook.before_test_epoch(runner)
    for loader, part in zip(loaders, evaluators):
        loop.dataloader, loop.evaluator = loader, part
        part.prepare_metrics(SimpleNamespace(data_preprocessor=None), loader)
        for index, samples in enumerate(loader):
            part.process(samples, None, part.metrics)
            for hook in hooks:
                hook.after_test_iter(runner, index, samples, samples)
        metrics.update(part.evaluate())
    for hook in hooks:
        hook.after_test_epoch(runner, metrics)
    return metrics


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


def check(path, sample) -> None:
    expected = sample.output.pred_img.flip(0).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(np.asarray(Image.open(path)), expected)


def test_png_files_hold_the_predictions(tmp_path):
    images = Images('any', 2)
    run_test([SaveImagesHook(str(tmp_path / 'out'))], [images], [evaluator()])
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['000_0.png', '001_0.png']
    for index in range(2):
        check(tmp_path / 'out' / f'{index:03d}_0.png', images[index])


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match=r'cannot write .*file/out/000_0\.png'):
        run_test([SaveImagesHook(str(tmp_path / 'file/out'))], [Images('any', 1)], [evaluator()])


class MASA(nn.Module):
    """Gives the row of the model its name."""


def table(capsys, metrics: dict[str, float], model: object = None) -> list[list[str]]:
    MetricsTableHook().after_test_epoch(SimpleNamespace(model=model or MASA()), metrics)
    lines = capsys.readouterr().out.splitlines()
    lines = [line.replace('┃', '│') for line in lines]
    return [re.split(r'\s*│\s*', line)[1:-1] for line in lines if '│' in line]


def test_a_metric_that_some_lack_is_left_empty(capsys):
    metrics = {'bicubic/PSNR': 24.0, 'near/PSNR': 27.0, 'near/LPIPS': 0.25, 'far/PSNR': 26.0}
    assert table(capsys, metrics) == [
        ['', 'PSNR', 'LPIPS'],
        ['bicubic', '24.0000', ''],
        ['near', '27.0000', '0.2500'],
        ['far', '26.0000', ''],
    ]


def test_data_sets_beside_their_enlargements_are_a_row_of_table_1(capsys):
    metrics = {
        'bicubic/CUFED5/PSNR': 24.183, 'bicubic/CUFED5/SSIM': 0.6835,
        'CUFED5/PSNR': 27.543, 'CUFED5/SSIM': 0.8141,
        'bicubic/Sun80/PSNR': 27.236, 'bicubic/Sun80/SSIM': 0.7391,
        'Sun80/PSNR': 30.152, 'Sun80/SSIM': 0.8152,
    }  # fmt: skip
    assert table(capsys, metrics)[5:] == [
        ['PSNR / SSIM', 'CUFED5', 'Sun80'],
        ['bicubic', '24.18 / 0.683', '27.24 / 0.739'],
        ['MASA', '27.54 / 0.814', '30.15 / 0.815'],
    ]


def test_only_the_first_process_prints(capsys, monkeypatch):
    monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group=None: 1)
    assert table(capsys, {'PSNR': 1.0}) == []
