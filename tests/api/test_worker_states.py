"""Several render workers: what /health, /ready, /models, /status and /wake tell of them, and whose models there are."""

import requests

from image_api.dispatch import coalesced_read, worker_client
from tests.api.pooled import Front
from tests.api.test_picture_pages import BROWSER
from tests.fakes.processes import wait_until


def states(front: Front) -> list[str]:
    """Return the workers' states of /health; of one that answers its own word is of no interest."""
    found = [it["status"] for it in front.get("/health").json()["workers"]]
    return ["up" if it in ("ready", "reachable", "busy") else it for it in found]


class TestModels:
    def test_a_named_model_is_made_where_it_is(self, workers, before):
        both = workers()
        both[1].models = ("flux", "sketch")
        front = before(both)
        assert front.make().status_code == 200
        assert {front.make(model="flux").status_code for _ in range(3)} == {200}
        assert [it["model"] for it in both[1].generated] == ["flux"] * 3
        assert "flux" not in [it.get("model") for it in both[0].generated]

    def test_models_are_those_of_all(self, workers, before):
        both = workers()
        both[1].models = ("flux", "sketch")
        answer = before(both).get("/models").json()
        assert [it["name"] for it in answer["models"]] == ["sketch", "flux"]
        assert [(it["number"], it["models"]) for it in answer["workers"]] == [(1, ["sketch"]), (2, ["flux", "sketch"])]
        assert both[0].url not in str(answer)

    def test_a_model_that_none_has_is_refused(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        error = {"error": "model must be one of auto, sketch.", "code": "invalid_parameter"}
        both[0].refuses = both[1].refuses = (400, error)
        answer = front.make(model="nonsense")
        assert (answer.status_code, answer.json()["error"]) == (400, error["error"])

    def test_a_model_of_one_that_is_gone_is_out_of_reach(self, workers, before):
        both = workers()
        both[1].models = ("flux",)
        front = before(both, worker_wake_seconds=1)
        front.warm(*both)
        both[1].close()
        answer = front.make(model="flux")
        assert (answer.status_code, answer.json()["code"]) == (503, "worker_unavailable")
        assert front.make().status_code == 200

    def test_models_of_one_that_was_started_with_others_are_found(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].refuses = (400, {"error": "model must be one of auto, other.", "code": "invalid_parameter"})
        assert front.make(model="sketch").status_code == 200


class TestStates:
    def test_health_tells_of_each_by_number(self, workers, before):
        both = workers()
        front = before(both)
        assert front.get("/health").json()["workers"] == [
            {"number": 1, "status": "unknown"},
            {"number": 2, "status": "unknown"},
        ]
        front.warm(*both)
        both[1].close()
        front.make_many(2, 2)
        wait_until(lambda: states(front) == ["up", "unreachable"], "both states are known")
        answer = front.get("/health")
        assert answer.json()["worker"]["status"] in ("ready", "reachable")
        assert not any(str(worker.port) in answer.text for worker in both)

    def test_one_alone_is_told_as_ever(self, workers, before):
        (alone,) = workers(1)
        front = before([alone])
        front.warm(alone)
        for path in ("/health", "/models", "/status"):
            answer = requests.get(f"{front.url}{path}", headers={"Accept": "application/json"}, timeout=10)
            assert "workers" not in answer.json()

    def test_it_is_ready_if_one_is(self, workers, before):
        both = workers()
        both[0].ready = False
        front = before(both)
        assert front.get("/ready").status_code == 200
        both[1].close()
        front = before(both)
        assert front.get("/ready").json()["code"] == "worker_unavailable"

    def test_a_hung_one_delays_readiness_once(self, workers, before, monkeypatch):
        monkeypatch.setattr(worker_client, "QUICK_SECONDS", 0.5)
        monkeypatch.setattr(coalesced_read, "READ_TTL_SECONDS", 0)
        both = workers()
        front = before(both)
        front.warm(*both)
        both[0].hangs.set()
        assert front.get("/ready").status_code == 200
        both[0].asked.clear()
        assert front.get("/ready").status_code == 200
        assert both[0].asked == []

    def test_if_none_accepts_the_token_models_say_so(self, workers, before):
        both = workers()
        front = before(both)
        front.warm(*both)
        for worker in both:
            worker.models_refused = (401, {"error": "Wrong.", "code": "unauthorized"})
            front.pool.each[worker is both[1]].recent._last.clear()
        answer = front.get("/models")
        assert (answer.status_code, answer.json()["code"]) == (503, "worker_unavailable")
        assert "WORKER_TOKEN" in answer.json()["error"]

    def test_status_is_that_of_the_best(self, workers, before):
        both = workers()
        both[1].models = ("flux",)
        front = before(both)
        front.warm(*both)
        both[0].close()
        front.make_many(2, 2)
        found = requests.get(f"{front.url}/status", headers={"Accept": "application/json"}, timeout=10).json()
        assert (found["status"], [it["status"] for it in found["workers"]]) == ("up", ["waking", "up"])
        assert [it["name"] for it in found["engines"]] == ["flux"]
        assert "1: Waking up, 2: Up" in requests.get(f"{front.url}/status", headers=BROWSER, timeout=10).text

    def test_wake_starts_the_first_that_answers(self, workers, before):
        both = workers(asleep=(0,))
        front = before(both)
        assert front.get("/wake").json()["status"] == "awake"
        both[1].close()
        front = before(both)
        assert front.get("/wake").status_code == 202
