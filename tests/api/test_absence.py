"""Which replies of a picture's host mean that it is gone: then it is made again, once, and no redirect is followed."""

import base64
import itertools
import time
from collections.abc import Iterator

import pytest

from image_api.generation.options import GenerationOptions
from image_api.services import services
from image_api.web.base64_json import EmbeddedPicture, embedding_response
from image_api.web.client_connection import waiter
from tests.api.conftest import NAME, PICTURE, RESULT
from tests.fakes.scripted_server import ScriptedServer

SEEDED = "prompt=a+tree&seed=7"
BUCKET = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>{}</Message></Error>"
NEW = "f" * 64
GONE = {
    "imgur": (302, {"Location": "https://i.imgur.com/removed.png"}, ""),
    "imgur by http": (302, {"Location": "http://i.imgur.com/removed.png"}, ""),
    "imgur with a query": (302, {"Location": "https://i.imgur.com/removed.png?1"}, ""),
    "imgur in capitals": (301, {"Location": "https://I.IMGUR.COM/Removed.PNG"}, ""),
    "imgur without a scheme": (302, {"Location": "//i.imgur.com/removed.png"}, ""),
    "imgur by its path": (307, {"Location": "/removed.png"}, ""),
    "another picture that leads there": (302, {"Location": "https://i.imgur.com/uH6EmZ7.png"}, ""),
    "a page": (302, {"Location": "https://pictures.example/errors/404/"}, ""),
    "a page in words": (303, {"Location": "/en/page-not-found.html"}, ""),
    "the front page": (302, {"Location": "https://pictures.example/"}, ""),
    "404": (404, {}, ""),
    "410": (410, {}, ""),
    "S3, may list": (404, {}, BUCKET.format("NoSuchKey", "The specified key does not exist.")),
    "S3, may not list": (403, {}, BUCKET.format("AccessDenied", "Access Denied")),
    "S3, expired": (403, {}, BUCKET.format("AccessDenied", "Request has expired")),
    "Cloud Storage, expired": (400, {}, BUCKET.format("ExpiredToken", "Invalid argument.")),
    "Cloud Storage, anonymous": (401, {}, BUCKET.format("AccessDenied", "Access denied.")),
    "Supabase": (400, {}, '{"statusCode":"404","error":"not_found","message":"Object not found"}'),
    "Cloudinary": (404, {"X-Cld-Error": "Resource not found - abc"}, ""),
    "Cloudinary's placeholder": (200, {"X-Cld-Error": "Resource not found - abc", "Content-Type": "image/png"}, "x"),
    "a page with 200": (200, {"Content-Type": "text/html; charset=utf-8"}, "<h1>Not found</h1>"),
    "JSON with 200": (200, {"Content-Type": "application/json"}, '{"error": "not found"}'),
}
OUT_OF_REACH = {
    "the same file elsewhere": (307, {"Location": f"https://eu.pictures.example/{NAME}"}, ""),
    "by https": (301, {"Location": f"https://pictures.example/pictures/{NAME}?x=1"}, ""),
    "its page": (302, {"Location": f"https://pictures.example/{'a' * 64}"}, ""),
    "a login": (302, {"Location": "https://pictures.example/login"}, ""),
    "nowhere": (302, {}, ""),
    "no address": (302, {"Location": "http://[/removed.png"}, ""),
    "a block": (403, {}, "<h1>Forbidden</h1>"),
    "a wrong key": (403, {}, BUCKET.format("SignatureDoesNotMatch", "No.")),
    "a quota": (429, {}, BUCKET.format("AccessDenied", "Slow down.")),
    "an outage": (503, {}, BUCKET.format("NoSuchKey", "")),
    "a legal block": (451, {}, ""),
}


@pytest.fixture
def host() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        server.say(200, PICTURE)
        yield server


@pytest.fixture
def known(client_with, host, worker):
    """Return a client of a service that has a picture at that host in its cache."""
    worker.say(200, {**RESULT, "image_url": f"{host.url}/pictures/{NAME}"})
    worker.say_to("/images/", 404, b"{}")
    client = client_with(picture_origins=host.url)
    client.get(f"/generate?{SEEDED}")
    worker.say_to("/generate", 200, {**RESULT, "image_url": f"/images/{NEW}.png"})
    worker.say_to(f"/images/{NEW}", 200, PICTURE)
    return client


def say(host: ScriptedServer, status: int, headers: dict[str, str], body: str) -> None:
    host.say(status, body.encode(), **headers)


@pytest.mark.parametrize("reply", GONE.values(), ids=GONE)
def test_one_that_is_gone_is_made_again_once(known, host, worker, reply):
    say(host, *reply)
    answers = [known.get(f"/generate.png?{SEEDED}") for _ in range(3)]
    assert [(it.status_code, it.data) for it in answers] == [(200, PICTURE)] * 3
    assert answers[0].headers["Content-Location"].endswith(f"/images/{NEW}.png")
    assert len(worker.asked_to_make()) == 2
    assert host.asked == [("GET", f"/pictures/{NAME}")]  # the cache has the new one then


