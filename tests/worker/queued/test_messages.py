"""What comes of a message: a picture, an error, or nothing, if the request is not to be made."""

import hashlib
import json
import threading
import time
import uuid

import psutil
import pytest

from render_worker.contract import (
    PROGRESS,
    WORKERS,
    CeleryWorkerReport,
    ErrorLine,
    ResultLine,
    queue_key,
    report_key,
)
from tests.fakes.processes import wait_until
from tests.worker.queued.conftest import SECRET, asked, events, prompt, refused


def test_a_picture_is_made_kept_and_told_of_once(shared_queue, worker, service):
    text = prompt()
    request = shared_queue.send(prompt=text, seed=7)
    line = shared_queue.ended(request)
    assert isinstance(line, ResultLine)
    assert (line.result.prompt, line.result.engine, line.result.storage) == (text, "openai", "local")
    assert (worker.folder / line.result.image_url.rpartition("/")[2]).stat().st_size == line.result.bytes
    assert shared_queue.news(request) == [("begun", 1), ("ended", 1)]
    shared_queue.all_done_with()
    assert shared_queue.status(request) == "ended"
    assert events(service, text) == ["begun", "made"]


@pytest.mark.parametrize("queue_name", ["auto", "openai", "sketch"])
def test_it_takes_the_messages_of_its_queues(shared_queue, queue_name):
    request = uuid.uuid4().hex
    shared_queue.send_text(shared_queue.message(request, prompt=prompt(), model=queue_name), queue=queue_name)
    line = shared_queue.ended(request)
    assert isinstance(line, ResultLine)
    assert (line.result.model, line.result.engine) == (queue_name, "sketch" if queue_name == "sketch" else "openai")


def test_a_failure_is_the_end_too(shared_queue):
    line = shared_queue.ended(shared_queue.send(prompt=f"refused {prompt()}"))
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (422, "content_refused")


def test_an_unknown_model_is_an_error_as_by_http(shared_queue):
    line = shared_queue.ended(shared_queue.send(prompt=prompt(), model="nosuch"))
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (400, "invalid_parameter")


def test_its_time_ends_when_nothing_waits_any_longer(shared_queue):
    line = shared_queue.ended(shared_queue.send(seconds=1.5, prompt=prompt(seconds=30)))
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (504, "timeout")


def test_a_late_message_is_refused(shared_queue, service):
    text, request = prompt(), uuid.uuid4().hex
    refused(shared_queue, shared_queue.message(request, seconds=-0.01, prompt=text))
    assert (events(service, text), shared_queue.news(request), shared_queue.status(request)) == ([], [], "unknown")


def test_a_request_that_has_ended_is_not_made_again(shared_queue, service):
    text = prompt()
    request = shared_queue.send(prompt=text)
    shared_queue.ended(request)
    for attempt in (1, 2):
        refused(shared_queue, shared_queue.message(request, attempt, prompt=text))
    shared_queue.states.settle([request])
    refused(shared_queue, shared_queue.message(request, 1, prompt=text))
    assert events(service, text) == ["begun", "made"]


def test_a_request_that_was_cancelled_before_is_not_made(shared_queue, service):
    text, request = prompt(), uuid.uuid4().hex
    shared_queue.states.cancel([request])
    refused(shared_queue, shared_queue.message(request, prompt=text))
    assert (events(service, text), shared_queue.news(request)) == ([], [])


def test_an_older_attempt_is_not_made(shared_queue, service):
    text, request = prompt(), uuid.uuid4().hex
    shared_queue.states.announce(request, 3)
    refused(shared_queue, shared_queue.message(request, 2, prompt=text))
    assert (events(service, text), shared_queue.status(request)) == ([], "queued")


def test_a_request_that_another_worker_makes_is_not_made(shared_queue, service):
    text, request = prompt(), uuid.uuid4().hex
    shared_queue.redis.set(queue_key(request, "lease"), "another:1", ex=60)
    refused(shared_queue, shared_queue.message(request, prompt=text))
    assert events(service, text) == []


def test_a_newer_attempt_takes_the_lease_of_an_older_one(shared_queue, service):
    text, request = prompt(), uuid.uuid4().hex
    shared_queue.redis.set(queue_key(request, "lease"), "another:1", ex=60)
    shared_queue.send(request, attempt=2, prompt=text)
    assert isinstance(shared_queue.ended(request), ResultLine)
    assert events(service, text) == ["begun", "made"]


