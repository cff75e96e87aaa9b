"""Cold start: a sleeping render worker, a real one, is started by a stand-in for a platform's edge when requested."""

import concurrent.futures
import time
from contextlib import contextmanager
from typing import get_args

import pytest
import requests

from image_api.dispatch.cold_start import FIRST_PAUSE_SECONDS
from tests.end_to_end.conftest import TOKEN, Stack, running, worker_settings
from tests.fakes.edge import Edge, Manner
from tests.fakes.processes import api, free_port, sandbox, wait_until, worker


@pytest.fixture(scope="module")
def site():
    with sandbox() as server:
        yield server


@pytest.fixture
def asleep(site, tmp_path):
    """Return a context that runs an API tier before an edge of some manner with a sleeping worker behind it."""
    requests.post(f"{site.url}/sandbox/reset", timeout=5).raise_for_status()

    @contextmanager
    def make(manner, delay=1.0, cuts=0, **settings):
        sleeper = worker(**worker_settings(site, tmp_path, PERCHANCE_ROUTES="package", QUEUE_SIZE=50))
        with (
            Edge(sleeper, manner, delay, cuts) as edge,
            api(PERCHANCE_WORKER_URL=edge.url, WORKER_TOKEN=TOKEN, **settings) as front,
        ):
            yield Stack(site, sleeper, front), edge

    return make


@pytest.mark.parametrize("manner", get_args(Manner))
def test_the_first_request_starts_the_worker_and_gets_its_picture(asleep, manner):
    with asleep(manner) as (stack, edge):
        assert stack.get("/health").status_code == 200  # sends no request, and so causes no cold start
        assert edge.requests == []
        response = stack.get(prompt="a tree")
        assert (response.status_code, response.json()["engine"]) == (200, "perchance")
        stack.picture(response.json()["image_url"])
        assert len(stack.requests_to("generate")) == 1


def test_a_worker_that_falls_asleep_again_is_started_again(asleep):
    with asleep("hold", delay=0) as (stack, edge):
        for _ in range(2):
            assert stack.get(prompt="a tree").status_code == 200
            edge.sleep()  # kept connections are dead then


def test_refused_connections_are_retried(tmp_path):
    port = free_port()
    late = worker(WORKER_TOKEN=TOKEN, LOCAL_STORAGE_DIR=tmp_path, PORT=port)
    with api(PERCHANCE_WORKER_URL=f"http://127.0.0.1:{port}", WORKER_TOKEN=TOKEN) as front:
        with concurrent.futures.ThreadPoolExecutor() as clients:
            pending = clients.submit(requests.get, f"{front.url}/generate?prompt=a&model=sketch", timeout=60)
            time.sleep(1)
            assert not pending.done()
            with late:
                assert pending.result().status_code == 200


def test_a_cold_start_that_does_not_end_is_an_error_after_its_timeout(asleep):
    with asleep("bad_gateway", delay=6, WORKER_WAKE_SECONDS=2) as (stack, _):
        begun = time.monotonic()
        response = stack.get(prompt="a tree")
        assert time.monotonic() - begun > 1
        assert (response.status_code, response.json()["code"]) == (503, "worker_unavailable")
        assert "HTTP 502" in response.json()["error"]
        assert int(response.headers["Retry-After"]) > 0


def test_many_clients_share_one_probe_and_all_get_their_pictures(asleep):
    with asleep("unavailable", delay=4) as (stack, edge):
        with concurrent.futures.ThreadPoolExecutor(20) as clients:
            pending = [clients.submit(stack.get, prompt="a tree", model="sketch") for _ in range(20)]
            wait_until(lambda: edge.requests, "the requests")
            assert stack.get("/health").status_code == 200
            assert not any(response.done() for response in pending)
            statuses = [response.result().status_code for response in pending]
        assert statuses == [200] * 20
        probes = [moment for method, moment in edge.requests if method == "GET"]
        assert len(probes) <= 2 + (probes[-1] - probes[0]) / FIRST_PAUSE_SECONDS  # shared by all requests, with pauses
        assert len(edge.requests) <= len(probes) + 2 * 20  # each is retried once at most


