"""The render worker's progress stream with a real browser: its events, their order, and that it always ends."""

import concurrent.futures
import json
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from render_worker.contract import NDJSON
from tests.end_to_end.conftest import TOKEN, Stack, running
from tests.fakes.processes import wait_until

HEADERS = {"Authorization": f"Bearer {TOKEN}", "Accept": NDJSON}


@contextmanager
def stream(stack: Stack, request_id: str = "-", **fields: object) -> Iterator[Iterator[dict]]:
    """Send one request to the worker; yield the lines of its stream as they come."""
    body = {"prompt": "a tree", "request_id": request_id, **fields}
    with requests.post(f"{stack.worker.url}/generate", json=body, headers=HEADERS, stream=True, timeout=30) as response:
        assert (response.status_code, response.headers["Content-Type"]) == (200, NDJSON), response.text
        yield (json.loads(line) for line in response.iter_lines(chunk_size=1))


def all_lines(stack: Stack, **fields: object) -> list[dict]:
    with stream(stack, **fields) as lines:
        return list(lines)


def phases_of(lines: list[dict]) -> list[str]:
    """Return the phases in order, each as often as it was entered."""
    phases = [line["phase"] for line in lines if line["event"] == "progress"]
    return [phase for before, phase in zip([None, *phases], phases, strict=False) if phase != before]


def test_the_package_s_phases_come_in_order(stack):
    all_lines(stack)  # so that there is a page with a key
    lines = all_lines(stack)
    assert phases_of(lines) == ["starting", "generating", "downloading", "saving"]
    assert lines[-1]["event"] == "result"
    assert lines[-1]["result"]["engine"] == "perchance"


def test_a_new_session_of_the_package_is_verified_first(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package") as stack:
        assert phases_of(all_lines(stack)) == ["starting", "verifying", "generating", "downloading", "saving"]


def test_the_page_s_phases_come_in_order(by_page):
    lines = all_lines(by_page)
    assert phases_of(lines) == ["starting", "generating", "downloading", "saving"]
    assert lines[-1]["result"]["success"] is True


def test_progress_comes_as_it_happens_and_not_all_at_the_end(stack):
    stack.play(delay=2)
    with stream(stack) as lines:
        assert next(line for line in lines if line.get("phase") == "generating")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "a picture that is still being made")
        assert list(lines)[-1]["event"] == "result"


def test_a_fallback_to_the_other_route_is_reported(by_both):
    by_both.play(page="refused_999")
    lines = all_lines(by_both)
    assert any("trying the next one" in line.get("message", "") for line in lines)
    assert lines[-1]["event"] == "result"


def test_a_queued_request_gets_its_position_and_every_change_of_it(stack):
    stack.play(delay=2)
    with concurrent.futures.ThreadPoolExecutor() as clients:
        first = clients.submit(all_lines, stack)
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the first generation")
        second = clients.submit(all_lines, stack)
        wait_until(lambda: stack.worker_health()["queue"]["waiting"] == 1, "the second in the queue")
        third = clients.submit(all_lines, stack)
        first, second, third = first.result(), second.result(), third.result()
    assert positions(first) == []
    assert positions(second) == [1]
    assert positions(third) == [2, 1]
    for lines in (first, second, third):
        assert phases_of(lines)[-3:] == ["generating", "downloading", "saving"]
        assert lines[-1]["event"] == "result"


def positions(lines: list[dict]) -> list[int]:
    """Return the positions in order, each once: it is sent again if the time that is expected grows."""
    found = [line["position"] for line in lines if line.get("phase") == "queued"]
    return [position for before, position in zip([None, *found], found, strict=False) if position != before]


