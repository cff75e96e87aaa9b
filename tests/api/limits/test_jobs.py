"""Jobs are charged at their submission, and by what was made for them once they are final."""

import shutil
import threading

import pytest

from tests.api.conftest import RESULT
from tests.api.jobs.conftest import ended
from tests.api.limits.visitors import as_visitor, get, left, post
from tests.fakes.processes import wait_until

URL = "/api/v1/generate"
FAILED = {"success": False, "error": "It refused this prompt.", "code": "content_refused"}


@pytest.fixture
def client(client_with, migrated, tmp_path):
    shutil.copy(migrated, tmp_path / "jobs.db")
    return client_with(rate_limit="4 per day", max_retries=0, worker_wake_seconds=0)


def submit(client, **fields):
    headers = fields.pop("headers", {})
    return post(client, URL, json={"prompt": "a tree", **fields}, headers=headers)


def remaining(client, expected: int) -> None:
    """Wait until so many are left."""
    wait_until(lambda: left(get(client, "/generate?prompt=a&size=4096x4096")) == expected, f"{expected} are left")


def test_it_works(client):
    answer = submit(client, n=3)
    assert (answer.status_code, left(answer)) == (202, 1)
    assert ended(client, answer.json["job_id"])["status"] == "completed"
    remaining(client, 1)


def test_beyond_the_limit_none_is_made(client, worker):
    submit(client, n=3)
    answer = submit(client, n=2)
    assert (answer.status_code, answer.json["code"], left(answer)) == (429, "rate_limited", 1)
    assert client.get("/api/v1/jobs").json["jobs"] == []  # those of the machine itself, which the visitor's are not


def test_one_that_fails_is_given_back(client, worker):
    worker.say(422, FAILED)
    answer = submit(client, n=3)
    assert left(answer) == 1
    assert ended(client, answer.json["job_id"])["status"] == "failed"
    remaining(client, 4)


def test_pictures_that_fail_are_given_back(client, worker):
    replies = iter([(200, RESULT), (422, FAILED), (422, FAILED)])
    worker.say(*next(replies), before=lambda: worker.say(*next(replies, (422, FAILED))))
    answer = submit(client, n=3)
    assert ended(client, answer.json["job_id"])["status"] == "completed"
    remaining(client, 3)


def test_paid_pictures_cost_more(client, worker):
    worker.say(200, {**RESULT, "cost": 0.025})
    answer = submit(client)
    assert left(answer) == 3
    ended(client, answer.json["job_id"])
    remaining(client, 1)


def test_cached_pictures_cost_nothing(client):
    get(client, "/generate?prompt=a+tree&seed=7")
    answer = submit(client, n=2, seed=7)
    assert left(answer) == 2
    ended(client, answer.json["job_id"])
    remaining(client, 2)


def test_a_replay_costs_nothing_and_is_there_beyond_the_limit(client):
    headers = {"Idempotency-Key": "mine"}
    first, again = (submit(client, n=4, headers=headers) for _ in range(2))
    assert [it.status_code for it in (first, again)] == [202, 202]
    assert (again.headers["Idempotency-Replayed"], again.json["job_id"]) == ("true", first.json["job_id"])
    assert submit(client, n=1, headers=headers).json["code"] == "idempotency_key_reused"
    assert submit(client).status_code == 429


@pytest.mark.parametrize("begun", [True, False])
def test_one_that_is_cancelled_stays_charged_once_it_has_begun(client_with, migrated, tmp_path, worker, begun):
    shutil.copy(migrated, tmp_path / "jobs.db")
    client = client_with(rate_limit="4 per day", max_retries=0, job_concurrency=1, worker_wake_seconds=0)
    release = threading.Event()
    worker.say_to("/generate", 200, RESULT, before=release.wait)
    worker.say_to("/requests/", 204, b"")
    jobs = [submit(client, seed=seed).json["job_id"] for seed in (1, 2)]
    wait_until(worker.asked_to_make, "the first has begun")
    wait_until(lambda: client.get(f"/api/v1/status/{jobs[0]}").json["status"] == "processing", "it is known")
    as_visitor(client, "DELETE", f"/api/v1/jobs/{jobs[0 if begun else 1]}")
    release.set()
    for job in jobs:
        ended(client, job)
    remaining(client, 2 if begun else 3)


def test_a_job_that_cannot_be_kept_costs_nothing(client_with, tmp_path):
    (tmp_path / "closed").write_text("no folder")
    client = client_with(rate_limit="4 per day", database_url=f"sqlite:///{tmp_path}/closed/jobs.db")
    assert submit(client).status_code == 503
    remaining(client, 4)
