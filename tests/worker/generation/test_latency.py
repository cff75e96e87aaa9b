"""What recent pictures let expect of the next."""

import pytest

from render_worker.generation.latency import REMEMBERED, Latencies


@pytest.fixture
def durations():
    """Ten pictures of 1 to 10 seconds."""
    durations = Latencies()
    for seconds in range(10, 0, -1):
        durations.add("perchance", seconds)
    return durations


def test_it_works(durations):
    assert (durations.median("perchance"), durations.p90("perchance")) == (5.5, 9)


def test_nothing_is_known_before_the_first_picture(durations):
    found = [
        durations.median("sketch"),
        durations.p90("sketch"),
        durations.until_done("sketch", 1, 1),
        durations.until_room("sketch", 1),
        durations.left("sketch", 0),
    ]
    assert found == [None] * 5


def test_only_recent_pictures_count(durations):
    for _ in range(REMEMBERED):
        durations.add("perchance", 20)
    assert durations.median("perchance") == durations.p90("perchance") == 20


def test_what_was_long_ago_counts_no_longer(durations, monkeypatch):
    monkeypatch.setattr("render_worker.generation.latency.RECENT_SECONDS", 0.0)
    assert (durations.median("perchance"), durations.p90("perchance")) == (None, None)


@pytest.mark.parametrize(("position", "slots", "seconds"), [(1, 1, 11), (3, 1, 22), (1, 4, 7), (4, 4, 11)])
def test_the_queue_and_the_places_count(durations, position, slots, seconds):
    assert durations.until_done("perchance", position, slots) == seconds


@pytest.mark.parametrize(("slots", "seconds"), [(1, 6), (4, 2)])
def test_a_full_queue_has_room_when_a_place_becomes_free(durations, slots, seconds):
    assert durations.until_room("perchance", slots) == seconds


@pytest.mark.parametrize(
    ("elapsed", "left"), [(0, 6), (5, 1), (5.5, 4), (8.9, 1), (9, None), (100, None)], ids=lambda value: str(value)
)
def test_what_takes_longer_than_most_is_not_guessed_at(durations, elapsed, left):
    assert durations.left("perchance", elapsed) == left
