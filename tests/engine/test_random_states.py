"""Random states: given back exactly, and seeds that do not touch them."""

from __future__ import annotations

import io
import random

import numpy as np
import torch

from masasr_mm.engine.random_states import random_states, seeded, set_random_states


def draw() -> tuple:
    return random.random(), np.random.normal(), torch.rand(()).item(), random.gauss(0, 1)


def test_given_back_from_a_file_that_holds_no_code():
    random.gauss(0, 1)  # Python and NumPy keep every second normal number for later
    np.random.normal()
    file = io.BytesIO()
    torch.save(random_states(), file)
    expected = [draw() for _ in range(3)]
    file.seek(0)
    set_random_states(torch.load(file, weights_only=True))
    assert [draw() for _ in range(3)] == expected


def test_seeds_give_the_same_numbers_and_leave_the_states_alone():
    before = random_states()
    with seeded(3, 14):
        first = draw()
    with seeded(3, 15):
        other = draw()
    expected = draw()
    set_random_states(before)
    assert draw() == expected
    with seeded(3, 14):
        assert draw() == first
    assert all(one != two for one, two in zip(first, other))


def test_states_are_given_back_after_an_error():
    before = random_states()
    try:
        with seeded(1):
            raise KeyError
    except KeyError:
        after = draw()
    set_random_states(before)
    assert draw() == after
