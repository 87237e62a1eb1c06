"""What the loop needs; that its runs go on exactly is in tests/test_resume.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from masasr_mm.engine.loops import ResumableTrainLoop
from masasr_mm.errors import UserError


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
