"""What a client gets beyond its limit, by each door and in each family's own format."""

import base64
import json

import openai
import pytest
import simple_websocket

from tests.api.auth.conftest import bearer
from tests.api.auth.keys import declared
from tests.api.limits.visitors import as_visitor, get, post
from tests.api.pictures import PNG

DOORS = [
    ("GET", "/generate?prompt=b", {}),
    ("GET", "/generate.png?prompt=b", {}),
    ("GET", "/generate?prompt=b", {"headers": {"Accept": "text/event-stream"}}),
    ("GET", "/generate?prompt=b", {"headers": {"Accept": "image/*"}}),
    ("GET", "/generate?prompt=b&n=1", {}),
    ("GET", "/generate?prompt=b&n=1", {"headers": {"Accept": "text/event-stream"}}),
    ("POST", "/generate", {"json": {"prompt": "b"}}),
    ("POST", "/generate", {"json": {"prompt": "b"}, "headers": {"Prefer": "respond-async"}}),
    ("POST", "/api/v1/generate", {"json": {"prompt": "b"}}),
    ("POST", "/v1/txt2img", {"json": {"prompt": "b"}}),
    ("POST", "/v1/img2img", {"json": {"prompt": "b", "image": base64.b64encode(PNG).decode()}}),
    ("GET", "/sheet.png?prompt=b", {}),
    ("GET", "/sheet?prompt=b", {}),
]
IN_OPENAI_S_FORMAT = [
    ("POST", "/v1/images/generations", {"json": {"prompt": "b"}}),
    ("POST", "/v1/images/generations", {"json": {"prompt": "b", "stream": True}}),
    (
        "POST",
        "/v1/images/edits",
        {"json": {"prompt": "b", "images": [{"image_url": "data:image/png;base64," + base64.b64encode(PNG).decode()}]}},
    ),
]


@pytest.fixture
def spent(client_with, worker):
    """Return a client of an API tier, and has its limit reached."""
    client = client_with(rate_limit="4 per day", worker_wake_seconds=0)
    assert get(client, "/generate?prompt=a&n=4").status_code == 200
    worker.requests.clear()
    return client


def check_head(answer, worker) -> None:
    """Check what all refusals have: nothing was asked of the render worker, and the head says what is left."""
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 86_400
    assert answer.headers["RateLimit-Policy"] == '"day";q=4;w=86400'
    assert answer.headers["RateLimit"].startswith('"day";r=0;t=')
    assert not worker.asked_to_make()


@pytest.mark.parametrize(("method", "url", "options"), DOORS)
def test_it_is_refused_before_a_response_begins(spent, worker, method, url, options):
    answer = as_visitor(spent, method, url, **options)
    check_head(answer, worker)
    body = json.loads(answer.data)
    assert (body["success"], body["code"]) == (False, "rate_limited")
    assert body["error"].startswith("4 of 4 new pictures per day were made for this client")
    assert body["hint"]


@pytest.mark.parametrize(("method", "url", "options"), IN_OPENAI_S_FORMAT)
def test_in_openai_s_format_it_is_an_error_object(spent, worker, method, url, options):
    answer = as_visitor(spent, method, url, **options)
    check_head(answer, worker)
    error = answer.json["error"]
    assert (error["code"], error["type"]) == ("rate_limited", "rate_limit_error")


def test_in_the_styled_format_it_is_one_of_that(spent, worker):
    answer = post(spent, "/v1/images/generate", json={"prompt": "b"})
    check_head(answer, worker)
    assert "rate_limited" in answer.text


@pytest.fixture
def application(client_with):
    key, entry = declared("ann", per_day=1)
    client = client_with(api_keys=entry, worker_wake_seconds=0)
    client.application.key = key
    return client.application


def test_openai_s_client_raises_its_rate_limit_error(application, base):
    with openai.OpenAI(base_url=f"{base}/v1", api_key=application.key, max_retries=0) as client:
        client.images.generate(prompt="a tree")
        with pytest.raises(openai.RateLimitError) as refusal:
            client.images.generate(prompt="another tree")
    assert (refusal.value.code, refusal.value.status_code) == ("rate_limited", 429)
    assert int(refusal.value.response.headers["Retry-After"]) > 0


def test_a_websocket_is_told_by_each_message(application, base):
    url = f"{base.replace('http', 'ws')}/stream/generate/txt2img"
    socket = simple_websocket.Client(url, headers=bearer(application.key))
    try:
        said = [_last(socket, {"prompt": "a tree", "seed": seed}) for seed in (1, 2, 1)]
        several = _last(socket, {"prompt": "a tree", "n": 2})
    finally:
        socket.close()
    assert [(it["event"], it.get("status")) for it in said] == [("result", None), ("error", 429), ("result", None)]
    assert (said[1]["error"]["code"], said[1]["error"]["retry_after"] > 0) == ("rate_limited", True)
    assert (several["status"], several["error"]["code"]) == (429, "rate_limited")


def _last(socket: simple_websocket.Client, message: dict) -> dict:
    """Return the last event that answers a message."""
    socket.send(json.dumps(message))
    while True:
        event = json.loads(socket.receive(20))
        if event["event"] in ("result", "error"):
            return event
