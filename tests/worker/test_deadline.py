"""A deadline: what remains of it, and what is made of it."""

import math
import time
from dataclasses import FrozenInstanceError

import pytest

from render_worker.serving.deadline import Deadline


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_works(clock):
    deadline = Deadline.after(10, clock)
    clock.now += 4
    assert deadline.remaining == 6
    assert not deadline.expired


def test_its_own_clock_is_the_monotonic_one():
    assert 9 < Deadline.after(10).remaining <= 10
    assert Deadline(time.monotonic() - 1).expired


def test_nothing_remains_of_an_expired_one(clock):
    deadline = Deadline.after(10, clock)
    clock.now += 10
    assert deadline.expired
    assert deadline.remaining == 0
    clock.now += 5
    assert deadline.remaining == 0


def test_an_infinite_one_never_expires(clock):
    deadline = Deadline.after(math.inf, clock)
    clock.now += 1e9
    assert not deadline.expired
    assert deadline.at_most(3) == 3


def test_a_timeout_is_what_remains_at_most(clock):
    deadline = Deadline.after(10, clock)
    assert deadline.at_most(3) == 3
    assert deadline.at_most(30) == 10
    clock.now += 20
    assert deadline.at_most(3) == 0


def test_a_share_is_a_part_of_what_remains(clock):
    deadline = Deadline.after(12, clock)
    clock.now += 2
    assert deadline.share(4) == 2.5


def test_another_one_lies_later_or_earlier_on_the_same_clock(clock):
    deadline = Deadline.after(10, clock)
    assert deadline.later_by(5).remaining == 15
    assert deadline.later_by(-4).remaining == 6


def test_the_earlier_of_two_is_kept(clock):
    soon, late = Deadline.after(1, clock), Deadline.after(2, clock)
    assert soon.earlier(late) == late.earlier(soon) == soon
    assert soon.earlier(None) is soon


def test_it_cannot_be_changed(clock):
    with pytest.raises(FrozenInstanceError):
        Deadline.after(1, clock).at = 5
