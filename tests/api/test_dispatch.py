"""What each reply or failure of the render worker becomes."""

import json
import threading

import pytest
from pydantic import ValidationError

from image_api.settings import Settings
from tests.api.conftest import RESULT
from tests.fakes.processes import free_port, wait_until

HEALTH = {
    "status": "ready",
    "ready": True,
    "uptime_seconds": 5,
    "queue": {"running": 0, "waiting": 0, "max_concurrency": 4, "queue_size": 20},
    "engines": {},
    "storage": "local",
}


def failure(client) -> tuple[int, str]:
    answer = client.get("/generate?prompt=a")
    assert answer.json["success"] is False
    return answer.status_code, answer.json["code"]


@pytest.mark.parametrize("address", [None, "", "  "])
def test_a_missing_worker_is_an_error(client_with, address):
    client = client_with(perchance_worker_url=address)
    assert failure(client) == (503, "worker_not_configured")
    assert client.get("/generate?prompt=a").json["error"] == "Worker service not configured."
    assert client.get("/health").json["worker_configured"] is False


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("perchance-worker.onrender.com", "https://perchance-worker.onrender.com"),
        ("https://perchance-worker.onrender.com/", "https://perchance-worker.onrender.com"),
        ("worker:8001", "http://worker:8001"),
        ("localhost:8001", "http://localhost:8001"),
        ("127.0.0.1:8001", "http://127.0.0.1:8001"),
        (" http://worker ", "http://worker"),
    ],
)
def test_a_bare_host_is_accepted(given, used):
    assert Settings(perchance_worker_url=given).perchance_worker_url == used


@pytest.mark.parametrize(
    "address",
    ["ftp://worker", "http://", "https://worker/?a=b", "a b", "http:/worker", "worker:abc", "worker:99999"],
)
def test_an_invalid_address_is_refused_at_start(address):
    with pytest.raises(ValidationError, match="perchance_worker_url"):
        Settings(perchance_worker_url=address)


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "http://no-such-host.invalid", "http://x..y"])
def test_an_unreachable_worker_is_an_error(client_with, address):
    client = client_with(perchance_worker_url=address.format(free_port()), worker_wake_seconds=0)
    assert failure(client) == (503, "worker_unavailable")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Loading</html>"),
        (502, b"<html>Bad gateway</html>"),
        (200, {**RESULT, "seed": "a"}),
        (500, b"{}"),
        (302, b""),
    ],
)
def test_a_reply_that_is_not_a_render_worker_s_is_an_error(client_with, worker, status, body):
    worker.say(status, body, Location="http://elsewhere.invalid/")
    assert failure(client_with(worker_wake_seconds=0)) == (503, "worker_unavailable")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (404, {"X_Service": "edge"}),  # a platform without such a service
        (500, {"X_Service": "edge"}),
        (200, {"X_Service": "edge", "Content_Type": "application/json"}),
        (301, {"X_Service": "edge", "Content_Type": "text/html", "Location": "http://elsewhere.invalid/"}),
        (503, {}),  # the worker's own error
        (401, {}),
    ],
    ids=str,
)
def test_what_is_no_cold_start_is_not_waited_for(client, worker, status, headers):
    worker.say(status, {"success": False, "error": "No.", "code": "worker_busy"}, **headers)
    client.get("/generate?prompt=a")
    client.get("/models")
    client.get("/images/" + "a" * 64 + ".png")
    assert len(worker.requests) == 3


AWAKE = {**RESULT, **HEALTH, "models": []}  # of every path, the probe too


@pytest.mark.parametrize("path", ["/generate?prompt=a", "/models", RESULT["image_url"]])
def test_every_way_to_the_worker_waits_for_its_cold_start(client, worker, path):
    worker.say(502, b"<html>", X_Service="edge", before=lambda: worker.say(200, AWAKE))
    assert client.get(path).status_code == 200
    assert len(worker.requests) == 3  # refused, probed, retried


def test_render_s_own_404_is_waited_for(client, worker):
    edge = {"X_Service": "edge", "X_Render_Routing": "no-server"}
    worker.say(404, b"Not Found", **edge, before=lambda: worker.say(200, AWAKE))
    assert client.get("/generate?prompt=a").status_code == 200
    assert len(worker.requests) == 3