def test_a_waiting_client_is_told_no_less_than_the_running_picture_takes(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package") as stack:
        for delay in (4, 0, 0):
            stack.play(delay=delay)
            all_lines(stack)
        stack.play(delay=3.5)
        with concurrent.futures.ThreadPoolExecutor() as clients:
            first = clients.submit(all_lines, stack)
            wait_until(lambda: stack.gauge()["in_flight"] == 1, "the first generation")
            time.sleep(1.5)
            begun = time.monotonic()
            second = clients.submit(all_lines, stack)
            first.result()
            took = time.monotonic() - begun
            told = next(line for line in second.result() if line.get("phase") == "queued")
        assert told["expected_seconds"] >= took  # the median is below a second


def test_the_expected_time_is_what_recent_pictures_took(tmp_path):
    with running(tmp_path, PERCHANCE_ROUTES="package") as stack:
        assert all("expected_seconds" not in line for line in all_lines(stack))
        stack.play(delay=1.2)
        begun = time.monotonic()
        for _ in range(3):
            all_lines(stack)
        took = time.monotonic() - begun
        health = stack.worker_health()["engines"]["perchance"]
        median = health["median_seconds"]
        assert 1.2 < median <= health["p90_seconds"] < took
        expected = [line["expected_seconds"] for line in all_lines(stack) if line.get("phase") == "starting"]
        assert expected[0] == math.ceil(median)


def test_a_full_queue_says_when_it_should_have_room(stack):
    all_lines(stack)
    stack.play(delay=2.2)  # below the phase's timeout
    with concurrent.futures.ThreadPoolExecutor() as clients:
        waiting = [clients.submit(all_lines, stack) for _ in range(3)]  # one that runs, and a queue of two
        wait_until(lambda: stack.worker_health()["queue"]["waiting"] == 2, "a full queue")
        refused = requests.post(f"{stack.worker.url}/generate", json={"prompt": "a"}, headers=HEADERS, timeout=30)
        slowest = stack.worker_health()["engines"]["perchance"]["p90_seconds"]
        assert (refused.status_code, refused.json()["code"]) == (503, "worker_busy")
        assert 1 <= int(refused.headers["Retry-After"]) <= slowest + 1
        stack.play()
        assert all(future.result()[-1]["event"] == "result" for future in waiting)


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [({"generate": "gen_failure"}, 502, "perchance_generation_failed"), ({"generate": "hang"}, 504, "timeout")],
    ids=["refused", "hangs"],
)
def test_a_failure_is_the_last_line(stack, scenario, status, code):
    stack.play(**scenario)
    lines = all_lines(stack, request_id="an-id")
    assert "generating" in phases_of(lines)
    last = lines[-1]
    assert (last["event"], last["status"], last["error"]["code"]) == ("error", status, code)
    assert last["error"]["request_id"] == "an-id"


def test_the_deadline_is_the_last_line(stack):
    stack.play(delay=60)
    assert all_lines(stack, timeout_seconds=0.8)[-1]["error"]["code"] == "timeout"


def test_a_client_that_disconnects_from_a_stream_loses_nothing(stack):
    stack.play(delay=1)
    with stream(stack, request_id="hangs-up") as lines:
        assert next(lines)["phase"] == "starting"
    with stream(stack, request_id="hangs-up") as lines:
        again = list(lines)
    assert phases_of(again)[-2:] == ["downloading", "saving"]
    collected = all_lines(stack, request_id="hangs-up")
    assert [line["event"] for line in collected] == ["result"]
    assert collected[0] == again[-1]
    assert len(stack.requests_to("generate")) == 1


def test_sigterm_during_a_stream_is_reported_in_its_last_line(tmp_path):
    limits = {"PERCHANCE_GENERATE_SECONDS": 60, "GRACEFUL_TIMEOUT_SECONDS": 1}
    with running(tmp_path, PERCHANCE_ROUTES="page", **limits) as stack:
        stack.play(delay=30)
        with stream(stack) as lines:
            assert next(line for line in lines if line.get("phase") == "generating")
            stack.worker.process.send_signal(signal.SIGTERM)
            last = list(lines)[-1]
        assert (last["event"], last["status"], last["error"]["code"]) == ("error", 503, "worker_unavailable")
        stack.worker.process.wait(60)
        assert stack.worker.process.returncode == 0
