"""What a test loop gives its hooks, without a runner."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from mmagic.evaluation import PSNR, SSIM, Evaluator
from mmagic.structures import DataSample
from mmengine.hooks import Hook
from torch.utils.data import DataLoader, Dataset


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
    from mmengine.dataset import DefaultSampler

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
