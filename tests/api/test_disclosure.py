"""Disclosure of the worker's state, with and without its token, and how often the worker is asked for it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_api.dispatch.coalesced_read import CoalescedRead
from image_api.outbound.abort import Abort
from tests.fakes.processes import wait_until

TOKEN = "a-token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
SECRET = "the account has no credit"
HEALTH = {
    "status": "degraded",
    "ready": True,
    "reasons": [f"replicate: {SECRET}."],
    "uptime_seconds": 5,
    "queue": {"running": 1, "waiting": 0, "max_concurrency": 4, "queue_size": 20},
    "engines": {
        "replicate": {
            "state": "down",
            "reason": SECRET,
            "details": {"account": SECRET},
            "p90_seconds": 7.5,
            "sessions": [{"state": "idle", "images": 3}],
        }
    },
    "memory": {"used_mib": 77, "limit_mib": 512},
    "storage": "local",
    "last_errors": [{"at": "now", "code": "x", "error": SECRET, "model": "auto", "request_id": "somebody-s"}],
    "warnings": [SECRET],
    "a_field_of_a_later_version": SECRET,
}
MODEL = {"name": "replicate", "description": "d", "engine": "replicate", "answers_auto": True, "state": "down"}
MODELS = {"models": [{**MODEL, "reason": SECRET, "honours": ["seed"]}]}
SIZES = {
    "shapes": {"square": [1024, 1024], "portrait": [832, 1248], "landscape": [1248, 832]},
    "native": [[1024, 1024], [832, 1248], [1248, 832]],
    "bounds": {"min_side": 256, "max_side": 1440, "step": 32, "max_pixels": 2_000_000},
}
STRANGERS = [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer é"}]
HIDDEN = (SECRET, "memory", "somebody-s", "reasons", "last_errors", "warnings", "details", "sessions")


@pytest.fixture
def client(client_with, worker):
    worker.say_to("/health", 200, HEALTH)
    worker.say_to("/models", 200, MODELS)
    return client_with(worker_token=TOKEN, worker_wake_seconds=0)


def unready(worker) -> None:
    worker.say_to("/health", 200, {**HEALTH, "ready": False})


@pytest.mark.parametrize("headers", STRANGERS, ids=str)
class TestStrangers:
    def test_see_states_and_latency_at_ready(self, client, headers):
        answer = client.get("/ready", headers=headers)
        assert answer.status_code == 200
        worker = answer.json["worker"]
        assert worker["engines"] == {"replicate": {"state": "down", "breaker": "closed", "p90_seconds": 7.5}}
        assert (worker["status"], worker["ready"], worker["queue"]["running"]) == ("degraded", True, 1)
        assert not [word for word in HIDDEN if word in answer.text]

    def test_see_states_and_no_reasons_if_it_is_not_ready(self, client, worker, headers):
        unready(worker)
        answer = client.get("/ready", headers=headers)
        assert (answer.status_code, answer.json["code"]) == (503, "worker_unavailable")
        assert answer.json["error"] == "The render worker is degraded: replicate is down."
        assert answer.headers["Retry-After"] == "30"

    @pytest.mark.parametrize("path", ["/models", "/v1/models", "/v1/models/replicate", "/health", "/wake"])
    def test_see_no_reasons_elsewhere(self, client, headers, path):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 200
        assert not [word for word in HIDDEN if word in answer.text]

    def test_see_names_states_and_capabilities_at_models(self, client, headers):
        assert client.get("/models", headers=headers).json == {"models": [{**MODEL, "honours": ["seed"]}]}

    def test_see_the_sizes_of_a_worker_that_tells_them(self, client, worker, headers):
        newer = {**SIZES, "a_field_of_a_later_version": 1}
        worker.say_to("/models", 200, {"models": [{**MODEL, "reason": SECRET, "sizes": newer}]})
        (model,) = client.get("/models", headers=headers).json["models"]
        assert model == {**MODEL, "honours": [], "sizes": SIZES}


class TestOperator:
    def test_sees_all_of_it_at_ready(self, client):
        worker = client.get("/ready", headers=OPERATOR).json["worker"]
        assert worker["engines"]["replicate"]["reason"] == SECRET
        assert (worker["memory"]["used_mib"], worker["last_errors"][0]["request_id"]) == (77, "somebody-s")

    def test_sees_the_reasons_if_it_is_not_ready(self, client, worker):
        unready(worker)
        error = client.get("/ready", headers=OPERATOR).json["error"]
        assert error == f"The render worker is degraded: replicate: {SECRET}."

    def test_sees_them_at_models(self, client):
        assert client.get("/models", headers=OPERATOR).json["models"][0]["reason"] == SECRET

    def test_sees_the_sizes_too(self, client, worker):
        worker.say_to("/models", 200, {"models": [{**MODEL, "sizes": SIZES}]})
        assert client.get("/models", headers=OPERATOR).json["models"][0]["sizes"] == SIZES

    def test_is_unknown_if_no_token_is_set(self, client_with, worker, client):
        answer = client_with().get("/ready", headers={"Authorization": "Bearer None"})
        assert SECRET not in answer.text


class TestKept:
    """The worker is asked once in some seconds, for all clients together."""

    def asked(self, worker) -> int:
        return sum(path == "/health" for _, path, _, _ in worker.requests)

    def test_a_good_answer_is_shared_by_strangers_and_operator(self, client, worker):
        for headers in (*STRANGERS, OPERATOR) * 5:
            assert client.get("/ready", headers=headers).status_code == 200
        assert [path for _, path, _, _ in worker.requests] == ["/models", "/health"]

    def test_a_bad_answer_is_too(self, client, worker):
        unready(worker)
        assert {client.get("/ready").status_code for _ in range(9)} == {503}
        assert self.asked(worker) == 1

    def test_a_worker_out_of_reach_is_asked_once_too(self, client, worker, monkeypatch):
        worker.close()
        errors = [client.get("/ready").json for _ in range(3)]
        assert {error["code"] for error in errors} == {"worker_unavailable"}
        assert len({error["request_id"] for error in errors}) == 3

    def test_the_models_are_asked_for_once(self, client, worker):
        for path in ("/models", "/v1/models", "/v1/models/auto") * 3:
            assert client.get(path).status_code == 200
        assert [path for _, path, _, _ in worker.requests] == ["/models"]

    def test_a_sign_of_life_is_kept_too(self, client, worker):
        for path in ("/wake", "/wake.gif") * 5:
            assert client.get(path).status_code in (200, 202)
        wait_until(lambda: client.get("/wake").status_code == 200, "the answer")
        assert [path for _, path, _, _ in worker.requests] == ["/health"]

    def test_it_is_asked_for_again_afterwards(self, client, worker, monkeypatch):
        monkeypatch.setattr("image_api.dispatch.coalesced_read.READ_TTL_SECONDS", 0)
        client.get("/ready")
        unready(worker)
        assert client.get("/ready").status_code == 503
        assert self.asked(worker) == 2

    def test_concurrent_reads_are_coalesced_and_hold_up_no_others(self, client, worker):
        release = threading.Event()
        worker.say(200, {**HEALTH, **MODELS}, before=lambda: release.wait(20))
        worker._answers = {"": worker._answers[""]}
        application = client.application
        with ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(lambda: application.test_client().get("/ready").status_code) for _ in range(20)]
            wait_until(lambda: worker.requests, "the first question")
            assert client.get("/health").status_code == 200
            release.set()
            assert {answer.result(20) for answer in asked} == {200}
        assert [path for _, path, _, _ in worker.requests] == ["/models", "/health"]


def test_an_unexpected_error_is_not_kept():
    answers = iter([RuntimeError("a fault"), "good"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    kept = CoalescedRead(ask)
    with pytest.raises(RuntimeError):
        kept.get(Abort())
    assert [kept.get(Abort()), kept.get(Abort())] == ["good", "good"]


@pytest.mark.parametrize("code", ["engine_unauthorized", "engine_quota_exhausted", "engine_resting"])
@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
def test_a_problem_with_an_account_is_disclosed_by_its_code_only(client, worker, caplog, code, accept):
    fallback = [{"engine": "horde", "code": "engine_unauthorized"}]
    failure = {"success": False, "error": f"No: {SECRET}.", "code": code, "retry_after": 9, "fallback_from": fallback}
    worker.say_to("/generate", 503, failure)
    stranger = client.get("/generate?prompt=a", headers={"Accept": accept})
    assert SECRET not in stranger.text
    assert code in stranger.text
    assert SECRET in caplog.text
    assert SECRET in client.get("/generate?prompt=a", headers={**OPERATOR, "Accept": accept}).text
    openai = client.post("/v1/images/generations", json={"prompt": "a"})
    assert (openai.json["error"]["code"], SECRET in openai.text) == (code, False)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/", "GET"),
        ("/health", "GET"),
        ("/nowhere", "GET"),
        ("/generate", "GET"),
        ("/generate", "HEAD"),
        ("/generate", "DELETE"),
        ("/generate", "OPTIONS"),
        ("/wake.gif", "GET"),
        ("/v1/styles", "GET"),
        ("//generate", "GET"),
        ("/images/x", "GET"),
        ("/generate?prompt=a&format=redirect", "GET"),
    ],
)
def test_no_browser_may_sniff_the_type_of_a_response(client, path, method):
    assert client.open(path, method=method).headers.getlist("X-Content-Type-Options") == ["nosniff"]


def test_nor_of_an_event_stream(client):
    with client.get("/generate?prompt=a", headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
