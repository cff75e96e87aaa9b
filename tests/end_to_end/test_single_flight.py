"""Single-flight across two API processes with one Redis: identical requests are one generation at the render worker."""

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


def test_a_hundred_identical_requests_to_each_process_cost_one_generation(two, scripted):
    scripted.say(200, RESULT, before=lambda: time.sleep(2))
    with ThreadPoolExecutor(200) as pool:
        responses = list(pool.map(lambda number: ask(two[number % 2]), range(200)))
    assert {response.status_code for response in responses} == {200}
    assert len(scripted.asked_to_make()) == 1
    assert [response.headers["X-Cache"] for response in responses].count("MISS") == 1
    joined = [response for response in responses if response.headers["X-Cache"] == "JOINED"]
    assert all(response.json()["request_id"] == response.headers["X-Request-ID"] for response in joined)
    assert ask(two[1]).headers["X-Cache"] == "HIT"


def test_if_the_leading_process_dies_the_other_takes_over_once(two, scripted):
    first, second = two
    scripted.say(200, RESULT, before=lambda: time.sleep(2))
    with ThreadPoolExecutor(12) as pool:
        lost = pool.submit(ask, first)
        wait_until(lambda: len(scripted.asked_to_make()) == 1, "the first generation")
        followers = [pool.submit(ask, second) for _ in range(10)]
        time.sleep(0.5)
        for process in first.tree()[1:]:
            process.send_signal(signal.SIGKILL)
        responses = [follower.result() for follower in followers]
        with pytest.raises(requests.ConnectionError):
            lost.result()
    assert {response.status_code for response in responses} == {200}
    assert len(scripted.asked_to_make()) == 2


def test_a_failure_reaches_the_clients_of_both_processes(two, scripted):
    failure = {"success": False, "error": "Busy.", "code": "worker_busy", "retry_after": 15}
    scripted.say(503, failure, before=lambda: time.sleep(1.5))
    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(lambda number: ask(two[number % 2]), range(6)))
    assert {(response.status_code, response.json()["code"]) for response in responses} == {(503, "worker_busy")}
    assert {response.headers["Retry-After"] for response in responses} == {"15"}
    assert len(scripted.asked_to_make()) == 1


def test_a_generation_outlives_its_client(two, scripted):
    scripted.say(200, RESULT, before=lambda: time.sleep(1.5))
    with socket.create_connection(("127.0.0.1", two[0].port)) as client:
        client.sendall(b"GET /generate?prompt=a+tree&seed=7 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: len(scripted.asked_to_make()) == 1, "the generation")
    assert ask(two[0]).headers["X-Cache"] == "JOINED"
    assert len(scripted.asked_to_make()) == 1


def test_a_redis_that_forgets_everything_costs_no_second_picture(two, scripted, redis_server):
    scripted.say(200, RESULT, before=lambda: time.sleep(4))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, two[0])
        wait_until(lambda: len(scripted.asked_to_make()) == 1, "the generation")
        redis_server.client.flushall()
        time.sleep(1.5)  # until the leader renews its lease
        second = pool.submit(ask, two[1])
        assert (first.result().status_code, second.result().status_code) == (200, 200)
    assert len(scripted.asked_to_make()) == 1


def test_redis_may_die_while_both_wait(scripted):
    with RedisServer() as server:
        settings = {"PERCHANCE_WORKER_URL": scripted.url, "REDIS_URL": server.url}
        with api(**settings) as first, api(**settings) as second:
            scripted.say(200, RESULT, before=lambda: time.sleep(2))
            with ThreadPoolExecutor(6) as pool:
                pending = [pool.submit(ask, (first, second)[number % 2]) for number in range(6)]
                wait_until(lambda: len(scripted.asked_to_make()) >= 1, "a generation")
                server.stop()
                responses = [future.result() for future in pending]
            assert {response.status_code for response in responses} == {200}
            assert len(scripted.asked_to_make()) <= 2  # without Redis each process is on its own
            for front in (first, second):
                assert front.log().count("Redis does not respond") == 1
            server.start()
