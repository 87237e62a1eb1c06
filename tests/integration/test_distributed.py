"""Two processes on the CPU train as one does."""

from __future__ import annotations

import pytest

from masasr_mm.tensor_files import read_tensors
from tests.training import make_data, plain_descent, train


@pytest.mark.parametrize('gan', [True, False])
def test_two_processes_train_what_one_does_with_their_batch(tmp_path, gan):
    make_data(tmp_path / 'data')
    weights = []
    for name, batch, processes in (('one', 4, 1), ('two', 2, 2)):
        config = plain_descent(tmp_path / 'data', tmp_path / name, batch, workers=0)
        config.default_hooks.checkpoint.interval = 1
        if not gan:
            del config.model.discriminator, config.model.gan_loss
            del config.optim_wrapper.discriminator
        assert train(config, processes) == 0
        weights.append(
            [read_tensors(tmp_path / name / f'iter_{i}.pth')['state_dict'] for i in (1, 2)]
        )
    (start, one), (_, two) = weights
    for part in ('generator.', 'discriminator.')[: 1 + gan]:
        keys = [key for key in one if key.startswith(part) and one[key].is_floating_point()]
        moved = max(float((one[key] - start[key]).abs().max()) for key in keys)
        apart = max(float((one[key] - two[key]).abs().max()) for key in keys)
        assert moved > 1e-4
        assert apart < 2e-6 + 1e-3 * moved, part