def test_a_gallery_of_lost_pictures_does_not_wait_for_long(asleep):
    with asleep("bad_gateway", delay=30) as (stack, edge):
        assert stack.get("/images/" + "a" * 64 + ".png").status_code == 503
        assert not edge.awake


def test_a_worker_that_is_replaced_loses_no_request(tmp_path):
    limits = {"PERCHANCE_GENERATE_SECONDS": 60, "GRACEFUL_TIMEOUT_SECONDS": 1, "PERCHANCE_ROUTES": "package"}
    with running(tmp_path, **limits) as stack, concurrent.futures.ThreadPoolExecutor() as clients:
        stack.play(delay=4)
        pending = clients.submit(stack.get, prompt="a tree")
        wait_until(lambda: stack.gauge()["in_flight"] == 1, "the generation")
        stack.worker.stop()  # as a platform does when it deploys a replacement
        stack.worker.start_again()
        assert pending.result().status_code == 200


def test_the_deadline_ends_the_wait_for_a_cold_start(asleep):
    with asleep("hold", delay=6, REQUEST_TIMEOUT_SECONDS=0.5) as (stack, _):
        response = stack.get(prompt="a tree")
        assert (response.status_code, response.json()["code"]) == (504, "timeout")


@pytest.mark.parametrize("delay", [0, 1.5], ids=["made before the repeat", "still in the making"])
def test_a_request_that_reaches_the_worker_three_times_makes_one_picture(asleep, tmp_path, delay):
    with asleep("bad_gateway", delay=0, cuts=2) as (stack, edge):
        stack.play(delay=delay)
        response = stack.get(prompt="a tree")
        assert response.status_code == 200
        assert (edge.cuts, len(stack.requests_to("generate"))) == (0, 1)
        assert len(list(tmp_path.glob("*.png"))) == 1


def test_wake_starts_the_worker_and_learns_how_long_that_takes(asleep):
    with asleep("unavailable", delay=4) as (stack, edge):
        waking = stack.get("/wake")
        assert (waking.status_code, waking.json()["status"]) == (202, "waking")
        assert 50 <= waking.json()["expected_seconds"] == int(waking.headers["Retry-After"]) <= 60
        awake = {"status": "awake", "expected_seconds": 0, "worker": "ready"}
        wait_until(lambda: stack.get("/wake").json() == awake, "the worker")
        edge.sleep()
        assert stack.get("/wake").json()["expected_seconds"] < 50
        wait_until(lambda: stack.get("/wake").status_code == 200, "the worker")


def test_a_pixel_in_a_page_starts_the_worker_too(asleep):
    with asleep("loading_page") as (stack, edge):
        pixel = stack.get("/wake.gif")
        assert not edge.awake
        assert (pixel.status_code, pixel.headers["Content-Type"]) == (200, "image/gif")
        assert "no-store" in pixel.headers["Cache-Control"]
        up = ("starting", "ready")  # its probe may succeed while its engine still starts
        wait_until(lambda: stack.get("/health").json()["worker"]["status"] in up, "the worker")
        assert stack.requests_to("generate") == []


def test_a_graceful_shutdown_ends_requests_that_wait_for_a_cold_start(asleep):
    with asleep("bad_gateway", delay=8, GRACEFUL_TIMEOUT_SECONDS=1) as (stack, edge):
        with concurrent.futures.ThreadPoolExecutor() as clients:
            pending = clients.submit(stack.get, prompt="a tree")
            wait_until(lambda: edge.requests, "the request")
            stack.api.stop()
            assert (pending.result().status_code, pending.result().json()["code"]) == (503, "service_stopping")
        assert stack.api.process.returncode == 0
