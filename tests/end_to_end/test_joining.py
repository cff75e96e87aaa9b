"""Two API processes with one Redis, before a render worker that is a real HTTP server and counts what it makes."""

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.api.conftest import RESULT
from tests.fakes.processes import api, wait_until
from tests.fakes.redis_server import RedisServer

QUERY = {"prompt": "a tree", "seed": 7}


@pytest.fixture(scope="module")
def redis_server():
    with RedisServer() as server:
        yield server


@pytest.fixture
def two(scripted, redis_server):
    redis_server.client.flushall()
    settings = {"PERCHANCE_WORKER_URL": scripted.url, "REDIS_URL": redis_server.url, "WORKER_WAKE_SECONDS": 0}
    with api(**settings) as first, api(**settings) as second:
        yield first, second


def ask(server) -> requests.Response:
    return requests.get(f"{server.url}/generate", params=QUERY, timeout=60)


def test_a_hundred_callers_of_each_cost_one_generation(two, scripted):
    scripted.say(200, RESULT, before=lambda: time.sleep(2))
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda number: ask(two[number % 2]), range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(scripted.asked_to_make()) == 1
    assert [answer.headers["X-Cache"] for answer in answers].count("MISS") == 1
    joined = [answer for answer in answers if answer.headers["X-Cache"] == "JOINED"]
    assert all(answer.json()["request_id"] == answer.headers["X-Request-ID"] for answer in joined)
    assert ask(two[1]).headers["X-Cache"] == "HIT"


def test_where_the_leading_process_dies_the_other_takes_its_place_once(two, scripted):
    first, second = two
    scripted.say(200, RESULT, before=lambda: time.sleep(2))
    with ThreadPoolExecutor(12) as pool:
        lost = pool.submit(ask, first)
        wait_until(lambda: len(scripted.asked_to_make()) == 1, "the first generation")
        followers = [pool.submit(ask, second) for _ in range(10)]
        time.sleep(0.5)
        for process in first.tree()[1:]:
            process.send_signal(signal.SIGKILL)
        answers = [follower.result() for follower in followers]
        with pytest.raises(requests.ConnectionError):
            lost.result()
    assert {answer.status_code for answer in answers} == {200}
    assert len(scripted.asked_to_make()) == 2


def test_a_failure_is_told_to_the_callers_of_both(two, scripted):
    failure = {"success": False, "error": "Busy.", "code": "worker_busy", "retry_after": 15}
    scripted.say(503, failure, before=lambda: time.sleep(1.5))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: ask(two[number % 2]), range(6)))
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "worker_busy")}
    assert {answer.headers["Retry-After"] for answer in answers} == {"15"}
    assert len(scripted.asked_to_make()) == 1


def test_work_outlives_the_caller(two, scripted):
    scripted.say(200, RESULT, before=lambda: time.sleep(1.5))
    with socket.create_connection(("127.0.0.1", two[0].port)) as caller:
        caller.sendall(b"GET /generate?prompt=a+tree&seed=7 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: len(scripted.asked_to_make()) == 1, "the generation")
    assert ask(two[0]).headers["X-Cache"] == "JOINED"
    assert len(scripted.asked_to_make()) == 1


def test_a_redis_that_forgets_everything_costs_no_second_picture(two, scripted, redis_server):
    scripted.say(200, RESULT, before=lambda: time.sleep(4))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, two[0])
        wait_until(lambda: len(scripted.asked_to_make()) == 1, "the generation")
        redis_server.client.flushall()
        time.sleep(1.5)  # the leader takes its lease again
        second = pool.submit(ask, two[1])
        assert (first.result().status_code, second.result().status_code) == (200, 200)
    assert len(scripted.asked_to_make()) == 1


def test_redis_may_die_while_both_wait(scripted):
    with RedisServer() as server:
        settings = {"PERCHANCE_WORKER_URL": scripted.url, "REDIS_URL": server.url}
        with api(**settings) as first, api(**settings) as second:
            scripted.say(200, RESULT, before=lambda: time.sleep(2))
            with ThreadPoolExecutor(6) as pool:
                under_way = [pool.submit(ask, (first, second)[number % 2]) for number in range(6)]
                wait_until(lambda: len(scripted.asked_to_make()) >= 1, "a generation")
                server.stop()
                answers = [asked.result() for asked in under_way]
            assert {answer.status_code for answer in answers} == {200}
            assert len(scripted.asked_to_make()) <= 2  # without Redis each process is on its own
            for front in (first, second):
                assert front.log().count("Redis does not answer") == 1
            server.start()
