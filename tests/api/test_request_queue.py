"""Requests that arrive at the same time begin one by one, and what is ready is served in between."""

import gevent
import pytest
from gevent import socket

from image_api.request_queue import RequestQueue


@pytest.fixture
def begun() -> list[object]:
    return []


@pytest.fixture
def queue() -> RequestQueue:
    return RequestQueue()


def test_requests_begin_in_the_order_of_their_arrival(queue, begun):
    def request(number: int) -> None:
        queue.wait()
        begun.append(number)

    gevent.joinall([gevent.spawn(request, number) for number in range(20)], raise_error=True)
    assert begun == list(range(20))


def test_a_connection_that_becomes_readable_is_served_before_the_next_request_begins(queue, begun):
    ours, theirs = socket.socketpair()

    def health_check() -> None:
        begun.append(ours.recv(1))

    def request(number: int) -> None:
        queue.wait()
        if number == 1:
            theirs.send(b"h")
        begun.append(number)

    gevent.joinall([gevent.spawn(health_check), *(gevent.spawn(request, number) for number in range(20))])
    ours.close()
    theirs.close()
    assert begun[:4] == [0, 1, b"h", 2]


def test_a_request_alone_does_not_wait(queue, begun):
    for number in range(3):
        queue.wait()
        begun.append(number)
        gevent.sleep(0.001)  # the turn of the event loop ends
    assert begun == [0, 1, 2]


def test_a_request_that_ends_while_it_waits_takes_no_other_s_turn(queue, begun):
    def request(number: int) -> None:
        queue.wait()
        begun.append(number)
        if number == 0:
            gevent.kill(waiting[2])
            gevent.kill(waiting[4])

    waiting = [gevent.spawn(request, number) for number in range(5)]
    gevent.joinall(waiting)
    assert begun == [0, 1, 3]
    queue.wait()  # which is free again


def test_a_request_that_fails_takes_no_other_s_turn(queue, begun):
    def request(number: int) -> None:
        queue.wait()
        if number % 2:
            raise gevent.GreenletExit
        begun.append(number)

    gevent.joinall([gevent.spawn(request, number) for number in range(6)])
    assert begun == [0, 2, 4]