def test_a_path_in_the_worker_s_address_is_an_error(client, worker):
    worker.say(404, {"success": False, "error": "Not Found.", "code": "not_found"})
    for path in ("/generate?prompt=a", "/models", "/ready"):
        answer = client.get(path)
        assert (answer.status_code, answer.json["code"]) == (503, "worker_unavailable")
        assert "PERCHANCE_WORKER_URL" in answer.json["error"]


def test_a_failed_cold_start_is_an_error_and_begun_again(client_with, worker, monkeypatch):
    monkeypatch.setattr("image_api.dispatch.cold_start.FAILED_START_TTL_SECONDS", 1)
    client = client_with(worker_wake_seconds=0)
    worker.say(502, b"<html>", X_Service="edge")
    assert client.get("/wake").status_code == 503
    client = client_with(worker_wake_seconds=3)
    assert client.get("/wake").status_code == 202
    wait_until(lambda: client.get("/wake").status_code == 503, "the end of the patience")
    worker.say(200, HEALTH)
    wait_until(lambda: client.get("/wake").status_code == 200, "the worker")


def test_a_picture_that_was_made_meanwhile_ends_the_cold_start(client, worker, monkeypatch):
    monkeypatch.setattr("image_api.dispatch.cold_start.FIRST_PAUSE_SECONDS", 60)
    worker.say(502, b"<html>", X_Service="edge")
    assert client.get("/wake").status_code == 202
    worker.say(200, AWAKE)
    assert client.get("/generate?prompt=a").status_code == 200
    assert client.get("/wake").status_code == 200


def test_a_cold_start_without_a_worker_is_refused(client_with):
    client = client_with(perchance_worker_url=None)
    for path in ("/wake", "/wake.gif"):
        answer = client.get(path)
        assert (answer.status_code, answer.json["code"]) == (503, "worker_not_configured")


def test_another_service_at_the_worker_s_address_is_not_taken_for_one(client, worker):
    worker.say(400, {"success": False, "error": "No.", "code": "invalid_parameter"}, X_Service="image-api")
    assert failure(client) == (503, "worker_unavailable")


def test_the_worker_s_own_error_is_relayed(client, worker):
    worker.say(503, {"success": False, "error": "Busy.", "code": "worker_busy", "hint": "Later.", "retry_after": 15})
    answer = client.get("/generate?prompt=a")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "15"
    assert {**answer.json, "request_id": "x"} == {
        "success": False,
        "error": "Busy.",
        "code": "worker_busy",
        "hint": "Later.",
        "retry_after": 15,
        "request_id": "x",
    }


def test_the_token_is_sent_and_a_refused_one_is_not_the_client_s_fault(client_with, worker):
    client = client_with(worker_token="secret-token")
    client.get("/generate?prompt=a")
    assert worker.requests[-1][2]["Authorization"] == "Bearer secret-token"
    worker.say(401, {"success": False, "error": "No.", "code": "unauthorized"})
    assert failure(client) == (503, "worker_unavailable")


def test_the_deadline_travels_and_ends_a_worker_that_says_nothing(client_with, worker, monkeypatch):
    monkeypatch.setattr("image_api.dispatch.direct.REPLY_GRACE_SECONDS", 0.2)
    release = threading.Event()
    worker.say(200, RESULT, before=lambda: release.wait(60))
    assert failure(client_with(request_timeout_seconds=0.3)) == (504, "timeout")
    release.set()
    assert 0.2 < json.loads(worker.requests[-1][3])["timeout_seconds"] <= 0.3


def test_a_reply_without_end_is_cut(client, worker):
    worker.say(200, b" " * 3_000_000)
    assert failure(client) == (503, "worker_unavailable")


def test_a_reply_that_breaks_off_is_an_error(client_with, worker):
    worker.say(200, b'{"success"', Content_Length="500", Connection="close")
    assert failure(client_with(worker_wake_seconds=0)) == (503, "worker_unavailable")


def test_a_reply_that_breaks_off_is_retried(client, worker):
    worker.say(200, b'{"success"', Content_Length="500", before=lambda: worker.say(200, AWAKE))
    assert client.get("/generate?prompt=a").status_code == 200
    sent = [body for method, _, _, body in worker.requests if method == "POST"]
    assert len(sent) == 2
    assert len({json.loads(body)["request_id"] for body in sent}) == 1
