"""What a page needs before the picture: blurhash, dominant colour, alternative text, in every answer of /generate."""

import json

import pytest
from flask.testing import FlaskClient

from image_api.generation.cache import MemoryCache
from image_api.generation.results import RESULTS, ResultCache
from render_worker.contract import GenerateResult
from tests.api.conftest import PICTURE, RESULT

FIELDS = {"blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "dominant_color": "#8a6f5b", "alt": "a tree"}
QUERY = "/generate?prompt=a+tree&seed=7"


@pytest.fixture
def worker(worker):
    """Return a worker that tells them."""
    worker.say(200, {**RESULT, **FIELDS})
    worker.say_to("/images/", 200, PICTURE)
    return worker


def told(answer: dict) -> dict:
    return {name: answer[name] for name in FIELDS if name in answer}


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("&format=json", {}),
        ("&format=redirect", {}),
        ("&response_format=b64_json", {}),
        ("", {"Accept": "image/*"}),
        ("&output_format=auto", {}),
    ],
)
def test_it_works(client: FlaskClient, query, headers):
    for cached in (False, True):
        answer = client.get(QUERY + query, headers=headers).json
        assert (told(answer), answer["cached"]) == (FIELDS, cached)


def test_a_body_s_answer_has_them(client):
    assert told(client.post("/generate", json={"prompt": "a tree"}).json) == FIELDS


@pytest.mark.parametrize("query", ["", "&response_format=b64_json"])
def test_events_have_them(client, query):
    for _ in range(2):  # made, and cached
        text = client.get(QUERY + query, headers={"Accept": "text/event-stream"}).text
        data = text.partition("event: result")[2].partition("data: ")[2].partition("\n")[0]
        assert told(json.loads(data)) == FIELDS


def test_messages_have_them(front):
    front.worker.say(200, {**RESULT, **FIELDS})
    front.worker.say_to("/images/", 200, PICTURE)
    for more in ({}, {"response_format": "b64_json"}, {"output_format": "auto"}):
        assert told(front.said(json.dumps({"prompt": "a tree", **more}))["result"]) == FIELDS


def test_a_link_preview_names_the_picture(client):
    client.get(QUERY)
    page = client.get(QUERY, headers={"User-Agent": "Slackbot-LinkExpanding 1.0"}).text
    assert '<meta property="og:image:alt" content="a tree">' in page


def test_an_older_worker_has_none_and_they_are_left_out(client, worker):
    worker.say(200, RESULT)
    assert told(client.get(QUERY).json) == {}


def test_an_entry_of_an_older_version_has_none():
    cache = MemoryCache()
    cache.put(RESULTS, "k", GenerateResult(**RESULT).model_dump_json(exclude_none=True).encode(), 60)
    cached = ResultCache(cache, 60).get("k")
    assert cached is not None
    assert told(cached.model_dump(exclude_none=True)) == {}
