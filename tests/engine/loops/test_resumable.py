"""What the loop needs; that its runs go on exactly is in tests/test_resume.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from masasr_mm.engine.loops import ResumableTrainLoop
from masasr_mm.errors import UserError
from masasr_mm.tensor_files import read_tensors
from tests.training import MAX_ITERS, make_data, tiny_config, train


@pytest.mark.parametrize(
    ('dataloader', 'words'),
    [
        ([1, 2], 'needs the config of a dataloader'),
        (dict(batch_size=1), 'with a sampler'),
        (
            dict(batch_size=1, sampler=dict(type='InfiniteSampler'), batch_sampler=dict()),
            'batch_sampler hides the position',
        ),
    ],
)
def test_what_it_cannot_do_is_one_line(dataloader, words):
    with pytest.raises(UserError, match=words) as caught:
        ResumableTrainLoop(SimpleNamespace(), dataloader, max_iters=1)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('wrapped', [False, True])
def test_weights_to_begin_with_bring_no_steps_along(tmp_path, wrapped):
    """A warm-up is that of the config; it is over only for a run that goes on."""
    make_data(tmp_path / 'data')

    def steps_of(name: str, iteration: int) -> int:
        checkpoint = read_tensors(tmp_path / name / f'iter_{iteration}.pth')
        return int(checkpoint['state_dict']['step_counter'])

    first = tiny_config(tmp_path / 'data', tmp_path / 'first')
    assert train(first) == 0
    assert steps_of('first', MAX_ITERS) == MAX_ITERS

    start = str(tmp_path / 'first' / f'iter_{MAX_ITERS}.pth')
    second = tiny_config(tmp_path / 'data', tmp_path / 'second', load_from=start)
    second.train_cfg.max_iters = 2
    assert train(second, processes=1 + wrapped) == 0
    assert steps_of('second', 2) == 2
    second.train_cfg.max_iters = 4  # goes on
    assert train(second, processes=1 + wrapped) == 0
    assert steps_of('second', 4) == 4
