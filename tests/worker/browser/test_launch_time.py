"""How long a launch of the browser is expected to take yet."""

import pytest

from render_worker.browser import launch_time
from render_worker.browser.launch_time import LaunchTime


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(launch_time.time, "monotonic", lambda: now[0])
    return now


def launched(clock, seconds, *, launched=True):
    """Return the time after one launch that took so long."""
    it = LaunchTime()
    it.begin()
    clock[0] += seconds
    it.end(launched=launched)
    return it


def test_without_a_launch_it_is_none(clock):
    assert LaunchTime().remaining == 0.0
    assert launched(clock, 3).remaining == 0.0


@pytest.mark.parametrize(("took", "ended_well", "expected"), [(0.4, True, 1.0), (8, True, 8), (8, False, 5)])
def test_the_next_is_expected_to_take_as_long_as_the_last_that_ended_well(clock, took, ended_well, expected):
    it = launched(clock, took, launched=ended_well)
    it.begin()
    assert it.remaining == expected


@pytest.mark.parametrize(("elapsed", "remaining"), [(0, 5), (3, 2), (4, 1), (8, 2), (40, 10)])
def test_what_takes_longer_than_expected_goes_on(clock, elapsed, remaining):
    it = LaunchTime()
    it.begin()
    clock[0] += elapsed
    assert it.remaining == remaining
