"""The rules by which lost messages and lost attempts are told, with a clock of the test's."""

import pytest

from image_api.dispatch.queued.losses import Losses, OpenRequest
from image_api.dispatch.queued.request_states import RequestState


class Looks:
    """Looks at one request, or several, with a clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 100.0
        self.losses = Losses(lambda: self.now)
        self.losses.note_identity("a Redis")

    def settled(self) -> "Looks":
        self.now += 10
        return self

    def at(self, *states: tuple[str, float], length: int | None = None, queue: str = "auto", attempt: int = 1):
        """Return what a look finds of requests in these states, that waited for so long."""
        requests = [OpenRequest(f"it-{number}", attempt, waited, queue) for number, (_, waited) in enumerate(states)]
        known = [RequestState(status, 0 if status == "unknown" else attempt) for status, _ in states]
        lengths = {} if length is None else {queue: length}
        return [found.what for found in self.losses.judge(requests, known, lengths)]


def test_what_runs_and_what_has_ended_is_told_at_once():
    assert Looks().at(("running", 9), ("ended", 9), ("queued", 9)) == ["running", "ended", "queued"]


def test_an_attempt_is_lost_at_the_second_look_in_a_row():
    looks = Looks().settled()
    assert [looks.at(("lost", 9)) for _ in range(2)] == [["running"], ["lost"]]


def test_a_lease_between_two_looks_ends_the_suspicion():
    looks = Looks().settled()
    assert [looks.at((state, 9)) for state in ("lost", "running", "lost")] == [["running"]] * 3


def test_a_message_of_an_attempt_after_a_lost_one_is_not_lost_a_second_time():
    looks = Looks().settled()
    known = [RequestState("lost", 1)]
    for waited, what in ((0.5, "queued"), (2.5, "queued"), (5.5, "unsent")):
        (found,) = looks.losses.judge([OpenRequest("it", 2, waited, "auto")], known, {})
        assert found.what == what


def test_without_a_queue_no_message_is_taken_for_overtaken():
    looks = Looks().settled()
    requests = [OpenRequest("it", 1, 20.0, None), OpenRequest("other", 1, 9.0, None)]
    found = looks.losses.judge(requests, [RequestState("queued", 1), RequestState("running", 1)], {})
    assert [it.what for it in found] == ["queued", "running"]


def test_a_suspicion_of_an_earlier_attempt_does_not_count_against_the_next():
    looks = Looks().settled()
    looks.at(("lost", 9))
    assert looks.at(("lost", 9), attempt=2) == ["running"]


@pytest.mark.parametrize("event", ["begins", "is away", "is another one"])
def test_leases_get_time_to_be_renewed_when_redis(event):
    looks = Looks() if event == "begins" else Looks().settled()
    looks.at(("lost", 9))
    if event == "is away":
        looks.losses.note_absence()
    elif event == "is another one":
        looks.losses.note_identity("another Redis")
    assert [looks.at(("lost", 9), ("unknown", 9)) for _ in range(3)] == [["running", "queued"]] * 3
    looks.now += 5.1
    assert looks.at(("lost", 9), ("unknown", 9)) == ["running", "unsent"]
    assert looks.at(("lost", 9), ("unknown", 9)) == ["lost", "unsent"]


@pytest.mark.parametrize(("waited", "expected"), [(4.9, "queued"), (5.1, "unsent")])
def test_a_message_is_sent_again_if_its_queue_is_empty(waited, expected):
    assert Looks().settled().at(("queued", waited), length=0) == [expected]


@pytest.mark.parametrize("length", [None, 1, 1000])
def test_a_message_waits_in_a_queue_that_is_not_empty_or_not_known(length):
    assert Looks().settled().at(("queued", 3600), length=length) == ["queued"]


def test_a_message_is_sent_again_if_a_much_later_one_has_begun():
    looks = Looks().settled()
    assert looks.at(("queued", 20), ("running", 16), length=9) == ["queued", "running"]
    assert looks.at(("queued", 20), ("running", 14), length=9) == ["unsent", "running"]
    assert looks.at(("queued", 20), length=9) == ["unsent"]  # also when the later one is settled


def test_a_later_one_of_another_queue_means_nothing():
    looks = Looks().settled()
    looks.at(("running", 1), queue="perchance")
    assert looks.at(("queued", 20), length=9) == ["queued"]


def test_what_another_redis_had_is_sent_again_and_what_this_one_got_is_not():
    looks = Looks().settled()
    looks.losses.note_identity("another Redis")
    looks.now += 8
    assert looks.at(("queued", 9), ("queued", 7), length=9) == ["unsent", "queued"]


def test_an_unknown_request_that_was_just_sent_is_left_alone():
    assert Looks().settled().at(("unknown", 1), length=0) == ["queued"]
