"""DELETE /requests/<id> across both tiers: the work ends at the services as well, at whatever moment it comes."""

import contextlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.api.conftest import RESULT, ScriptedWorker
from tests.api.test_cancel import DONE, EVENTS, NDJSON, SEEDED, STARTING, cancel, id_of, is_cancelled, stream, told
from tests.end_to_end.conftest import reset, running
from tests.end_to_end.test_streams import events, socket_to
from tests.fakes.processes import api, wait_until
from tests.fakes.redis_server import RedisServer


@pytest.fixture(scope="module")
def both_engines(tmp_path_factory) -> Iterator:
    folder = tmp_path_factory.mktemp("images")
    with running(folder, ENGINES="perchance,horde", MAX_CONCURRENCY=2, ENGINE_FAILURES=1) as stack:
        yield stack


@pytest.fixture
def stack(both_engines):
    return reset(both_engines)


@pytest.fixture(scope="module")
def front_and_worker():
    worker = ScriptedWorker()
    with api(PERCHANCE_WORKER_URL=worker.url, GRACEFUL_TIMEOUT_SECONDS=1) as server:
        yield server, worker
    worker.close()


@pytest.fixture
def front(front_and_worker):
    return front_and_worker[0]


@pytest.fixture
def scripted(front_and_worker):
    """Have the worker begin and hang; it answers a cancellation."""
    worker = front_and_worker[1]
    worker.requests.clear()
    worker.say(200, (STARTING, *[0.05] * 600, DONE), Content_Type=NDJSON)
    worker.say_to("/requests/", 204, b"")
    return worker


def idle(stack) -> bool:
    """Return whether neither the services nor the worker have anything in flight."""
    queue = stack.worker_health()["queue"]
    return not (stack.gauge()["in_flight"] or queue["running"] or queue["waiting"])


def test_it_works(stack):
    stack.play(delay=20)
    with stream(stack.api.url, "/generate?prompt=a") as response:
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "Perchance is at it")
        begun = time.monotonic()
        assert cancel(stack.api.url, id_of(response)) == (200, "cancelled")
        assert is_cancelled(response)
    assert time.monotonic() - begun < 3
    wait_until(lambda: idle(stack), "nothing is in flight", 8)
    assert stack.requests_to("horde") == []  # no other engine was tried
    assert_no_failure(stack)
    stack.play(delay=0)
    again = stack.get(prompt="a")  # the page is free again
    assert (again.status_code, again.json()["engine"]) == (200, "perchance")


def assert_no_failure(stack) -> None:
    health = stack.worker_health()
    assert health["last_errors"] == []
    assert {it["state"] for it in health["engines"].values()} == {"ready"}


def test_horde_is_told(stack):
    stack.play(delay=20)
    with stream(stack.api.url, "/generate?prompt=a&model=horde") as response:
        wait_until(lambda: stack.requests_to("horde_check"), "Horde is at it")
        assert cancel(stack.api.url, id_of(response)) == (200, "cancelled")
        assert is_cancelled(response)
    wait_until(lambda: len(stack.requests_to("horde_cancel")) == 1, "Horde is told", 5)
    wait_until(lambda: idle(stack), "nothing is in flight", 5)
    assert_no_failure(stack)


@pytest.mark.parametrize("phase", ["queued", "starting", "generating", "downloading", "saving"])
def test_at_every_moment_it_ends(stack, phase):
    stack.play(delay=1, pause=0.3)
    with contextlib.ExitStack() as streams:
        before = [f"/generate?prompt=a&seed={number}" for number in range(2 if phase == "queued" else 0)]
        others = [streams.enter_context(stream(stack.api.url, path)) for path in before]
        response = streams.enter_context(stream(stack.api.url, "/generate?prompt=a&seed=9"))
        news = events(response)
        name = next(name for name, _, data in news if name != "progress" or data["phase"] == phase)
        status, _ = cancel(stack.api.url, id_of(response))
        *_, (last, _, data) = [(name, "", {}), *news]
        assert (status, last, data.get("code")) in ((200, "failure", "cancelled"), (404, "result", None))
        assert all(cancel(stack.api.url, id_of(it))[0] == 200 for it in others)
    wait_until(lambda: idle(stack), "nothing is in flight", 15)
    assert_no_failure(stack)


def test_of_two_clients_the_other_gets_its_picture(stack):
    stack.play(delay=2)
    with stream(stack.api.url, "/generate?prompt=a&seed=3") as first:
        with stream(stack.api.url, "/generate?prompt=a&seed=3") as second:
            assert cancel(stack.api.url, id_of(first)) == (200, "left")
            assert is_cancelled(first)
            *_, (name, _, data) = events(second)
    assert (name, data["request_id"]) == ("result", id_of(second))
    assert stack.picture(data["image_url"]).size == (768, 768)


def test_a_sheet_of_pictures_ends(stack):
    stack.play(delay=20)
    with stream(stack.api.url, "/generate?prompt=a&seed=30&n=4") as response:
        wait_until(lambda: stack.gauge()["in_flight"] >= 1, "the site is at it")
        assert cancel(stack.api.url, id_of(response)) == (200, "cancelled")
        assert is_cancelled(response)
    wait_until(lambda: idle(stack), "nothing is in flight", 10)
    assert_no_failure(stack)


def test_a_client_that_hung_up_can_cancel_what_goes_on(front, scripted):
    with stream(front.url) as response:
        pass
    time.sleep(0.1)
    assert cancel(front.url, id_of(response)) == (200, "cancelled")
    wait_until(lambda: told(scripted) == [id_of(response)], "the worker is told", 5)


