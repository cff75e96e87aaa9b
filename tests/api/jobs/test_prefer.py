"""Prefer: respond-async makes a job of a request to /generate whose response is JSON with addresses."""

import pytest

from tests.api.conftest import NAME
from tests.api.jobs.conftest import ended

ASYNC = {"Prefer": "respond-async"}


def is_job(answer) -> bool:
    if answer.status_code != 202:
        assert "Preference-Applied" not in answer.headers
        return False
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.headers["Location"] == answer.json["links"]["status"]
    return True


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_works(client, worker, method):
    fields = {"query_string": {"prompt": "a tree"}} if method == "GET" else {"json": {"prompt": "a tree"}}
    answer = client.open("/generate", method=method, headers=ASYNC, **fields)
    assert is_job(answer)
    assert answer.headers["Vary"] == "Accept, Sec-Fetch-Dest, Prefer"
    assert ended(client, answer.json["job_id"])["images"][0]["image_url"].endswith(NAME)
    assert len(worker.asked_to_make()) == 1


@pytest.mark.parametrize(
    "header",
    [
        "respond-async",
        "Respond-ASYNC",
        "respond-async, wait=10",
        "wait=10, respond-async",
        "wait=10,respond-async",
        "handling=lenient; foo, , respond-async;x=y",
        'foo="a, b\\" c", respond-async',
        'respond-async=""',
        "respond-async ; foo",
        "return=minimal,  respond-async\t",
    ],
)
def test_a_list_of_preferences_is_read(client, header):
    assert is_job(client.get("/generate?prompt=a", environ_overrides={"HTTP_PREFER": header}))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "wait=10",
        "return=minimal",
        "respond-asynchronously",
        "x-respond-async",
        'foo="respond-async"',
        'foo="a, respond-async, b"',
        "wait=10; respond-async",
        "respond-async=false",
        '"respond-async',
        'foo="a, respond-async',
        "," * 4000,
        '"' * 4001 + ", respond-async",
    ],
)
def test_what_names_it_not_is_ignored(client, header):
    answer = client.get("/generate?prompt=a", environ_overrides={"HTTP_PREFER": header})
    assert (is_job(answer), answer.status_code, answer.headers["Vary"]) == (False, 200, "Accept, Sec-Fetch-Dest")


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("/generate.png?prompt=a", {}),
        ("/generate?prompt=a&format=image", {}),
        ("/generate?prompt=a&format=redirect", {}),
        ("/generate?prompt=a&response_format=b64_json", {}),
        ("/generate?prompt=a", {"Accept": "text/event-stream"}),
        ("/generate?prompt=a&n=2", {"Accept": "text/event-stream"}),
        ("/generate?prompt=a", {"Accept": "image/*"}),
        ("/generate?prompt=a", {"Sec-Fetch-Dest": "image"}),
        ("/generate?prompt=a", {"User-Agent": "Twitterbot/1.0"}),
        ("/generate?prompt=a", {"Sec-Purpose": "prefetch"}),
        ("/generate?prompt=a", {"Last-Event-ID": "x:1"}),
        ("/generate?prompt=a", {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}),
        ("/sheet?prompt=a", {}),
    ],
)
def test_what_is_no_plain_json_is_answered_as_ever(client, address, headers):
    plain, answer = (client.get(address, headers={**headers, **more}, buffered=True) for more in ({}, ASYNC))
    assert not is_job(answer)
    assert (answer.status_code, answer.mimetype) == (plain.status_code, plain.mimetype)
    assert client.get("/api/v1/jobs").json["jobs"] == []


def test_head_makes_none(client):
    assert client.head("/generate?prompt=a", headers=ASYNC).status_code == 200
    assert client.get("/api/v1/jobs").json["jobs"] == []


def test_an_invalid_request_is_refused_and_no_job(client):
    for address in ("/generate?prompt=", "/generate?prompt=a&within=5&model=sketch", "/generate?prompt=a&n=x"):
        assert client.get(address, headers=ASYNC).status_code == 400
    assert client.get("/api/v1/jobs").json["jobs"] == []


def test_previews_are_left_out_as_in_json(client):
    assert is_job(client.get("/generate?prompt=a&previews=true", headers=ASYNC))


def test_a_webhook_goes_with_a_job_by_post_alone(client_with):
    client = client_with(webhook_secret="whsec_" + "a" * 43 + "=")
    body = {"prompt": "a", "webhook_url": "https://client.example/hook?key=secret"}
    answer = client.post("/generate", json=body, headers=ASYNC)
    assert is_job(answer)
    assert "secret" not in answer.text
    sentences = [
        client.post("/generate", json=body).json["error"],
        client.get("/generate", query_string=body, headers=ASYNC).json["error"],
        client.post("/generate", json={**body, "format": "image"}, headers=ASYNC).json["error"],
    ]
    assert sentences[0] == sentences[1]
    assert sentences[0].startswith('"webhook_url" is not a parameter here; a job has it, which a POST with the header')
    assert sentences[2].startswith("webhook_url goes with a response of JSON")


def test_the_route_of_jobs_applies_it_too(client):
    answer = client.post("/api/v1/generate", json={"prompt": "a"}, headers=ASYNC)
    assert is_job(answer)
