"""Which data set a test is at, where it runs over several."""

from __future__ import annotations

from mmengine.runner import Runner

from ...errors import UserError


def current_test_set(runner: Runner) -> str | None:
    """Return the name of the data set that is being tested.

    The name is ``dataset_type`` of the dataset's metainfo, as in mmagic.

    Args:
        runner (Runner): The runner, within its test loop.

    Returns:
        str | None: The name, or None where the loop has one data set alone.

    Raises:
        UserError: If two data sets of the loop have the same name.
    """
    loop = runner.test_loop
    names = [loader.dataset.metainfo['dataset_type'] for loader in getattr(loop, 'dataloaders', [])]
    if len(names) < 2:
        return None
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"the config's test_dataloader has several data sets named '{name}'; give each "
                "its own: dataset=dict(metainfo=dict(dataset_type='…'))"
            )
    return loop.dataloader.dataset.metainfo['dataset_type']
