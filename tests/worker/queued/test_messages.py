"""What comes of a message: a picture, an error, or nothing, if the request is not to be made."""

import hashlib
import json
import threading
import time
import uuid

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
from tests.fakes.celery_worker import CeleryWorker
from tests.fakes.processes import wait_until
from tests.worker.queued.conftest import QUEUE, Queue, events

SECRET = "xylophone"
"""A word of prompts that no log has."""


@pytest.fixture(scope="module")
def worker(redis_server, service, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    options = {**service.environment("w"), "LOCAL_STORAGE_DIR": folder, "LOG_LEVEL": "DEBUG"}
    with CeleryWorker(redis_server.url, "-E", **options) as worker:
        yield worker


@pytest.fixture
def queue(redis_server, worker) -> Queue:
    """Return the queue without what earlier tests left; the Celery worker's own bindings stay."""
    queue = Queue(redis_server)
    queue.all_done_with()
    return queue


def prompt() -> str:
    return f"a {SECRET} {uuid.uuid4().hex}"


def refused(queue: Queue, text: str) -> None:
    """Send a message that is refused, and wait until it is done with."""
    queue.send_text(text)
    queue.all_done_with()


def test_a_picture_is_made_kept_and_told_of_once(queue, worker, service):
    text = prompt()
    request = queue.send(prompt=text, seed=7)
    line = queue.ended(request)
    assert isinstance(line, ResultLine)
    assert (line.result.prompt, line.result.engine, line.result.storage) == (text, "openai", "local")
    assert (worker.folder / line.result.image_url.rpartition("/")[2]).stat().st_size == line.result.bytes
    assert queue.news(request) == [("begun", 1), ("ended", 1)]
    queue.all_done_with()
    assert queue.status(request) == "ended"
    assert events(service, text) == ["begun", "made"]


@pytest.mark.parametrize("queue_name", ["auto", "openai", "sketch"])
def test_it_takes_the_messages_of_its_queues(queue, queue_name):
    request = uuid.uuid4().hex
    queue.send_text(queue.message(request, prompt=prompt(), model=queue_name), queue=queue_name)
    line = queue.ended(request)
    assert isinstance(line, ResultLine)
    assert (line.result.model, line.result.engine) == (queue_name, "sketch" if queue_name == "sketch" else "openai")


def test_a_failure_is_the_end_too(queue):
    line = queue.ended(queue.send(prompt=f"refused {prompt()}"))
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (422, "content_refused")


def test_an_unknown_model_is_an_error_as_by_http(queue):
    line = queue.ended(queue.send(prompt=prompt(), model="nosuch"))
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (400, "invalid_parameter")


def test_its_time_ends_when_nothing_waits_any_longer(queue, redis_server, slow_service, tmp_path):
    own = {**slow_service.environment("slow"), "LOCAL_STORAGE_DIR": tmp_path}
    with CeleryWorker(redis_server.url, "-Q", "slow", **own):
        request = uuid.uuid4().hex
        queue.send_text(queue.message(request, seconds=1.5, prompt=prompt()), queue="slow")
        line = queue.ended(request)
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (504, "timeout")


def test_a_late_message_is_refused(queue, service):
    text, request = prompt(), uuid.uuid4().hex
    refused(queue, queue.message(request, seconds=-0.01, prompt=text))
    assert (events(service, text), queue.news(request), queue.status(request)) == ([], [], "unknown")


def test_a_request_that_has_ended_is_not_made_again(queue, service):
    text = prompt()
    request = queue.send(prompt=text)
    queue.ended(request)
    for attempt in (1, 2):
        refused(queue, queue.message(request, attempt, prompt=text))
    queue.states.settle([request])
    refused(queue, queue.message(request, 1, prompt=text))
    assert events(service, text) == ["begun", "made"]


def test_a_request_that_was_cancelled_before_is_not_made(queue, service):
    text, request = prompt(), uuid.uuid4().hex
    queue.states.cancel([request])
    refused(queue, queue.message(request, prompt=text))
    assert (events(service, text), queue.news(request)) == ([], [])


def test_an_older_attempt_is_not_made(queue, service):
    text, request = prompt(), uuid.uuid4().hex
    queue.states.announce(request, 3)
    refused(queue, queue.message(request, 2, prompt=text))
    assert (events(service, text), queue.status(request)) == ([], "queued")


def test_a_request_that_another_worker_makes_is_not_made(queue, service):
    text, request = prompt(), uuid.uuid4().hex
    queue.redis.set(queue_key(request, "lease"), "another:1", ex=60)
    refused(queue, queue.message(request, prompt=text))
    assert events(service, text) == []


def test_a_newer_attempt_takes_the_lease_of_an_older_one(queue, service):
    text, request = prompt(), uuid.uuid4().hex
    queue.redis.set(queue_key(request, "lease"), "another:1", ex=60)
    queue.send(request, attempt=2, prompt=text)
    assert isinstance(queue.ended(request), ResultLine)
    assert events(service, text) == ["begun", "made"]


def test_an_image_comes_through_redis(queue, service):
    sent = _png()
    digest, request, text = hashlib.sha256(sent).hexdigest(), uuid.uuid4().hex, prompt()
    refused(queue, queue.message(request, prompt=text, image=digest))
    assert (events(service, text), queue.news(request)) == ([], [])
    queue.states.put_image(request, sent, 60)
    queue.send(request, prompt=text, image=digest)
    assert isinstance(queue.ended(request), ResultLine)


def test_another_image_than_the_one_that_was_named_is_refused(queue):
    request = uuid.uuid4().hex
    queue.states.put_image(request, b"no such picture", 60)
    line = queue.ended(queue.send(request, prompt=prompt(), image="0" * 64))
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "null",
        "[]",
        "{}",
        "1e999",
        '"\\ud800"',
        "[" * 100_000,
        '{"request": {"prompt": "xylophone"}, "attempt": 1}',
        '{"request": {"prompt": "xylophone", "request_id": "-"}, "attempt": 1}',
        '{"request": {"prompt": "xylophone", "request_id": "a:b*\\n"}, "attempt": 1}',
        '{"request": {"prompt": "xylophone", "request_id": "abc"}, "attempt": 0}',
        '{"request": {"prompt": "xylophone", "request_id": "abc"}, "attempt": 1e999}',
        '{"request": null, "attempt": 1}',
        {"prompt": "xylophone"},
        None,
        7,
        ["xylophone"],
    ],
    ids=lambda text: repr(text)[:40],
)
def test_a_message_that_cannot_be_read_is_dropped(queue, text):
    before = queue.redis.xlen("img_queue:news")
    refused(queue, text)
    assert queue.redis.xlen("img_queue:news") == before


