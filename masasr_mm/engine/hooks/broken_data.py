"""Telling which training data could not be read."""

from __future__ import annotations

from collections.abc import Iterator

from mmagic.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from ...datasets.refsr_datasets import RefSRDataset

SHOWN = 10


@HOOKS.register_module()
class BrokenDataHook(Hook):
    """Tell at the end of a training how many items a data set has passed over, and which.

    There are such items only where the data set was given ``max_broken``. Every process tells of
    those that it has met.
    """

    def after_train(self, runner: Runner) -> None:
        """Tell.

        Args:
            runner (Runner): The runner.
        """
        for dataset in refsr_datasets(runner.train_dataloader.dataset):
            broken = dataset.broken_items()
            if broken:
                names = [item['gt_path'] for item in broken[:SHOWN]]
                more = ['…'] if len(broken) > SHOWN else []
                runner.logger.warning(
                    f'{dataset.data_root}: {len(broken)} of {len(dataset)} items could not be read '
                    f'and were passed over: {", ".join(names + more)}'
                )


def refsr_datasets(dataset: Dataset) -> Iterator[RefSRDataset]:
    """Return the RefSR data sets in mmengine's wrappers, which concatenate or repeat them.

    Args:
        dataset (Dataset): A data set or a wrapper.

    Yields:
        RefSRDataset: Each one inside.
    """
    if isinstance(dataset, RefSRDataset):
        yield dataset
        return
    inside = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    for part in inside:
        if part is not None:
            yield from refsr_datasets(part)
