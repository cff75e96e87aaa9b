"""/ready, /health, /models, /wake and /status, if Celery workers make the pictures."""

import socket
import time
from urllib.parse import urlsplit

import pytest

from image_api import shared_check
from image_api.dispatch import coalesced_read
from image_api.services import services_of
from render_worker.contract import WORKERS
from tests.api.celery_workers.conftest import OPERATOR, model
from tests.api.test_picture_pages import BROWSER, JSON
from tests.fakes.processes import free_port, wait_until

SECRET = "the account has no credit"
BOUND_SECONDS = 20.0  # a busy machine is no failure: without a bound it would be the time limit of the test
ENGINES = {"horde": {"state": "resting", "breaker": "open"}}
DOWN = {"horde": {"state": "down"}}


@pytest.fixture
def hung():
    """The REDIS_URL of one that takes connections, and answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        yield f"redis://:a-password@127.0.0.1:{silent.getsockname()[1]}/0"


def is_quick(action):
    """Return what an action returns, which must not wait for anything that hangs."""
    begun = time.monotonic()
    found = action()
    assert time.monotonic() - begun < BOUND_SECONDS
    return found


class TestReady:
    def test_it_works(self, client, reporting):
        reporting.report("a@host")
        found = client.get("/ready")
        assert (found.status_code, found.json["worker"]["engines"]["horde"]["state"]) == (200, "ready")

    def test_without_a_celery_worker_it_is_503(self, client):
        found = client.get("/ready")
        assert (found.status_code, found.json["code"], found.json["retry_after"]) == (503, "worker_unavailable", 30)
        assert found.json["error"] == "No Celery worker is up."

    def test_one_that_is_ready_is_enough(self, client, reporting):
        reporting.report("a@host", health_ready=False, health_engines=ENGINES)
        found = client.get("/ready")
        assert (found.status_code, found.json["error"]) == (503, "The Celery worker is ready: horde is resting.")
        reporting.report("b@host")
        assert client.get("/ready").status_code == 200

    def test_one_that_fell_silent_or_left_does_not_count(self, client, reporting):
        reporting.report("a@host")
        assert client.get("/ready").status_code == 200
        reporting.fall_silent("a@host")
        assert client.get("/ready").status_code == 503
        reporting.report("a@host")
        reporting.leave("a@host")
        assert client.get("/ready").status_code == 503

    def test_what_is_the_operator_s_is_not_told_even_if_a_report_has_it(self, client, reporting):
        reporting.report("a@host", health_reasons=[SECRET], health_warnings=[SECRET])
        assert SECRET not in client.get("/ready").text
        assert SECRET in client.get("/ready", headers=OPERATOR).text

    @pytest.mark.parametrize("text", [b"", b"{}", b"\xff\x00", b'{"name": 1}', b"[" * 10_000], ids=lambda it: it[:9])
    def test_a_report_that_cannot_be_read_counts_as_none(self, client, reporting, text):
        reporting.say("a@host", text)
        assert client.get("/ready").json["error"] == "No Celery worker is up."
        reporting.report("b@host")
        assert client.get("/ready").status_code == 200

    def test_names_that_are_no_text_break_nothing(self, client, reporting):
        reporting.redis.zadd(WORKERS, {b"\xff\xfe\n": time.time(), "": time.time(), "x" * 10_000: time.time()})
        reporting.report("a@host")
        assert client.get("/ready").status_code == 200

    def test_a_key_of_another_type_is_an_error_and_no_fault(self, client, reporting):
        reporting.redis.set(WORKERS, "x")
        assert client.get("/ready").json["code"] == "worker_unavailable"


class TestWithoutRedis:
    @pytest.mark.parametrize("path", ["/ready", "/models", "/v1/models", "/wake", "/wake.gif"])
    def test_it_is_503_and_tells_no_secret(self, queued, path):
        url = f"redis://:a-password@127.0.0.1:{free_port()}/0"
        found = queued(redis_url=url).get(path)
        assert found.status_code == 503
        assert not any(it in found.text for it in ("a-password", "127.0.0.1", str(urlsplit(url).port)))

    @pytest.mark.parametrize("path", ["/ready", "/models"])
    def test_if_it_hangs_the_same_is_said_soon(self, queued, hung, path):
        client = queued(redis_url=hung)
        found = is_quick(lambda: client.get(path))
        assert found.status_code == 503
        assert "a-password" not in found.text

    def test_health_and_status_answer(self, queued, hung):
        client = queued(redis_url=hung)
        assert is_quick(lambda: client.get("/health")).status_code == 200
        status = is_quick(lambda: client.get("/status", headers=JSON)).json
        assert (status["status"], status["engines"]) == ("down", [])
        assert client.get("/health").json["worker"]["status"] == "unreachable"
        assert is_quick(lambda: client.get("/badge.svg")).status_code == 200

    def test_it_is_asked_once_for_many(self, queued, hung, monkeypatch):
        monkeypatch.setattr(coalesced_read, "READ_TTL_SECONDS", 30)
        monkeypatch.setattr(shared_check, "FRESH_SECONDS", 30)
        client = queued(redis_url=hung)
        client.get("/ready")
        begun = time.monotonic()
        assert {client.get("/ready").status_code for _ in range(20)} == {503}
        assert time.monotonic() - begun < 1

    def test_names_of_models_are_the_last_known(self, client, reporting):
        reporting.report("a@host")
        worker = services_of(client.application).worker
        assert worker.model_names() == {"horde"}
        reporting.leave("a@host")
        assert worker.model_names() == {"horde"}


class TestModels:
    def test_they_are_those_of_all(self, client, reporting):
        reporting.report("a@host", "horde")
        reporting.report("b@host", models={"models": [model("horde", "horde"), model("flux", "huggingface")]})
        found = client.get("/models")
        assert [it["name"] for it in found.json["models"]] == ["horde", "flux"]
        assert "workers" not in found.json
        assert [it["id"] for it in client.get("/v1/models").json["data"]][-2:] == ["horde", "flux"]

    def test_each_is_as_the_one_has_it_that_is_ready(self, client, reporting):
        reporting.report("a@host", models={"models": [model("horde", "horde", state="resting", reason=SECRET)]})
        assert SECRET not in client.get("/models").text
        assert SECRET in client.get("/models", headers=OPERATOR).text
        reporting.report("b@host")
        assert client.get("/models").json["models"][0]["state"] == "ready"

    def test_without_a_celery_worker_it_is_503(self, client):
        assert client.get("/models").json["error"] == "No Celery worker is up."

    def test_render_workers_that_serve_pictures_are_not_asked_for_theirs(self, queued, reporting, worker):
        reporting.report("a@host")
        client = queued(perchance_worker_url=f"{worker.url},{worker.url}/second")
        found = client.get("/models")
        assert [it["name"] for it in found.json["models"]] == ["horde"]
        assert "workers" not in found.json
        assert worker.requests == []


class TestHealth:
    def test_it_needs_no_render_worker(self, client):
        found = client.get("/health").json
        assert (found["worker_configured"], found["worker"]) == (True, {"status": "unknown"})
        assert "workers" not in found

    def test_it_tells_the_best_state_that_is_known(self, client, reporting):
        reporting.report("a@host", health_status="degraded")
        reporting.report("b@host", health_status="busy")
        client.get("/ready")
        found = client.get("/health").json["worker"]
        assert (found["status"], "at" in found) == ("busy", True)
        for name in ("a@host", "b@host"):
            reporting.leave(name)
        client.get("/ready")
        assert client.get("/health").json["worker"]["status"] == "unreachable"


class TestWake:
    def test_celery_workers_do_not_sleep(self, client, reporting):
        assert client.get("/wake").status_code == 503
        reporting.report("a@host", health_status="busy")
        assert client.get("/wake").json == {"status": "awake", "expected_seconds": 0, "worker": "busy"}
        assert client.get("/wake.gif").mimetype == "image/gif"
        assert client.get("/wake", headers={**BROWSER, "Sec-Fetch-Mode": "navigate"}).status_code in (200, 303)

    def test_a_render_worker_with_the_pictures_is_woken(self, queued, reporting, worker):
        client = queued(perchance_worker_url=worker.url, worker_wake_seconds=20)
        reporting.report("a@host")
        assert client.get("/wake").json["status"] == "awake"
        wait_until(lambda: [it[1] for it in worker.requests] == ["/health"], "the probe", 10)


class TestStatus:
    def test_it_works(self, client, reporting):
        reporting.report("a@host")
        reporting.report("b@host", "sketch", models={"models": [model("sketch", "sketch", success_rate=0.93)]})
        found = client.get("/status", headers=JSON).json
        assert (found["status"], [it["name"] for it in found["engines"]]) == ("up", ["horde", "sketch"])
        assert (found["median_seconds"], found["engines"][1]["success_rate"]) == (7.4, 0.93)
        assert found["queue"] == {"running": 2, "waiting": 0}
        assert {"up_since", "last_contact"} <= found.keys()
        assert not {"workers", "expected_seconds"} & found.keys()
        page = client.get("/status", headers=BROWSER).text
        assert all(word in page for word in ("Up", "horde", "7.4 s", "93 %"))
        assert "up · 7.4 s" in client.get("/badge.svg").text

    def test_messages_in_the_queues_wait(self, client, reporting):
        reporting.report("a@host")
        reporting.redis.rpush("auto", *["x"] * 3)
        reporting.redis.rpush("horde", "x")
        assert client.get("/status", headers=JSON).json["queue"] == {"running": 1, "waiting": 4}

    @pytest.mark.parametrize(("engines", "state"), [(ENGINES, "resting"), (DOWN, "down")])
    def test_engines_that_do_nothing_are_told(self, client, reporting, engines, state):
        reporting.report("a@host", health_ready=False, health_engines=engines)
        assert client.get("/status", headers=JSON).json["status"] == state

    def test_without_a_celery_worker_it_is_down(self, client, reporting):
        assert client.get("/status", headers=JSON).json["status"] == "down"
        reporting.report("a@host")
        reporting.fall_silent("a@host")
        found = client.get("/status", headers=BROWSER)
        assert (found.status_code, "Down" in found.text) == (200, True)
        assert "wake" not in found.text.lower()

    def test_a_hostile_report_puts_no_markup_into_it(self, client, reporting):
        reporting.report("<script>a</script>", "<script>x</script>", health_version="<b>", health_storage="<i>")
        assert "<script" not in client.get("/status", headers=BROWSER).text
        assert "<script" not in client.get("/badge.svg").text

    def test_all_that_are_simulated_say_so(self, client, reporting):
        reporting.report("a@host", health_simulated=True)
        assert client.get("/status", headers=JSON).json["simulated"] is True
        reporting.report("b@host")
        assert "simulated" not in client.get("/status", headers=JSON).json