def test_the_request_of_a_message_of_another_version_ends_with_an_error(queue):
    request = uuid.uuid4().hex
    message = json.loads(queue.message(request, prompt=prompt()))
    message["request"]["from_the_future"] = 1
    queue.send_text(json.dumps(message))
    line = queue.ended(request)
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (503, "worker_unavailable")


def test_messages_of_other_makers_do_no_harm(queue, worker):
    queue.send_text(prompt(), task="another.task")
    queue.send_text()
    queue.send_text(prompt(), prompt())
    queue.app.send_task("render_worker.generate", kwargs={"message": prompt()}, queue=QUEUE, ignore_result=True)
    queue.app.send_task("render_worker.generate", [prompt()], queue=QUEUE, serializer="pickle", ignore_result=True)
    wait_until(lambda: not queue.waiting(), "the end of all messages")
    assert isinstance(queue.ended(queue.send(prompt=prompt())), ResultLine)
    assert worker.process.poll() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no envelope",
        "\xff",
        "null",
        "[]",
        "{}",
        '{"properties": null}',
        '{"properties": {}}',
        '{"properties": {"delivery_tag": "a"}}',
        '{"properties": {"delivery_tag": "a"}, "body": 7}',
        '{"properties": {"delivery_tag": "a", "body_encoding": "base64"}, "body": "???"}',
        '{"properties": {"delivery_tag": "a"}, "headers": 7, "body": "[]", "content-type": "application/json"}',
        '{"properties": {"delivery_tag": "a"}, "headers": {"task": "render_worker.generate", "id": null},'
        ' "body": "[]", "content-type": "application/json", "content-encoding": "utf-8"}',
        '{"properties": {"delivery_tag": "a"}, "headers": {"task": [], "id": {}},'
        ' "body": "{}", "content-type": "application/json", "content-encoding": "utf-8"}',
        '{"properties": {"delivery_tag": ["a"]}, "headers": {"task": "render_worker.generate", "id": "a"},'
        ' "body": "[[],{},{}]", "content-type": "application/json", "content-encoding": "x"}',
    ],
    ids=lambda text: repr(text)[:40],
)
def test_what_is_no_message_ends_no_process(queue, worker, text):
    queue.redis.lpush(QUEUE, text)
    assert isinstance(queue.ended(queue.send(prompt=prompt())), ResultLine)
    assert worker.process.poll() is None


