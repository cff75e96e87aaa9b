"""POST /generate as a stream of lines: progress, heartbeats, and always a last line."""

import asyncio
import concurrent.futures
import json
import threading

import pytest

from render_worker import KEY
from render_worker.contract import NDJSON, Progress
from render_worker.engines.sketch.engine import SketchEngine
from render_worker.errors import EngineError
from render_worker.runtime import LoopWork
from render_worker.stream import GenerationStream
from tests.fakes.processes import wait_until

SKETCH = {"prompt": "a lighthouse at night", "model": "sketch", "seed": 7, "request_id": "an-id"}
AS_STREAM = {"Accept": NDJSON}


@pytest.fixture
def slow(monkeypatch):
    """Let the engine block until the event that this returns is set."""
    paint, release = SketchEngine.generate, threading.Event()

    async def wait_and_paint(self, recipe, report):
        report("starting")
        while not release.is_set():
            await asyncio.sleep(0.01)
        return await paint(self, recipe, report)

    monkeypatch.setattr(SketchEngine, "generate", wait_and_paint)
    yield release
    release.set()


def lines_of(answer) -> list[dict]:
    return [json.loads(line) for line in answer.text.splitlines()]


def failing(error: Exception, news: bool = True):
    async def fail(self, recipe, report):
        if news:
            report("generating")
        raise error

    return fail


def test_it_works(client):
    answer = client.post("/generate", json=SKETCH, headers=AS_STREAM)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, NDJSON)
    *progress, last = lines_of(answer)
    assert [(line["event"], line["phase"]) for line in progress] == [("progress", "generating"), ("progress", "saving")]
    assert last == {"event": "result", "result": client.post("/generate", json=SKETCH).json}


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/x-ndjson;q=0.5, */*", "text/html"])
def test_only_a_client_that_prefers_it_gets_it(client, accept):
    assert client.post("/generate", json=SKETCH, headers={"Accept": accept}).json["success"] is True


@pytest.mark.parametrize(
    ("body", "code"), [({"prompt": "a", "nonsense": 1}, "invalid_parameter"), ({**SKETCH, "model": "no"}, None)]
)
def test_a_bad_request_is_refused_as_ever(client, body, code):
    answer = client.post("/generate", json=body, headers=AS_STREAM)
    assert (answer.status_code, answer.json["code"]) == (400, code or "invalid_parameter")


def test_an_error_before_any_progress_is_an_ordinary_response(client_with, slow):
    client = client_with(max_concurrency=1, queue_size=0)
    with client.post("/generate", json=SKETCH, headers=AS_STREAM) as running:
        answer = client.post("/generate", json={**SKETCH, "request_id": "another"}, headers=AS_STREAM)
        assert (answer.status_code, answer.json["code"]) == (503, "worker_busy")
        assert answer.headers["Retry-After"] == "15"
        slow.set()
        assert lines_of(running)[-1]["event"] == "result"


def test_a_failure_is_the_last_line_and_is_remembered(client, monkeypatch):
    monkeypatch.setattr(SketchEngine, "generate", failing(EngineError("No paint.")))
    assert lines_of(client.post("/generate", json=SKETCH, headers=AS_STREAM))[-1] == {
        "event": "error",
        "status": 502,
        "error": {"success": False, "error": "No paint.", "code": "engine_failed", "request_id": "an-id"},
    }
    assert client.get("/health").json["last_errors"][0]["error"] == "No paint."


@pytest.mark.parametrize("news", [True, False])
def test_an_unforeseen_error_is_answered_without_details(client, monkeypatch, news):
    monkeypatch.setattr(SketchEngine, "generate", failing(RuntimeError("the secret inside"), news))
    answer = client.post("/generate", json=SKETCH, headers=AS_STREAM)
    assert answer.status_code == (200 if news else 500)
    assert lines_of(answer)[-1].get("error" if news else "code") is not None
    assert "internal_error" in answer.text
    assert "secret" not in answer.text


def test_the_deadline_is_the_last_line(client, slow):
    answer = client.post("/generate", json={**SKETCH, "timeout_seconds": 0.1}, headers=AS_STREAM)
    last = lines_of(answer)[-1]
    assert (last["status"], last["error"]["code"]) == (504, "timeout")


def test_work_that_does_not_end_gets_a_last_line_all_the_same(client, monkeypatch):
    monkeypatch.setattr("render_worker.runtime.CLEAN_UP_SECONDS", 0.1)

    async def stubborn(self, recipe, report):
        report("generating")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(1)

    monkeypatch.setattr(SketchEngine, "generate", stubborn)
    answer = client.post("/generate", json={**SKETCH, "timeout_seconds": 0.1}, headers=AS_STREAM)
    assert lines_of(answer)[-1]["error"]["code"] == "timeout"


def test_a_shutdown_is_the_last_line(client, slow):
    with client.post("/generate", json=SKETCH, headers=AS_STREAM) as answer:
        client.application.extensions[KEY].runtime.give_up()
        last = lines_of(answer)[-1]
    assert (last["status"], last["error"]["code"]) == (503, "worker_unavailable")


def test_heartbeats_are_sent_while_there_is_no_progress(client, slow, monkeypatch):
    monkeypatch.setattr("render_worker.stream.HEARTBEAT_SECONDS", 0.05)
    events = []
    with client.post("/generate", json=SKETCH, headers=AS_STREAM) as answer:
        for line in answer.response:
            events.append(json.loads(line)["event"])
            if events[-3:] == ["progress", "heartbeat", "heartbeat"]:
                slow.set()
    assert slow.is_set()
    assert events[-1] == "result"


def test_a_reader_that_goes_away_ends_nothing_and_a_retry_gets_the_picture(client, slow, tmp_path):
    client.post("/generate", json=SKETCH, headers=AS_STREAM).close()
    slow.set()
    wait_until(lambda: list((tmp_path / "images").glob("*.png")), "the picture")
    answer = client.post("/generate", json=SKETCH, headers=AS_STREAM)
    assert [line["event"] for line in lines_of(answer)] in (["result"], ["progress", "result"])
    assert client.get("/health").json["queue"]["running"] == 0
    assert len(list((tmp_path / "images").glob("*.png"))) == 1


def test_a_retry_takes_over_the_stream(client, slow):
    with client.post("/generate", json=SKETCH, headers=AS_STREAM) as first:
        with client.post("/generate", json=SKETCH, headers=AS_STREAM) as second:
            slow.set()
            assert lines_of(first)[-1]["error"]["code"] == "superseded"
            phases = [line.get("phase", line["event"]) for line in lines_of(second)]
    assert phases == ["starting", "generating", "saving", "result"]


def test_health_shows_the_latency(client):
    assert "median_seconds" not in client.get("/health").json["engines"]["sketch"]
    client.post("/generate", json=SKETCH)
    sketch = client.get("/health").json["engines"]["sketch"]
    assert sketch["median_seconds"] == sketch["p90_seconds"] > 0


def test_of_previews_that_nothing_reads_the_newest_is_kept():
    stream = GenerationStream("id", lambda _: None)
    for number in range(100):
        stream.send(Progress(phase="generating", message=str(number), preview=f"data:{number}"))
    stream.send(Progress(phase="saving", message="Keeping it."))
    work = LoopWork(concurrent.futures.Future(), 5)
    lines = stream.lines(work)
    told = [next(lines), next(lines)]
    assert [(it.phase, it.preview) for it in told] == [("generating", "data:99"), ("saving", None)]
    stream.send(Progress(phase="generating", message="", preview="data:100"))
    assert next(lines).preview == "data:100"
