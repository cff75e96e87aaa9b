"""HEAD: the head of a GET as far as it is known without a generation, and no length but the GET's."""

import pytest

from tests.api.conftest import NAME, PICTURE

COMPARED = ("Content-Type", "Vary", "Location", "X-Cache", "Cross-Origin-Resource-Policy", "Cache-Control")
EVENTS = {"Accept": "text/event-stream"}


@pytest.mark.parametrize(
    ("path", "headers", "mimetype"),
    [
        ("/generate?prompt=a", {}, "application/json"),
        ("/generate?prompt=a", {"Accept": "text/html"}, "application/json"),
        ("/generate?prompt=a", {"Accept": "image/*"}, "application/json"),  # of the redirect
        ("/generate?prompt=a", EVENTS, "text/event-stream"),
        ("/generate?prompt=a&format=json", EVENTS, "application/json"),
        ("/generate?prompt=a&format=image", {}, "image/png"),
        ("/generate?prompt=a&format=image&output_format=webp", {}, "image/webp"),
        ("/generate.jpg?prompt=a", {}, "image/jpeg"),
        ("/generate.webp?prompt=a", EVENTS, "image/webp"),
    ],
)
def test_it_works(client, worker, path, headers, mimetype):
    answer = client.head(path, headers=headers)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, mimetype, b"")
    assert "Content-Length" not in answer.headers
    assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == ("Accept, Sec-Fetch-Dest", "no-store")
    assert worker.requests == []


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/generate?prompt=a+tree&seed=7", {}),
        ("/generate?prompt=a+tree&seed=7&format=redirect", {}),
        ("/generate?prompt=a+tree&seed=7", {"Accept": "image/*"}),
        ("/generate", {}),
        ("/generate?prompt=a&seed=x", {}),
        ("/generate?prompt=a&within=5&model=sketch", {}),
        ("/generate.png?prompt=a&format=json", {}),
        ("/generate?prompt=a", {"Sec-Purpose": "prefetch"}),
        ("/", {}),
        ("/health", {}),
        ("/robots.txt", {}),
        ("/v1/styles", {}),
        ("/stream/generate/txt2img", {}),
        ("/nowhere", {}),
        ("/v1/images/generate", {}),
        (f"/images/{NAME}", {}),
        (f"/images/{NAME}", {"If-None-Match": "*"}),
        ("/images/x.png", {}),
    ],
)
def test_what_is_known_is_all_of_it(client, worker, path, headers):
    client.get("/generate?prompt=a+tree&seed=7")
    worker.say_to("/images/", 200, PICTURE)
    worker.requests.clear()
    get, head = (client.open(path, method=method, headers=headers) for method in ("GET", "HEAD"))
    assert head.status_code == get.status_code
    assert head.headers.get("Content-Length") == get.headers.get("Content-Length")
    assert [head.headers.get(name) for name in COMPARED] == [get.headers.get(name) for name in COMPARED]
    assert (head.data, worker.asked_to_make()) == (b"", [])


def test_a_cached_picture_s_type_is_the_storage_s(client, worker):
    client.get("/generate?prompt=a+tree&seed=7&output_format=webp")
    answer = client.head("/generate.webp?prompt=a+tree&seed=7")
    assert answer.mimetype == client.get("/generate.webp?prompt=a+tree&seed=7").mimetype == "image/png"


def test_a_range_is_not_for_head(client, worker):
    worker.say(200, PICTURE)
    client.head(f"/images/{NAME}", headers={"Range": "bytes=0-3"})
    assert "Range" not in worker.requests[-1][2]


def test_a_stream_is_not_resumed_for_its_head(client, worker):
    answer = client.head("/generate?prompt=a", headers={**EVENTS, "Last-Event-ID": "x:1"})
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