@pytest.mark.parametrize("reply", GONE.values(), ids=GONE)
@pytest.mark.parametrize("path", ["/generate?", "/generate?format=redirect&"])
def test_its_address_is_not_given_on(known, host, worker, path, reply):
    say(host, *reply)
    answers = [known.get(path + SEEDED) for _ in range(3)]
    assert [it.headers["X-Cache"] for it in answers] == ["MISS", "HIT", "HIT"]
    assert all(it.json["image_url"].endswith(f"/images/{NEW}.png") for it in answers)
    assert len(worker.asked_to_make()) == 2
    assert host.asked == [("GET", f"/pictures/{NAME}")]


def test_a_host_is_asked_once_in_some_minutes_and_left_alone_if_it_cannot_tell(known, host, worker):
    answers = [known.get(f"/generate?{SEEDED}") for _ in range(3)]
    assert [it.json["image_url"] for it in answers] == [f"{host.url}/pictures/{NAME}"] * 3
    assert len(host.asked) == 1
    other = {**RESULT, "image_url": f"{host.url}/pictures/{'b' * 64}.png"}
    worker.say_to("/generate", 200, other)
    known.get(f"/generate?{SEEDED}0")
    say(host, *OUT_OF_REACH["an outage"])
    assert [known.get(f"/generate?{SEEDED}0").headers["X-Cache"] for _ in range(2)] == ["HIT"] * 2
    assert len(host.asked) == 1
    assert len(worker.asked_to_make()) == 2


def test_a_host_that_loses_each_picture_costs_one_a_minute(known, host, worker):
    numbers = itertools.count()

    def lost() -> None:
        url = f"{host.url}/pictures/{next(numbers)}.png"
        worker.say(200, {**RESULT, "image_url": url}, before=lost)

    lost()
    worker._answers.pop("/generate", None)
    say(host, *GONE["imgur"])
    answers = [known.get(f"/generate?{SEEDED}") for _ in range(5)]
    assert [it.headers["X-Cache"] for it in answers] == ["MISS", *["HIT"] * 4]
    assert len(worker.asked_to_make()) == 2


@pytest.mark.parametrize("reply", OUT_OF_REACH.values(), ids=OUT_OF_REACH)
def test_one_that_is_out_of_reach_is_not(known, host, worker, reply):
    say(host, *reply)
    answer = known.get(f"/generate.png?{SEEDED}")
    assert (answer.status_code, answer.json["code"]) == (502, "picture_unavailable")
    assert len(worker.asked_to_make()) == 1
    assert host.asked == [("GET", f"/pictures/{NAME}")]


def test_one_that_was_made_at_its_old_address_since_and_is_gone_again_is_made_again(known, host, worker, monkeypatch):
    monkeypatch.setattr("image_api.generation.regeneration.REGENERATION_TTL_SECONDS", 0.1)
    say(host, *GONE["imgur"])
    known.get(f"/generate.png?{SEEDED}")
    worker.say_to("/generate", 200, {**RESULT, "image_url": f"{host.url}/pictures/{NAME}"})
    known.get(f"/generate?{SEEDED}&cache=false")
    time.sleep(0.15)
    worker.say_to("/generate", 200, {**RESULT, "image_url": f"/images/{'e' * 64}.png"})
    worker.say_to("/images/", 200, PICTURE)
    assert known.get(f"/generate.png?{SEEDED}").headers["Content-Location"].endswith(f"{'e' * 64}.png")
    assert len(worker.asked_to_make()) == 4


def test_no_redirect_is_followed(known, host):
    with ScriptedServer() as other:
        say(host, 302, {"Location": f"{other.url}/removed.png"}, "")
        assert known.get(f"/generate.png?{SEEDED}").data == PICTURE
        assert other.asked == []


def test_an_endless_refusal_is_not_read_to_its_end(known, host):
    say(host, 403, {}, " " * 20_000 + BUCKET.format("AccessDenied", ""))
    assert known.get(f"/generate.png?{SEEDED}").status_code == 502


def test_one_that_was_just_made_is_not_made_again_at_once(client_with, host, worker):
    """The client has waited for it, and its host is at fault."""
    worker.say(200, {**RESULT, "image_url": f"{host.url}/pictures/{NAME}"})
    say(host, 302, {"Location": "/removed.png"}, "")
    answer = client_with(picture_origins=host.url).get("/generate.png?prompt=a+tree")
    assert (answer.status_code, len(worker.asked_to_make())) == (502, 1)


def test_one_that_the_operator_deleted_is_not_made_again(known, host, worker):
    say(host, 302, {"Location": "/removed.png"}, "")
    worker.say_to("/images/", 410, {"success": False, "error": "Deleted.", "code": "picture_deleted"})
    answer = known.get(f"/generate.png?{SEEDED}")
    assert (answer.status_code, answer.json["code"], len(worker.asked_to_make())) == (410, "picture_deleted", 1)


def test_as_base64_it_is_made_again_too(known, host, worker):
    say(host, 404, {}, "")
    with known.application.test_request_context(f"/generate?{SEEDED}"):
        known.application.preprocess_request()
        cached = services().generation.generate(GenerationOptions(prompt="a tree", seed=7), "an-id", waiter())
        picture = EmbeddedPicture(cached)
        answer = embedding_response(picture.placeholder, [picture])
        assert base64.b64decode(b"".join(answer.response)) == PICTURE
    assert len(worker.asked_to_make()) == 2
