"""Latencies of recent pictures, and what they let expect of the next."""

import time

import pytest

from render_worker.generation.latency import MAX_LATENCIES, Latencies


@pytest.fixture
def latencies():
    """Return the latencies of ten pictures, of 1 to 10 seconds."""
    latencies = Latencies()
    for seconds in range(10, 0, -1):
        latencies.add("perchance", seconds)
    return latencies


def test_it_works(latencies):
    assert (latencies.p50("perchance"), latencies.p90("perchance")) == (5.5, 9)


def test_nothing_is_known_before_the_first_picture(latencies):
    found = [
        latencies.p50("sketch"),
        latencies.p90("sketch"),
        latencies.seconds_to_picture("sketch", 1, [0]),
        latencies.seconds_to_slot("sketch", [0]),
        latencies.seconds_remaining("sketch", 0),
    ]
    assert found == [None] * 5


def test_only_recent_pictures_count(latencies):
    for _ in range(MAX_LATENCIES):
        latencies.add("perchance", 20)
    assert latencies.p50("perchance") == latencies.p90("perchance") == 20


def test_what_was_long_ago_counts_no_longer(latencies, monkeypatch):
    monkeypatch.setattr("render_worker.generation.latency.RECENT_SECONDS", 0.0)
    assert (latencies.p50("perchance"), latencies.p90("perchance")) == (None, None)


@pytest.mark.parametrize(
    ("position", "slots", "seconds"),
    [
        (1, [5.5], 11),
        (3, [5.5], 22),
        (1, [0, 9], 6),
        (2, [2, 9], 13),
        (4, [1, 1, 1, 1], 7),
        (5, [1, 2, 3, 4], 12),
        (501, [0], 2756),
    ],
)
def test_the_queue_and_the_slots_count(latencies, position, slots, seconds):
    assert latencies.seconds_to_picture("perchance", position, slots) == seconds


@pytest.mark.parametrize(("slots", "seconds"), [([5.5], 6), ([7, 1.2], 2), ([0], 1)])
def test_a_full_queue_has_room_when_a_slot_becomes_free(latencies, slots, seconds):
    assert latencies.seconds_to_slot("perchance", slots) == seconds


@pytest.mark.parametrize(
    ("elapsed", "remaining"), [(0, 6), (5, 1), (5.5, 4), (8.9, 1), (9, None), (100, None)], ids=lambda value: str(value)
)
def test_what_takes_longer_than_most_is_not_guessed_at(latencies, elapsed, remaining):
    assert latencies.seconds_remaining("perchance", elapsed) == remaining


def test_the_p95_is_what_one_of_twenty_exceeds():
    latencies = Latencies()
    for seconds in range(1, 41):
        latencies.add("horde", seconds)
    assert (latencies.p90("horde"), latencies.p95("horde"), latencies.count("horde")) == (36, 38, 40)


def test_an_attempt_that_was_overtaken_counts_with_the_seconds_that_it_had(latencies):
    """Else an engine that has become slow would look as fast as it was, by its quick pictures alone."""
    for _ in range(11):
        latencies.add_overtaken("perchance", 12)
    found = [measure("perchance") for measure in (latencies.p50, latencies.p90, latencies.p95, latencies.p95_of_made)]
    assert found == [12, 12, 12, 10]
    assert (latencies.count("perchance"), latencies.success_rate("perchance")) == (10, 0)


def test_the_success_rate_is_the_share_of_pictures():
    latencies = Latencies()
    assert latencies.success_rate("horde") is None
    for success in (True, False, True, True):
        latencies.add_outcome("horde", success=success)
    assert (latencies.success_rate("horde"), latencies.success_rate("sketch")) == (0.75, None)


def test_what_is_kept_is_bounded():
    latencies = Latencies()
    for number in range(3 * MAX_LATENCIES):
        latencies.add("horde", number)
        latencies.add_outcome("horde", success=False)
    for _ in range(MAX_LATENCIES):
        latencies.add_outcome("horde", success=True)
    assert (latencies.count("horde"), latencies.success_rate("horde")) == (MAX_LATENCIES, 1)


def test_an_hour_later_nothing_is_known(latencies, monkeypatch):
    latencies.add_outcome("perchance", success=True)
    assert latencies.p95("perchance") == 10
    begun = time.monotonic()
    monkeypatch.setattr("render_worker.generation.latency.time.monotonic", lambda: begun + 3601)
    assert (latencies.p95("perchance"), latencies.success_rate("perchance")) == (None, None)