def test_a_page_that_reloads_cancels_by_its_new_id(front, scripted):
    with stream(front.url) as first:
        lost = next(line for line in first.iter_lines(1) if line.startswith(b"id: "))[4:].decode()
    with stream(front.url, **{"Last-Event-ID": lost}) as second:
        assert cancel(front.url, id_of(second)) == (200, "cancelled")
        assert is_cancelled(second)
    wait_until(lambda: told(scripted) == [id_of(first)], "the worker is told", 5)
    assert cancel(front.url, id_of(first)) == (404, "not_found")
    again = requests.get(front.url + SEEDED, headers={**EVENTS, "Last-Event-ID": lost}, timeout=20)
    assert (again.status_code, again.json()["code"]) == (409, "cancelled")
    assert again.json()["request_id"] == id_of(again)


def test_fifty_at_once_leave_no_slot(scripted):
    with api(PERCHANCE_WORKER_URL=scripted.url, MAX_GENERATIONS=50) as front:
        for _ in range(2):
            with ThreadPoolExecutor(50) as pool:
                ended = pool.map(
                    lambda number: cancelled_stream(front.url, f"/generate?prompt=a&seed={number}"), range(50)
                )
                assert all(ended)
        assert requests.get(f"{front.url}/health", timeout=5).ok
    assert len(told(scripted)) == 100


def cancelled_stream(base: str, path: str) -> bool:
    with stream(base, path) as response:
        return cancel(base, id_of(response)) == (200, "cancelled") and is_cancelled(response)


@pytest.mark.parametrize("n", [None, 2])
def test_a_websocket_s_message_tells_its_id_in_time(front, scripted, n):
    socket = socket_to(front)
    message = {"prompt": "a", "n": n} if n else {"prompt": "a"}
    socket.send(json.dumps(message))
    first = json.loads(socket.receive(10))
    assert (first["event"], first["phase"]) == ("progress", "starting")
    assert cancel(front.url, first["request_id"]) == (200, "cancelled")
    said = [first]
    while said[-1]["event"] in ("progress", "picture_error"):
        said.append(json.loads(socket.receive(10)))
    assert (said[-1]["event"], said[-1]["status"], said[-1]["error"]["code"]) == ("error", 409, "cancelled")
    assert said[-1]["error"]["request_id"] == first["request_id"]
    scripted.say(200, RESULT)
    for again in ({"prompt": "a"}, {"prompt": "a", "n": 2}, {"prompt": "a"}):  # the session goes on
        socket.send(json.dumps(again))
        while (answer := json.loads(socket.receive(10)))["event"] in ("progress", "picture"):
            pass
        assert answer["event"] == "result"
    socket.close()


@pytest.mark.parametrize("n", [None, 2])
def test_also_if_the_worker_says_nothing(front, scripted, n):
    scripted.say(200, RESULT, before=lambda: time.sleep(5))
    socket = socket_to(front)
    socket.send(json.dumps({"prompt": "a", "n": n} if n else {"prompt": "a"}))
    first = json.loads(socket.receive(10))
    assert (first["event"], first["phase"]) == ("progress", "queued")
    assert cancel(front.url, first["request_id"]) == (200, "cancelled")
    socket.close()


def test_during_a_cold_start_it_ends_at_once(scripted):
    with api(PERCHANCE_WORKER_URL="http://127.0.0.1:9", WORKER_WAKE_SECONDS=60) as front:
        with stream(front.url) as response:
            news = events(response)
            assert next(news)[2]["phase"] == "waking"
            begun = time.monotonic()
            assert cancel(front.url, id_of(response)) == (200, "cancelled")
            assert [(name, data["code"]) for name, _, data in news] == [("failure", "cancelled")]
        assert time.monotonic() - begun < 2


def test_another_process_starts_over_and_gets_no_error(scripted):
    with RedisServer() as redis:
        settings = {"PERCHANCE_WORKER_URL": scripted.url, "REDIS_URL": redis.url, "GRACEFUL_TIMEOUT_SECONDS": 1}
        with api(**settings) as first, api(**settings) as second:
            with stream(first.url) as leader, stream(second.url) as follower:
                assert cancel(second.url, id_of(leader)) == (404, "not_found")  # it is not that process's
                assert cancel(first.url, id_of(leader)) == (200, "cancelled")
                wait_until(lambda: len(scripted.asked_to_make()) == 2, "the other process's own generation", 10)
                own = scripted.asked_to_make()[1]["request_id"]
                assert own == id_of(follower)
                assert cancel(second.url, id_of(follower)) == (200, "cancelled")
            wait_until(lambda: told(scripted) == [id_of(leader), id_of(follower)], "the worker is told", 5)


def test_what_another_process_makes_is_left(scripted):
    with RedisServer() as redis:
        settings = {"PERCHANCE_WORKER_URL": scripted.url, "REDIS_URL": redis.url, "GRACEFUL_TIMEOUT_SECONDS": 1}
        with api(**settings) as first, api(**settings) as second:
            with stream(first.url) as leader, stream(second.url) as follower:
                assert cancel(second.url, id_of(follower)) == (200, "left")
                assert is_cancelled(follower)
                kept = [redis.client.get(key) or b"" for key in redis.client.keys("*")]
                assert not any(id_of(leader).encode() in it for it in kept)
                assert cancel(first.url, id_of(leader)) == (200, "cancelled")
            assert told(scripted) in ([], [id_of(leader)])
