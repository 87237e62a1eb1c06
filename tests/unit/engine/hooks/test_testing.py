"""What a test leaves: metrics of every image, in several processes too, images, the table."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmagic.evaluation import PSNR, SSIM, Evaluator
from mmagic.structures import DataSample
from mmengine.dataset import DefaultSampler
from mmengine.hooks import Hook
from torch import nn
from torch.multiprocessing import start_processes
from torch.utils.data import DataLoader, Dataset

from masasr_mm.engine.hooks import MetricsTableHook, PerImageMetricsHook, SaveImagesHook
from masasr_mm.errors import UserError


class Images(Dataset):
    """Random images of different sizes, with predictions a little beside them, one beside none."""

    def __init__(self, name: str, count: int, equal: int = -1) -> None:
        self.metainfo = dict(dataset_type=name)
        self.count = count
        self.equal = equal

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> DataSample:
        generator = torch.Generator().manual_seed(index)
        size = (3, 20 + index, 31 - index)
        gt = torch.randint(0, 200, size, generator=generator).float()
        noise = torch.randint(0, 9 + index, size, generator=generator)
        return DataSample(
            gt_img=gt,
            output=DataSample(
                pred_img=gt + (0 if index == self.equal else noise), bicubic_img=gt + 2 * noise
            ),
            metainfo=dict(gt_path=f'some/where/{index:03d}_0.png'),
        )


def run_test(hook: Hook, images: Images) -> dict:
    """Call a hook as mmagic's test loop does; return the metrics."""
    bicubic = PSNR(convert_to='Y', prefix='bicubic', pred_key='bicubic_img')
    evaluator = Evaluator([PSNR(convert_to='Y'), SSIM(convert_to='Y'), bicubic])
    sampler = DefaultSampler(images, shuffle=False)
    loader = DataLoader(images, 1, sampler=sampler, collate_fn=list)
    loop = SimpleNamespace(dataloader=loader, evaluator=evaluator)
    runner = SimpleNamespace(test_loop=loop)
    hook.before_test_epoch(runner)
    evaluator.prepare_metrics(SimpleNamespace(data_preprocessor=None), loader)
    for index, samples in enumerate(loader):
        evaluator.process(samples, None, evaluator.metrics)
        hook.after_test_iter(runner, index, samples, samples)
    metrics = evaluator.evaluate()
    hook.after_test_epoch(runner, metrics)
    return metrics


def read_csv(folder: Path) -> list[dict[str, str]]:
    with (folder / 'metrics.csv').open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def test_both_files_hold_the_rows_and_json_the_means(tmp_path):
    """The PSNR of equal images is infinite, which JSON does not know."""
    images = Images('any', 2, equal=1)
    metrics = run_test(PerImageMetricsHook(str(tmp_path)), images)
    content = json.loads((tmp_path / 'metrics.json').read_text('utf-8'), parse_constant=pytest.fail)
    assert content['mean'] == {**metrics, 'PSNR': None}
    assert content['images'][1]['PSNR'] is None
    rows = [{key: value or 'inf' for key, value in row.items()} for row in content['images']]
    assert [list(map(str, row.values())) for row in rows] == [
        list(row.values()) for row in read_csv(tmp_path)
    ]
    assert list(rows[0]) == ['image', 'PSNR', 'SSIM', 'bicubic/PSNR']


def test_several_processes_write_as_one_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start_processes(_test_in_process, (tmp_path,), nprocs=2, start_method='fork')
    run_test(PerImageMetricsHook(str(tmp_path / 'one')), Images('any', 5))
    assert len(read_csv(tmp_path / 'rank 0')) == 5
    for name in ('metrics.csv', 'metrics.json'):
        assert (tmp_path / 'rank 0' / name).read_text() == (tmp_path / 'one' / name).read_text()
    assert not (tmp_path / 'rank 1').exists()


def _test_in_process(rank: int, folder: Path) -> None:
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    hook = PerImageMetricsHook(str(folder / f'rank {rank}'))
    run_test(hook, Images('any', 5))
    assert len(hook.rows[None]) == 3
    torch.distributed.destroy_process_group()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match=r'cannot write .*file/out/000_0\.png'):
        run_test(SaveImagesHook(str(tmp_path / 'file/out')), Images('any', 1))


def table(capsys, metrics: dict[str, float]) -> list[list[str]]:
    MetricsTableHook().after_test_epoch(SimpleNamespace(model=nn.Identity()), metrics)
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
