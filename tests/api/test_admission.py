"""Admission control: which waiter gets a slot, which is refused, and which is evicted."""

import pytest

from image_api.admission import Admission, Waiter
from image_api.errors import ServiceBusy, TooManyStreams
from tests.fakes.processes import wait_until


class Begun:
    """Work that has begun."""

    begun = True

    def wake(self) -> None:
        """Nothing waits."""


def admitted(admission: Admission, client: str | None, count: int = 1, **options: object) -> list[Waiter]:
    waiters = [Waiter(client, **options) for _ in range(count)]
    for waiter in waiters:
        admission.admit(waiter)
    return waiters


def held_by(admission: Admission, client: str) -> int:
    """Return how many slots a client holds, as the shares are computed from it."""
    return admission._held[client]


def refused(admission: Admission, waiter: Waiter) -> bool:
    try:
        admission.admit(waiter)
    except ServiceBusy:
        return True
    return False


def test_one_client_alone_may_hold_every_slot():
    admission = Admission(5)
    first = admitted(admission, "a", 5)
    assert refused(admission, Waiter("a"))
    assert (len(admission), held_by(admission, "a"), [it.evicted for it in first]) == (5, 5, [False] * 5)


def test_a_waiter_is_admitted_and_released_once():
    admission = Admission(2)
    (waiter,) = admitted(admission, "a")
    admission.admit(waiter)
    assert (len(admission), held_by(admission, "a")) == (1, 1)
    for _ in range(2):
        admission.release(waiter)
    assert (len(admission), held_by(admission, "a")) == (0, 0)


def test_the_newest_of_the_client_with_most_is_evicted_for_others():
    admission = Admission(6)
    greedy = admitted(admission, "a", 6)
    others = admitted(admission, "b", 3)
    assert [it.evicted for it in greedy] == [False] * 3 + [True] * 3
    assert refused(admission, Waiter("b"))
    assert not any(it.evicted for it in others)
    assert (held_by(admission, "a"), held_by(admission, "b"), len(admission)) == (3, 3, 6)


def test_many_clients_keep_no_other_out_that_has_less():
    admission = Admission(64)
    for number in range(32):
        admitted(admission, f"rude {number}", 2)
    assert refused(admission, Waiter("rude 0"))
    polite = admitted(admission, "polite")
    assert refused(admission, Waiter("polite"))
    assert ([it.evicted for it in polite], len(admission)) == ([False], 64)


def test_what_has_not_begun_is_evicted_first():
    admission = Admission(4)
    greedy = admitted(admission, "a", 4)
    for waiter in greedy[1:]:
        waiter.work = Begun()
    admitted(admission, "b")
    assert [it.evicted for it in greedy] == [True, False, False, False]
    admitted(admission, "c")
    assert [it.evicted for it in greedy] == [True, False, False, True]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8])
def test_two_clients_never_take_a_slot_back_and_forth(limit):
    admission = Admission(limit)
    waiters = admitted(admission, "a", limit)
    for client in ("b", "a") * (2 * limit):
        waiter = Waiter(client)
        if not refused(admission, waiter):
            waiters.append(waiter)
    assert sum(it.evicted for it in waiters) == limit // 2 == held_by(admission, "b")


def test_an_evicted_waiter_is_not_admitted_again():
    admission = Admission(2)
    greedy = admitted(admission, "a", 2)
    admitted(admission, "b")
    with pytest.raises(ServiceBusy):
        admission.admit(greedy[1])


def test_an_unknown_client_counts_only_in_all():
    admission = Admission(4)
    unknown = admitted(admission, None, 4)
    assert refused(admission, Waiter("a"))
    assert not any(it.evicted for it in unknown)


def test_an_unknown_client_gets_its_share_of_a_greedy_one_s():
    admission = Admission(4)
    greedy = admitted(admission, "a", 4)
    admitted(admission, None, 2)
    assert [it.evicted for it in greedy] == [False, False, True, True]


def test_streams_are_limited_for_each_client():
    admission = Admission(10, streams_per_client=2)
    streams = admitted(admission, "a", 2, stream=True)
    with pytest.raises(TooManyStreams):
        admitted(admission, "a", stream=True)
    admitted(admission, "a")
    admitted(admission, "b", stream=True)
    admitted(admission, None, 3, stream=True)
    admission.release(streams[0])
    admitted(admission, "a", stream=True)
    assert len(admission) == 7


def test_of_what_left_unbegun_the_oldest_two_of_each_client_are_kept():
    admission = Admission(20)
    left = admitted(admission, "a", 5, gone=lambda: True)
    others = admitted(admission, "b", 2, gone=lambda: True)
    waiting = admitted(admission, "a", 3)
    admission.sweep()
    assert [it.evicted for it in left] == [False, False, True, True, True]
    assert not any(it.evicted for it in others + waiting)


def test_what_has_begun_is_kept_although_its_client_left():
    admission = Admission(20)
    left = admitted(admission, "a", 5, gone=lambda: True)
    for waiter in left:
        waiter.work = Begun()
    admission.sweep()
    assert not any(it.evicted for it in left)


def test_what_no_client_waits_for_is_evicted_when_slots_run_short():
    admission = Admission(3)
    left = admitted(admission, "a", gone=lambda: True) + admitted(admission, None, 2, gone=lambda: True)
    admission.sweep()
    assert not any(it.evicted for it in left)
    admitted(admission, "b", 3)
    assert all(it.evicted for it in left)
    assert (len(admission), held_by(admission, "a"), held_by(admission, "b")) == (3, 0, 3)


def test_it_sweeps_by_itself_only_while_there_are_waiters(monkeypatch):
    monkeypatch.setattr("image_api.admission.SWEEP_SECONDS", 0.05)
    admission = Admission(20)
    left = admitted(admission, "a", 5, gone=lambda: True)
    wait_until(lambda: left[-1].evicted, "a sweep")
    for waiter in left:
        admission.release(waiter)
    wait_until(lambda: not admission._sweeping, "the sweeper's end")
    (another,) = admitted(admission, "a", gone=lambda: True)
    wait_until(lambda: admission._abandoned == [another], "a sweep")
    admission.release(another)