def test_an_image_comes_through_redis(shared_queue, service):
    sent = _png()
    digest, request, text = hashlib.sha256(sent).hexdigest(), uuid.uuid4().hex, prompt()
    refused(shared_queue, shared_queue.message(request, prompt=text, image=digest))
    assert (events(service, text), shared_queue.news(request)) == ([], [])
    shared_queue.states.put_image(request, sent, 60)
    shared_queue.send(request, prompt=text, image=digest)
    assert isinstance(shared_queue.ended(request), ResultLine)


def test_another_image_than_the_one_that_was_named_is_refused(shared_queue):
    request = uuid.uuid4().hex
    shared_queue.states.put_image(request, b"no such picture", 60)
    line = shared_queue.ended(shared_queue.send(request, prompt=prompt(), image="0" * 64))
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (400, "invalid_parameter")


REFUSALS = {
    "full": (("CONFIG", "SET", "maxmemory", 1), ("CONFIG", "SET", "maxmemory", 0)),
    "read-only": (("REPLICAOF", "127.0.0.1", 1), ("REPLICAOF", "NO", "ONE")),
}
TRIES = 4


@pytest.mark.parametrize(("refuse", "accept"), REFUSALS.values(), ids=REFUSALS)
def test_a_redis_that_refuses_writes_for_a_while_loses_nothing(shared_queue, worker, service, refuse, accept):
    process, text, before = psutil.Process(worker.process.pid), prompt(), len(worker.log())
    request = shared_queue.send(prompt=text)
    asked(service, text)
    files = process.num_fds()
    shared_queue.redis.execute_command(*refuse)
    shared_queue.redis.client_kill_filter(_type="normal", skipme=True)
    try:
        wait_until(lambda: worker.log()[before:].count("Connection to broker lost") > TRIES, "tries to connect")
        assert process.num_fds() < files + TRIES
    finally:
        shared_queue.redis.execute_command(*accept)
    assert isinstance(shared_queue.ended(request), ResultLine)
    assert isinstance(shared_queue.ended(shared_queue.send(prompt=prompt())), ResultLine)
    shared_queue.forget_unacknowledged()
    assert "Frequent restarts" not in worker.log()[before:]
    assert worker.log()[before:].count("endings: Redis does not take a call") <= 2  # refused, or cut off before
    assert worker.process.poll() is None


def test_no_prompt_is_in_a_log_an_event_or_an_inspection(shared_queue, worker):
    seen: list[dict] = []
    with shared_queue.app.connection_for_read() as connection:
        receiver = shared_queue.app.events.Receiver(connection, handlers={"*": seen.append})
        thread = threading.Thread(target=receiver.capture, kwargs={"limit": None, "wakeup": False}, daemon=True)
        thread.start()
        wait_until(lambda: seen, "a heartbeat")
        shared_queue.ended(shared_queue.send(prompt=prompt()))
        wait_until(lambda: "task-succeeded" in [event["type"] for event in seen], "the event of the end")
        receiver.should_stop = True
        thread.join()
    assert {"task-received", "task-started", "task-succeeded"} <= {event["type"] for event in seen}
    assert SECRET not in repr(seen)
    assert SECRET not in worker.log()


def test_what_runs_is_inspected_without_its_prompt(shared_queue, worker):
    request = shared_queue.send(prompt=prompt(seconds=30))
    shared_queue.begun(request)
    active = shared_queue.app.control.inspect([worker.name], timeout=5, limit=1).active()
    shared_queue.states.cancel([request])
    assert len(active[worker.name]) == 1
    assert SECRET not in repr(active)


def test_progress_is_told_until_the_end(shared_queue):
    request = shared_queue.send(prompt=prompt())
    shared_queue.ended(request)
    told = [json.loads(fields[b"news"]) for _, fields in shared_queue.redis.xrange(PROGRESS)]
    phases = [it["progress"]["phase"] for it in told if it["id"] == request]
    assert phases
    assert set(phases) <= {"queued", "starting", "generating", "downloading", "saving"}
    assert all("preview" not in it["progress"] for it in told)


def test_it_reports_what_strangers_may_see(shared_queue, worker):
    wait_until(lambda: shared_queue.redis.exists(report_key(worker.name)), "a report")
    report = CeleryWorkerReport.model_validate_json(shared_queue.redis.get(report_key(worker.name)))
    assert (report.name, report.queues) == (worker.name, ["auto", "openai", "sketch"])
    assert {model.name for model in report.models.models} == {"openai", "sketch"}
    assert (report.health.last_errors, report.health.memory, report.health.reasons) == ([], None, [])
    assert 0 < shared_queue.redis.pttl(report_key(worker.name)) <= 15_000
    assert abs(shared_queue.redis.zscore(WORKERS, worker.name) - time.time()) < 30


def _png() -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return file.getvalue()
