"""Stages and spreads, against times worked out by hand."""

from __future__ import annotations

import time

import pytest
import torch

from masasr_mm.benchmark.timing import REST, Clock, StageTimer, spread

CPU = torch.device('cpu')


class Ticking(Clock):
    """A clock that goes on by 1, 2, 4, 8, … seconds from mark to mark."""

    def __init__(self):
        super().__init__(CPU)
        self.now, self.step = 0, 1

    def mark(self):
        self.now, self.step = self.now + self.step, 2 * self.step
        return self.now


class Worker:
    def add(self, number, other=1):
        return number + other


def test_each_moment_is_counted_to_the_innermost_stage():
    timer = StageTimer(Ticking())
    with timer.whole():  # 1
        with timer.stage('a'), timer.stage('b'):  # 2, 4
            pass  # 8, 16
        with timer.stage('a'):  # 32
            pass  # 64
    # The marks lie 2, 4, 8, … apart: rest, a, b, a, rest, a, rest.
    assert timer.seconds() == {'a': 4 + 16 + 64, 'b': 8, REST: 2 + 32 + 128}
    assert list(timer.seconds()) == ['a', 'b', REST]


def test_measuring_begins_anew():
    timer = StageTimer(Ticking())
    with timer.whole(), timer.stage('a'):
        pass
    with timer.whole():
        pass
    assert list(timer.seconds()) == [REST]


def test_a_method_of_one_object_becomes_a_stage():
    worker, other, timer = Worker(), Worker(), StageTimer(Ticking())
    with timer.wrapped(worker, 'add', 'sum'):
        with timer.whole():
            assert worker.add(3, other=4) == 7
            assert other.add(3) == 4
        assert list(timer.seconds()) == ['sum', REST]
    with timer.whole():
        assert worker.add(1) == 2
    assert list(timer.seconds()) == [REST]


def test_the_method_is_given_back_after_an_error():
    worker, timer = Worker(), StageTimer(Ticking())
    with pytest.raises(TypeError), timer.wrapped(worker, 'add', 'add'), timer.whole():
        worker.add(None)
    assert 'add' not in vars(worker)


def test_seconds_are_seconds():
    timer = StageTimer(Clock(CPU))
    with timer.whole(), timer.stage('sleep'):
        time.sleep(0.2)
    assert 0.2 <= timer.seconds()['sleep'] < 2
    assert timer.seconds()[REST] < 0.2


def test_spread():
    assert spread(iter([3.0, 1.0, 10.0])) == (1.0, 3.0, 10.0)
    assert spread([2.0, 4.0]).median == 3.0
