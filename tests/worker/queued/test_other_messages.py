"""Messages that cannot be read, and what is no message at all: they do no harm."""

import json
import uuid

import pytest

from render_worker.contract import ErrorLine, ResultLine
from tests.fakes.processes import wait_until
from tests.worker.queued.conftest import QUEUE, prompt, refused


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
def test_a_message_that_cannot_be_read_is_dropped(shared_queue, text):
    before = shared_queue.redis.xlen("img_queue:news")
    refused(shared_queue, text)
    assert shared_queue.redis.xlen("img_queue:news") == before


def test_the_request_of_a_message_of_another_version_ends_with_an_error(shared_queue):
    request = uuid.uuid4().hex
    message = json.loads(shared_queue.message(request, prompt=prompt()))
    message["request"]["from_the_future"] = 1
    shared_queue.send_text(json.dumps(message))
    line = shared_queue.ended(request)
    assert isinstance(line, ErrorLine)
    assert (line.status, line.error.code) == (503, "worker_unavailable")


def test_messages_of_other_makers_do_no_harm(shared_queue, worker):
    shared_queue.send_text(prompt(), task="another.task")
    shared_queue.send_text()
    shared_queue.send_text(prompt(), prompt())
    shared_queue.app.send_task("render_worker.generate", kwargs={"message": prompt()}, queue=QUEUE, ignore_result=True)
    shared_queue.app.send_task(
        "render_worker.generate", [prompt()], queue=QUEUE, serializer="pickle", ignore_result=True
    )
    wait_until(lambda: not shared_queue.waiting(), "the end of all messages")
    assert isinstance(shared_queue.ended(shared_queue.send(prompt=prompt())), ResultLine)
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
def test_what_is_no_message_ends_no_process(shared_queue, worker, text):
    shared_queue.redis.lpush(QUEUE, text)
    assert isinstance(shared_queue.ended(shared_queue.send(prompt=prompt())), ResultLine)
    assert worker.process.poll() is None
