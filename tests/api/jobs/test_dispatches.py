"""What a job comes to, whichever way its requests go to what makes pictures, and whichever database keeps it."""

import json
import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import RESULT
from tests.api.jobs.conftest import ended
from tests.api.test_cancel import told
from tests.fakes.processes import wait_until
from tests.fakes.scripted_celery_worker import CONCURRENCY
from tests.fakes.webhook_receiver import SECRET, Receiver

REFUSED = {"success": False, "error": "This prompt was refused.", "code": "content_refused"}
DOWN = {"success": False, "error": "Horde is down.", "code": "engine_unavailable"}


@pytest.fixture
def client_of(dispatch, client_with, migrated_url) -> Callable[..., FlaskClient]:
    """Makes clients of a service with each dispatch and database in turn, and settings of the test's choice."""
    return lambda **settings: client_with(database_url=migrated_url, **dispatch, **settings)


def submit(client: FlaskClient, **fields: object) -> str:
    """Submit a job, and return its id."""
    answer = client.post("/api/v1/generate", json={"prompt": "a tree", **fields})
    assert answer.status_code == 202, answer.text
    return answer.json["job_id"]


def prompts(worker) -> list[str]:
    return sorted(it["prompt"] for it in worker.asked_to_make())


def test_a_job_is_tried_again_after_a_failure_that_may_pass(client_of, worker):
    client = client_of(max_retries=2, retry_backoff_base=1)
    worker.say(503, DOWN, before=lambda: worker.say(200, RESULT) if len(worker.asked_to_make()) == 2 else None)
    job = ended(client, submit(client))
    assert (job["status"], job["attempts"], len(worker.asked_to_make())) == ("completed", 3, 3)


def test_a_job_that_keeps_failing_has_its_last_error(client_of, worker):
    worker.say(503, DOWN)
    client = client_of(max_retries=1, retry_backoff_base=1)
    job = ended(client, submit(client))
    assert (job["status"], job["code"], job["attempts"]) == ("failed", "engine_unavailable", 2)
    assert len(worker.asked_to_make()) == 2


def test_of_several_pictures_those_made_are_kept_and_the_others_tried_again(client_of, worker):
    def reply() -> None:
        if len(worker.asked_to_make()) == 2:
            worker.say(200, RESULT)

    worker.say(503, DOWN, before=reply)
    client = client_of(max_retries=1, retry_backoff_base=1)
    job = ended(client, submit(client, n=3))
    assert (job["status"], job["attempts"], [it["index"] for it in job["images"]]) == ("completed", 2, [0, 1, 2])
    assert len(worker.asked_to_make()) == 5


def test_one_of_several_that_is_refused_does_not_lose_the_others(client_of, worker):
    worker.say(422, REFUSED, before=lambda: worker.say(200, RESULT))
    client = client_of(max_retries=2, retry_backoff_base=1)
    job = ended(client, submit(client, n=3))
    assert (job["status"], len(job["images"]), len(job["failed"])) == ("completed", 2, 1)
    assert job["failed"][0]["code"] == "content_refused"
    assert len(worker.asked_to_make()) == 3


def test_a_picture_of_the_cache_costs_nothing(client_of, worker):
    client = client_of()
    jobs = [ended(client, submit(client, seed=7)) for _ in range(2)]
    assert [job["status"] for job in jobs] == ["completed"] * 2
    assert [job["images"][0]["cached"] for job in jobs] == [False, True]
    assert len(worker.asked_to_make()) == 1
    assert client.get("/generate?prompt=a%20tree&seed=7").headers["X-Cache"] == "HIT"
    ended(client, submit(client, seed=7, cache=False))
    assert len(worker.asked_to_make()) == 2


def test_a_job_that_is_cancelled_before_it_begins_is_never_made(client_of, worker):
    released = threading.Event()
    worker.say_to("/generate", 200, RESULT, before=lambda: released.wait(60))
    worker.say_to("/requests/", 204, b"")
    client = client_of(job_concurrency=CONCURRENCY, cache_expiration_hours=0)
    ids = {f"tree {number}": submit(client, prompt=f"tree {number}") for number in range(30)}
    wait_until(lambda: len(worker.asked_to_make()) == CONCURRENCY, "as many begin as can")
    begun = prompts(worker)  # while they are held no other begins
    for prompt in sorted(ids, key=begun.__contains__):  # a slot is free only when none is left that waits for it
        assert client.delete(f"/api/v1/jobs/{ids[prompt]}").json["status"] == "canceled"
    wait_until(lambda: len(told(worker)) == CONCURRENCY, "what makes them is told")  # in the order of cancellations
    released.set()
    assert ended(client, submit(client, prompt="the last"))["status"] == "completed"
    assert prompts(worker) == sorted([*begun, "the last"])
    assert {client.get(f"/api/v1/status/{it}").json["status"] for it in ids.values()} == {"canceled"}


@pytest.mark.parametrize(
    ("reply", "fields", "event"),
    [((200, RESULT), {"n": 2}, "job.completed"), ((422, REFUSED), {}, "job.failed")],
    ids=["completed", "failed"],
)
def test_a_webhook_says_what_the_status_says(client_of, worker, reply, fields, event):
    worker.say(*reply)
    with Receiver() as receiver:
        client = client_of(webhook_secret=SECRET, webhook_origins=(receiver.origin,))
        job = ended(client, submit(client, webhook_url=receiver.url, **fields))
        [received] = receiver.wait_for(1)
    assert received.message["type"] == event
    assert {**received.message["data"], "links": 0} == {**job, "links": 0}


def test_progress_is_that_of_the_running_picture_and_gone_at_its_end(client_of, worker):
    lines = [
        {"event": "progress", "phase": "generating", "message": "Painting.", "step": step, "total": 9}
        for step in (1, 5)
    ]
    released = threading.Event()
    last = json.dumps({"event": "result", "result": RESULT}).encode() + b"\n"
    pieces = (*(json.dumps(line).encode() + b"\n" for line in lines), lambda: released.wait(20), last)
    worker.say(200, pieces, Content_Type="application/x-ndjson")
    client = client_of()
    job_id = submit(client)
    shown = lambda: client.get(f"/api/v1/status/{job_id}").json  # noqa: E731
    wait_until(lambda: shown().get("progress", {}).get("step") == 5, "the newest progress", 20)
    released.set()
    assert "progress" not in ended(client, job_id)


def test_every_owner_s_job_of_a_crowd_ends_once(client_of, worker):
    client = client_of(job_concurrency=8, cache_expiration_hours=0)
    ids = [submit(client, prompt=f"tree {number}") for number in range(40)]
    assert {ended(client, it)["status"] for it in ids} == {"completed"}
    assert prompts(worker) == sorted(f"tree {number}" for number in range(40))
    assert len({UUID(it) for it in ids}) == 40
