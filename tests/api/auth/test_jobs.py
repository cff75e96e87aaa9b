"""Jobs belong to the account that submitted them."""

import shutil

import pytest

from image_api.auth.account import GENERATE, JOBS, Account, Scope
from image_api.services import services_of
from tests.api.auth.conftest import ANN, BEN, OPERATOR, ZOE, bearer
from tests.api.jobs.conftest import FINAL, migrated  # noqa: F401 - a fixture
from tests.fakes.processes import wait_until

ANN_S_OTHER = bearer("hf_write_ann")
"""Another token of the same account."""


@pytest.fixture
def client(client_with, settings, migrated, tmp_path):  # noqa: F811 - the fixture
    shutil.copy(migrated, tmp_path / "jobs.db")
    return client_with(**settings, max_retries=0)


def submit(client, headers, prompt="a tree", **more: str) -> str:
    answer = client.post("/api/v1/generate", json={"prompt": prompt}, headers={**headers, **more})
    assert answer.status_code == 202
    return answer.json["job_id"]


def ended(client, job_id, headers) -> None:
    wait_until(lambda: client.get(f"/api/v1/jobs/{job_id}", headers=headers).json["status"] in FINAL, "it ends", 20)


def listed(client, headers) -> list[str]:
    return [job["job_id"] for job in client.get("/api/v1/jobs", headers=headers).json["jobs"]]


REQUESTS = [
    *(("GET", "status/{}"), ("GET", "jobs/{}"), ("GET", "jobs/{}/deliveries"), ("DELETE", "jobs/{}")),
    *(("GET", "jobs/{}/events"), ("HEAD", "jobs/{}/events"), ("HEAD", "status/{}")),
]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_another_account_s_job_is_not_found(client, method, path):
    job_id = submit(client, ANN)
    path = f"/api/v1/{path.format(job_id)}"
    theirs, invented = (client.open(it, method=method, headers=BEN) for it in (path, path.replace(job_id[:8], "0" * 8)))
    assert (theirs.status_code, invented.status_code) == (404, 404)
    if method != "HEAD":
        assert {**theirs.json, "request_id": ""} == {**invented.json, "request_id": ""}


@pytest.mark.parametrize("headers", [ANN, ANN_S_OTHER, ZOE, OPERATOR], ids=["own", "other token", "admin", "operator"])
@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_its_own_account_and_admins_find_it(client, method, path, headers):
    job_id = submit(client, ANN)
    ended(client, job_id, ANN)
    with client.open(f"/api/v1/{path.format(job_id)}", method=method, headers=headers) as answer:
        assert answer.status_code == (409 if method == "DELETE" else 200)


def test_the_list_is_the_account_s(client):
    ids = {name: submit(client, headers) for name, headers in {"ann": ANN, "ben": BEN, "zoe": ZOE}.items()}
    assert [listed(client, it) for it in (ANN, ANN_S_OTHER)] == [[ids["ann"]]] * 2
    assert listed(client, BEN) == [ids["ben"]]
    assert listed(client, ZOE) == [ids["zoe"]]
    assert listed(client, OPERATOR) == []


def test_it_goes_on_page_by_page(client):
    ids = [submit(client, ANN, f"a {number}") for number in range(3)]
    submit(client, BEN)
    first = client.get("/api/v1/jobs?limit=2", headers=ANN).json
    second = client.get(first["next"].partition("localhost")[2], headers=ANN).json
    assert [job["job_id"] for job in first["jobs"] + second["jobs"]] == ids[::-1]


def test_an_idempotency_key_is_the_account_s(client):
    key = {"Idempotency-Key": "once"}
    ann = submit(client, ANN, **key)
    assert submit(client, ANN_S_OTHER, **key) == ann
    assert submit(client, BEN, **key) != ann


def test_a_request_that_prefers_to_be_a_job_belongs_to_its_account(client):
    answer = client.get("/generate?prompt=a", headers={**ANN, "Prefer": "respond-async"})
    assert (answer.status_code, listed(client, ANN)) == (202, [answer.json["job_id"]])
    assert client.get(f"/api/v1/jobs/{answer.json['job_id']}", headers=BEN).status_code == 404


def narrow(client, monkeypatch, scope: Scope) -> None:
    """Leave an account one scope alone, which tokens of the Hub have together."""
    account = Account("huggingface:1", "ann", frozenset({scope}))
    monkeypatch.setattr(services_of(client.application).authenticator, "account_of", lambda *_: account)


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("POST", "/api/v1/generate", {}),
        ("GET", "/api/v1/jobs", {}),
        ("GET", "/generate?prompt=a", {"Prefer": "respond-async"}),
    ],
)
def test_an_account_without_the_scope_gets_no_job(client, monkeypatch, method, path, more):
    narrow(client, monkeypatch, GENERATE)
    answer = client.open(
        path, method=method, json={"prompt": "a"} if method == "POST" else None, headers={**ANN, **more}
    )
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert client.get("/generate?prompt=a", headers=ANN).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/generate?prompt=a"), ("POST", "/generate"), ("POST", "/api/v1/generate")]
)
def test_one_that_may_generate_nothing_reads_and_cancels_its_jobs_alone(client, monkeypatch, worker, method, path):
    narrow(client, monkeypatch, JOBS)
    answer = client.open(path, method=method, json={"prompt": "a"} if method == "POST" else None, headers=ANN)
    assert (answer.status_code, answer.json["error"]) == (
        403,
        "This credential may not generate pictures: it lacks the scope generate.",
    )
    assert listed(client, ANN) == []
    job = "/api/v1/jobs/" + "0" * 32
    found = [client.open(it, method=how, headers=ANN).status_code for how, it in (("GET", job), ("DELETE", job))]
    assert (found, worker.asked_to_make()) == ([404, 404], [])