def test_a_redis_that_is_full_for_a_while_loses_nothing(queue, worker, service):
    text, before = prompt(), len(worker.log())
    request = queue.send(prompt=text)
    wait_until(lambda: events(service, text), "the beginning")
    queue.redis.config_set("maxmemory", 1)
    try:
        wait_until(lambda: "OutOfMemoryError" in worker.log()[before:], "a call that fails")
        wait_until(lambda: "Connection to broker lost" in worker.log()[before:], "the loss of the broker")
    finally:
        queue.redis.config_set("maxmemory", 0)
    assert isinstance(queue.ended(request), ResultLine)
    assert isinstance(queue.ended(queue.send(prompt=prompt())), ResultLine)
    assert worker.process.poll() is None


def test_no_prompt_is_in_a_log_an_event_or_an_inspection(queue, worker):
    seen: list[dict] = []
    with queue.app.connection_for_read() as connection:
        receiver = queue.app.events.Receiver(connection, handlers={"*": seen.append})
        thread = threading.Thread(target=receiver.capture, kwargs={"limit": None, "wakeup": False}, daemon=True)
        thread.start()
        wait_until(lambda: seen, "a heartbeat")
        queue.ended(queue.send(prompt=prompt()))
        wait_until(lambda: "task-succeeded" in [event["type"] for event in seen], "the event of the end")
        receiver.should_stop = True
        thread.join()
    assert {"task-received", "task-started", "task-succeeded"} <= {event["type"] for event in seen}
    assert SECRET not in repr(seen)
    assert SECRET not in worker.log()


def test_what_runs_is_inspected_without_its_prompt(queue, redis_server, slow_service, tmp_path):
    own = {**slow_service.environment("inspected"), "LOCAL_STORAGE_DIR": tmp_path}
    with CeleryWorker(redis_server.url, "-Q", "inspected", **own) as worker:
        request = uuid.uuid4().hex
        queue.send_text(queue.message(request, prompt=prompt()), queue="inspected")
        queue.begun(request)
        active = queue.app.control.inspect([worker.name], timeout=5).active()
    assert len(active[worker.name]) == 1
    assert SECRET not in repr(active)


def test_progress_is_told_until_the_end(queue):
    request = queue.send(prompt=prompt())
    queue.ended(request)
    told = [json.loads(fields[b"news"]) for _, fields in queue.redis.xrange(PROGRESS)]
    phases = [it["progress"]["phase"] for it in told if it["id"] == request]
    assert phases
    assert set(phases) <= {"queued", "starting", "generating", "downloading", "saving"}
    assert all("preview" not in it["progress"] for it in told)


def test_it_reports_what_strangers_may_see(queue, worker):
    wait_until(lambda: queue.redis.exists(report_key(worker.name)), "a report")
    report = CeleryWorkerReport.model_validate_json(queue.redis.get(report_key(worker.name)))
    assert (report.name, report.queues) == (worker.name, ["auto", "openai", "sketch"])
    assert {model.name for model in report.models.models} == {"openai", "sketch"}
    assert (report.health.last_errors, report.health.memory, report.health.reasons) == ([], None, [])
    assert 0 < queue.redis.pttl(report_key(worker.name)) <= 15_000
    assert abs(queue.redis.zscore(WORKERS, worker.name) - time.time()) < 30


def _png() -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return file.getvalue()
