"""Prompts with a blocked term: refused by every way in, also if the picture is cached, before anything is asked for."""

import json
import logging

import openai
import pytest
import simple_websocket
from flask.testing import FlaskClient

from image_api.limits.blocked_prompts import BLOCKED
from image_api.styles import STYLES
from tests.api import test_img2img
from tests.api.conftest import NAME, RESULT
from tests.api.edits import DATA_URL, document, form, post, refusal
from tests.api.pictures import PNG
from tests.fakes.processes import wait_until

TERM = "forbidden fruit"
PROMPT = "A tree of Forbidden  fruit"
EVENTS = {"Accept": "text/event-stream"}
ASYNC = {"Prefer": "respond-async"}
JSON_PATHS = ("/generate", "/api/v1/generate", "/v1/images/generate", "/v1/txt2img", "/v1/images/generations")


@pytest.fixture
def terms(tmp_path):
    file = tmp_path / "terms.txt"
    file.write_text(f"# of this test\n{TERM}\nanime\n")
    return file


@pytest.fixture
def client(client_with, terms):
    return client_with(blocked_terms_file=terms)


@pytest.fixture
def application(client):
    return client.application


@pytest.mark.parametrize(
    ("method", "path", "fields", "headers"),
    [
        ("GET", "/generate", {}, {}),
        ("HEAD", "/generate", {}, {}),
        ("GET", "/generate.png", {}, {}),
        ("GET", "/generate", {}, {"User-Agent": "Twitterbot/1.0"}),
        ("GET", "/generate", {}, EVENTS),
        ("GET", "/generate", {"n": 3}, {}),
        ("GET", "/generate", {"n": 3}, EVENTS),
        ("GET", "/generate", {"output_format": "auto"}, {"Accept": "image/*"}),
        ("GET", "/sheet", {}, {}),
        ("GET", "/sheet.png", {}, {}),
        ("HEAD", "/sheet.png", {}, {}),
        ("POST", "/generate", {}, {}),
        ("POST", "/generate", {}, ASYNC),
        ("POST", "/generate", {"n": 2}, EVENTS),
        ("POST", "/api/v1/generate", {}, {}),
        ("POST", "/v1/images/generate", {"style": "anime"}, {}),
        ("POST", "/v1/txt2img", {}, {}),
        ("POST", "/v1/txt2img", {"num_images": 3}, {}),
        ("POST", "/v1/images/generations", {}, {}),
        ("POST", "/v1/images/generations", {"n": 2}, {}),
        ("POST", "/v1/images/generations", {"stream": True}, {}),
    ],
)
def test_it_is_refused_by_every_way_in(client, worker, caplog, method, path, fields, headers):
    with caplog.at_level(logging.DEBUG):
        if method == "POST":
            answer = client.post(path, json={"prompt": PROMPT, **fields}, headers=headers)
        else:
            answer = client.open(path, method=method, query_string={"prompt": PROMPT, **fields}, headers=headers)
    assert answer.status_code == 422
    if method != "HEAD":
        error = answer.json.get("error") if isinstance(answer.json.get("error"), dict) else answer.json
        assert error["code"] == "prompt_blocked"
        assert BLOCKED in (error.get("message"), error.get("error"))
    assert "fruit" not in answer.get_data(as_text=True).lower()
    assert "fruit" not in caplog.text.lower()
    assert worker.asked_to_make() == []


def test_one_with_an_image_is_refused(base, worker):
    answers = [
        post(base, prompt=PROMPT),
        form(base, ("image", ("a.png", PNG)), prompt=PROMPT),
        document(base, prompt=PROMPT, images=[{"image_url": DATA_URL}]),
        test_img2img.post(base, prompt=PROMPT, image=DATA_URL),
        test_img2img.form(base, prompt=PROMPT),
    ]
    assert [it.status_code for it in answers] == [422] * 5
    assert refusal(answers[1]) == (422, "prompt_blocked", None)
    assert worker.asked_to_make() == []


def test_the_websocket_refuses_it_and_goes_on(base, worker):
    socket = simple_websocket.Client(f"{base.replace('http', 'ws')}/stream/generate/txt2img")
    said = []
    for prompt in (PROMPT, "a tree"):
        socket.send(json.dumps({"prompt": prompt}))
        said.append(json.loads(socket.receive(20)))
        while said[-1]["event"] not in ("result", "error"):
            said.append(json.loads(socket.receive(20)))
    socket.close()
    assert (said[0]["event"], said[0]["status"], said[0]["error"]["code"]) == ("error", 422, "prompt_blocked")
    assert said[-1]["event"] == "result"
    assert len(worker.asked_to_make()) == 1


def test_openai_s_client_raises_its_own_exception(ai):
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        ai.images.generate(prompt=PROMPT)
    assert (refused.value.code, refused.value.type) == ("prompt_blocked", "invalid_request_error")


def test_another_prompt_is_made(client: FlaskClient, worker):
    for path in JSON_PATHS:
        assert client.post(path, json={"prompt": "forbidden, a fruit"}).status_code in (200, 202)
    assert client.post("/generate", json={"prompt": "a tree", "negative_prompt": TERM}).status_code == 200


def test_the_words_of_a_style_are_not_looked_at(client, worker):
    assert "anime" in STYLES["anime"].prompt.lower()
    assert client.get("/generate?prompt=a+tree&style=anime").status_code == 200
    assert client.get("/generate?prompt=an+anime+tree&style=anime").status_code == 422
    assert client.get("/generate?prompt=a+tree+in+anime").status_code == 422


def test_a_lost_picture_in_such_a_style_is_regenerated(client, worker):
    styled = STYLES["anime"].applied_to("a tree")
    worker.say(200, {**RESULT, "prompt": styled})
    assert client.get("/generate?prompt=a+tree&style=anime&seed=7").status_code == 200
    worker.say(200, {**RESULT, "image_url": "/images/" + "b" * 64 + ".png"})
    worker.say_to("/images/", 404, b"{}")
    assert client.get(f"/images/{NAME}").status_code in (302, 307)


def test_a_cached_picture_is_refused_once_its_prompt_is_blocked(client, terms, worker):
    address = "/generate?prompt=a+green+tree&seed=7"
    assert client.get(address).status_code == 200
    assert client.get(address).headers["X-Cache"] == "HIT"
    terms.write_text("green tree\n")
    wait_until(lambda: client.get(address).status_code == 422, "the changed file is read")
    assert client.get(address.replace("green", "blue")).status_code == 200
    assert client.get(f"/images/{NAME}").status_code == 200


def test_a_refusal_counts_on_no_limit(client_with, terms):
    client = client_with(blocked_terms_file=terms, rate_limit="1 per 10 minutes", trusted_proxies="loopback")
    stranger = {"X-Forwarded-For": "203.0.113.7"}
    for path in ("/generate", "/generate", "/sheet"):
        assert client.get(path, query_string={"prompt": PROMPT}, headers=stranger).status_code == 422
    assert client.post("/api/v1/generate", json={"prompt": PROMPT}, headers=stranger).status_code == 422
    assert client.get("/generate?prompt=a", headers=stranger).status_code == 200
    assert client.get("/generate?prompt=b", headers=stranger).status_code == 429
