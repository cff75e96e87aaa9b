"""Sends that wait: their turns, and what one that cannot be sent costs the others."""

import threading
import time

import pytest

from image_api.dispatch.queued.failures import QueueUnavailable
from image_api.dispatch.queued.retried_sends import SENDERS, RetriedSends
from image_api.dispatch.queued.turns import SENDS_IN_A_ROW, Send, Turns
from image_api.dispatch.queued.urgent_window import NoRoom
from tests.fakes.processes import wait_until


def send_of(client: str | None = "a", queue: str | None = "auto", once=lambda: None, failed=lambda _: None) -> Send:
    return Send(client, queue, once, failed)


def taken(turns: Turns) -> list[str | None]:
    return [turns.take().client for _ in iter(lambda: bool(turns), False)]


@pytest.mark.parametrize(
    ("waiting", "order"),
    [("aaabbc", "cbbaaa"), ("aab", "baa"), ("abc", "abc"), ("aabb", "aabb"), ("aaa", "aaa"), ("a-a", "-aa")],
)
def test_the_client_with_the_fewest_comes_next_and_equals_take_turns(waiting, order):
    turns = Turns()
    for client in waiting:
        turns.add(send_of(None if client == "-" else client))
    assert "".join(client or "-" for client in taken(turns)) == order


def test_one_with_many_is_served_although_others_send_again_and_again():
    turns = Turns()
    for client in "aaa":
        turns.add(send_of(client))
    order = ""
    while "a" not in order:
        turns.add(send_of("b"))
        order += turns.take().client
    assert order == "b" * SENDS_IN_A_ROW + "a"


def test_one_that_had_no_room_is_the_next_again():
    turns = Turns()
    sends = [send_of(client) for client in "aabb"]
    for send in sends:
        turns.add(send)
    assert turns.take() is sends[0]
    turns.add(sends[0], first=True)
    assert [turns.take() for _ in sends] == [sends[0], sends[1], sends[2], sends[3]]


def test_what_is_given_up_waits_no_more():
    turns = Turns()
    send = send_of()
    turns.add(send)
    turns.remove(send)
    turns.remove(send)
    assert not turns


def test_one_that_cannot_be_sent_holds_up_no_other():
    sends, tries, sent = RetriedSends(), [], threading.Semaphore(0)

    def refuse() -> None:
        tries.append(None)
        raise QueueUnavailable("The image is too large.")

    refused = send_of("a", once=refuse)
    sends.add(refused)
    wait_until(lambda: sends.trouble(refused), "the trouble")
    for client in ["a", "b", "a"]:
        sends.add(send_of(client, once=sent.release))
    assert all(sent.acquire(timeout=10) for _ in range(3))
    sends.give_up(refused)
    count = len(tries)
    time.sleep(0.5)
    assert len(tries) <= count + 1


def test_a_queue_that_hangs_is_asked_by_one_send_at_a_time():
    sends, asked, most = RetriedSends(), [0], []
    lock, over = threading.Lock(), threading.Event()

    def hang() -> None:
        with lock:
            asked[0] += 1
            most.append(asked[0])
        over.wait(0.05)
        with lock:
            asked[0] -= 1
        raise QueueUnavailable("It hangs.")

    waiting = [send_of(once=hang) for _ in range(20)]
    for send in waiting:
        sends.add(send)
    wait_until(lambda: len(most) >= SENDERS + 3, "some tries")
    assert max(most[SENDERS:]) == 1
    for send in waiting:
        sends.give_up(send)


def test_one_whose_queue_becomes_known_waits_there():
    sends, full, sent = RetriedSends(), threading.Event(), threading.Event()

    def once() -> None:
        if not full.is_set():
            raise NoRoom("sketch")
        sent.set()

    send = send_of(queue=None, once=once)
    sends.add(send)
    wait_until(lambda: send.queue == "sketch", "its queue")
    sends.add(send_of(queue=None, once=lambda: full.set()))
    assert sent.wait(10)


def test_a_bug_ends_one_send_and_no_other():
    sends, failures, sent = RetriedSends(), [], threading.Event()
    sends.add(send_of(once=lambda: 1 // 0, failed=failures.append))
    wait_until(lambda: failures, "the failure")
    sends.add(send_of(once=sent.set))
    assert sent.wait(10)
    assert failures[0].status == 500
