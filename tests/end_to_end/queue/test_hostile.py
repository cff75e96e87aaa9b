"""What clients, and what else writes to Redis, cannot do by the queue; and where prompts and secrets are not."""

import json
import threading
import uuid

import celery
import pytest
import requests

from tests.end_to_end.conftest import TOKEN, Stack
from tests.end_to_end.job_tiers import API, api_of, start
from tests.end_to_end.queue.conftest import database_of, made, redis_of
from tests.end_to_end.queue.test_workers import ended, status_of
from tests.fakes.processes import wait_until

PROMPT = "a-prompt-to-look-for"
SECRETS = ("p@ss", "p%40ss", "w:rd", "w%3Ard", TOKEN)


def servers(stack: Stack) -> list:
    return [stack.api, stack.rendering.queue.worker, stack.worker]


def of_queue(stack: Stack, text: str) -> list[bytes]:
    """Return the keys of the queue and its broker, not of the cache, in which there is a text."""
    client = redis_of(stack)
    keys = [key for key in client.scan_iter("*") if key.startswith(b"img_queue") or not key.startswith(b"img_")]
    return [key for key in keys if text.encode() in (client.dump(key) or b"")]


def test_a_client_chooses_no_request_s_id(stack):
    own = uuid.uuid4().hex
    ids = set()
    for seed in (1, 2):
        url = f"{stack.api.url}/generate?prompt=a&model=sketch&seed={seed}"
        answer = requests.get(url, headers={"X-Request-ID": own, "X-Correlation-ID": own}, timeout=30)
        ids |= {answer.json()["request_id"], answer.headers["X-Request-ID"]}
        assert answer.json()["seed"] == seed
    assert len(ids) == 2
    assert own not in ids
    assert not redis_of(stack).keys(f"img_queue:{own}*")


def test_a_job_s_pictures_cannot_be_cancelled_as_requests(stack):
    stack.play(delay=2, painted="beforehand")
    job = start(stack.api.url, cache=False)
    wait_until(lambda: made(stack) == 1, "the picture is begun")
    bare = job["job_id"].replace("-", "")
    [key] = redis_of(stack).keys("img_queue:*:lease")
    for request_id in (bare, f"{bare}-0", job["job_id"], f"{job['job_id']}-0", key.decode().split(":")[1]):
        answer = requests.delete(f"{stack.api.url}/requests/{request_id}", timeout=10)
        assert answer.status_code == 404, answer.text
    assert not redis_of(stack).keys(key.decode().replace(":lease", ":cancel"))
    assert ended(job)["status"] == "completed"


@pytest.mark.parametrize("stream", ["img_queue:news", "img_queue:progress"])
def test_what_is_no_news_is_passed_over(stack, stream):
    client = redis_of(stack)
    job = start(stack.api.url, model="sketch", cache=False)
    event = {"event": "ended", "id": job["job_id"].replace("-", "") + "-0", "attempt": 1}
    for fields in (
        {"x": "y"},
        {"news": b"\xff\x00"},
        {"news": "{" * 5000},
        {"news": json.dumps({"event": "ended", "id": "../../x", "attempt": 1})},
        {"news": json.dumps({**event, "attempt": 10**30})},
        {"news": json.dumps({**event, "id": f"{uuid.uuid4().hex}-999999"})},
        {"news": json.dumps({**event, "event": "begun", "attempt": -1})},
        {"news": json.dumps(event)},
    ):
        client.xadd(stream, fields)
    assert ended(job)["status"] == "completed"
    assert stack.get(prompt="a", model="sketch").status_code == 200


def test_a_job_whose_end_cannot_be_read_is_tried_again(stack):
    stack.play(delay=3, painted="beforehand")
    job = start(stack.api.url, cache=False)
    wait_until(lambda: redis_of(stack).keys("img_queue:*:lease"), "the picture is begun")
    [key] = redis_of(stack).keys("img_queue:*:lease")
    final = key.decode().replace(":lease", ":final")
    redis_of(stack).hset(final, mapping={"number": 1, "made": 0, "line": '{"event": "of another version"}'})
    wait_until(lambda: status_of(job)["status"] == "pending", "the next attempt is due", 20)
    assert requests.delete(job["links"]["cancel"], timeout=10).json()["attempts"] == 1


def test_a_prompt_is_in_no_log_and_no_event_and_soon_in_no_key(stack):
    queue, seen, stopping = stack.rendering.queue, [], threading.Event()
    with celery.Celery(broker=queue.redis.url) as app:
        app.control.enable_events()
        with app.connection() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": seen.append})
            reading = threading.Thread(target=_read, args=(receiver, stopping))
            reading.start()
            try:
                job = start(stack.api.url, prompt=PROMPT, model="sketch", negative_prompt=f"{PROMPT} not")
                assert stack.get(prompt=PROMPT, model="sketch").status_code == 200
                assert ended(job)["status"] == "completed"
                wait_until(lambda: [it for it in seen if it["type"] == "task-succeeded"], "events", 20)
            finally:
                stopping.set()
                reading.join(20)
                app.control.disable_events()
    assert PROMPT not in repr(seen)
    for server in servers(stack):
        assert PROMPT not in server.log()
    wait_until(lambda: not of_queue(stack, PROMPT), "the prompt is forgotten", 10)
    client = redis_of(stack)
    assert all(client.ttl(key) > 0 for key in client.scan_iter("img_queue:*:*") if b":worker:" not in key)


def _read(receiver, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            receiver.capture(limit=None, timeout=1, wakeup=False)
        except TimeoutError:
            continue


def test_no_log_and_no_answer_has_a_secret_also_while_redis_is_down(stack):
    texts = []
    redis = stack.rendering.queue.redis
    redis.stop()
    try:
        job = start(stack.api.url, prompt="while it is down", model="sketch", cache=False)
        for path in (f"{API}/health", "/health", "/ready", "/models", "/status", f"{API}/status/{job['job_id']}"):
            answer = requests.get(stack.api.url + path, timeout=30)
            texts.append(answer.text + repr(answer.headers))
    finally:
        redis.start()
    assert ended(job)["status"] == "completed"
    for text in (*texts, *(server.log() for server in servers(stack))):
        assert not [secret for secret in SECRETS if secret in text]


def test_a_wrong_password_is_told_of_without_it(tiers):
    wrong = tiers.rendering.queue.redis.url.replace("p%40ss", "wr0ng-p%40ss")
    settings = {"REDIS_URL": wrong, "WORKER_WAKE_SECONDS": 2, "LOG_LEVEL": "DEBUG"}
    with api_of(tiers, database_of(tiers), **settings) as front:
        answers = [
            requests.get(front.url + path, timeout=60) for path in (f"{API}/health", "/generate?prompt=a", "/health")
        ]
        assert [it.status_code for it in answers] == [200, 503, 200], [it.text for it in answers]
        assert answers[0].json()["status"] == "degraded"
        for text in (front.log(), *(it.text for it in answers)):
            assert not [secret for secret in ("wr0ng", *SECRETS) if secret in text]


def test_status_is_that_of_the_row_though_the_key_says_otherwise(stack):
    job = ended(start(stack.api.url, model="sketch", cache=False))
    request_id = job["job_id"].replace("-", "") + "-0"
    redis_of(stack).hset(f"img_queue:{request_id}:final", mapping={"number": 9, "made": 0, "line": "{}"})
    redis_of(stack).xadd("img_queue:news", {"news": json.dumps({"event": "ended", "id": request_id, "attempt": 9})})
    again = ended(start(stack.api.url, model="sketch", cache=False))
    assert again["status"] == "completed"
    assert status_of(job) == job
