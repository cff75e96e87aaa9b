"""output_format=auto: each client gets the format that its Accept header prefers, of one stored picture."""

import pytest

from tests.api.conftest import NAME
from tests.api.pictures import TEXTS, opened, recipe_of

AVIF, WEBP, JPEG, PNG = "image/avif", "image/webp", "image/jpeg", "image/png"
SEEDED = "/generate?prompt=a+tree&seed=7&output_format=auto"
AS_IMAGE = f"{SEEDED}&format=image"
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
IMG = {"Sec-Fetch-Dest": "image"}


@pytest.mark.parametrize(
    ("accept", "of_jpeg", "of_png"),
    [
        (CHROME, AVIF, AVIF),
        ("image/webp,image/apng,image/*,*/*;q=0.8", WEBP, WEBP),  # Chrome 32 to 84
        ("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", AVIF, AVIF),  # Firefox 128
        ("image/avif,image/webp,*/*", AVIF, AVIF),  # Firefox 92
        ("image/webp,*/*", WEBP, WEBP),  # Firefox 66
        ("image/png,image/*;q=0.8,*/*;q=0.5", JPEG, PNG),  # Firefox 47
        (
            "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml"
            ",image/*;q=0.8,*/*;q=0.5",
            AVIF,
            AVIF,
        ),  # Safari 17
        ("image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", WEBP, WEBP),  # Safari 14
        ("image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", JPEG, PNG),  # Safari 13
        ("image/png, image/svg+xml, image/jxr, image/*;q=0.8, */*;q=0.5", JPEG, PNG),  # Internet Explorer 11
        ("*/*", JPEG, PNG),  # curl, and Firefox before 47
        (None, JPEG, PNG),
        ("", JPEG, PNG),
        ("image/*", JPEG, PNG),
        ("image/*;q=0.1", JPEG, PNG),
        ("image/png", PNG, PNG),
        ("image/jpeg", JPEG, JPEG),
        ("image/jpg", JPEG, JPEG),
        ("image/jpeg,image/png", JPEG, PNG),
        ("image/png,image/jpeg;q=0.4", PNG, PNG),
        ("image/jpeg,image/png;q=0.4", JPEG, JPEG),
        ("image/jpeg;q=0,*/*", PNG, PNG),
        ("image/png;q=0,*/*", JPEG, JPEG),
        ("image/png;q=0,image/*;q=0.5", JPEG, JPEG),
        ("image/avif", AVIF, AVIF),
        ("IMAGE/AVIF;Q=0.2", AVIF, AVIF),
        ("image/avif;v=1;q=0.9", AVIF, AVIF),
        ("image/avif;q=0,image/webp,*/*", WEBP, WEBP),
        ("image/avif;q=0,image/webp;q=0,*/*", JPEG, PNG),
        ("image/avif;q=0.5,image/webp", WEBP, WEBP),
        ("image/avif;q=0.5,image/webp;q=0.7,image/*", JPEG, PNG),
        ("image/avif;q=0.5,image/*;q=0.5", AVIF, AVIF),
        ("image/avif;q=2,image/webp;q=x,image/png", PNG, PNG),  # no qualities
        ("image/gif", JPEG, PNG),  # nothing that there is: better than nothing
        ("application/json", JPEG, PNG),
        ("*/*;q=0", JPEG, PNG),
    ],
)
def test_it_works(client, worker, keeps, accept, of_jpeg, of_png):
    headers = {} if accept is None else {"Accept": accept}
    for kind, expected in ((JPEG, of_jpeg), (PNG, of_png)):
        data = keeps(kind)
        answer = client.get(f"/generate?prompt={kind}&seed=7&output_format=auto&format=image", headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, expected)
        assert answer.headers["Vary"] == "Accept, Sec-Fetch-Dest"
        assert answer.headers["Content-Location"] == f"http://localhost/images/{NAME}"
        assert (answer.data == data) == (expected == kind)
        image = opened(answer)
        assert (f"image/{image.format.lower()}", image.size, recipe_of(image)) == (expected, (64, 48), TEXTS)
        ending = expected.removeprefix("image/").replace("jpeg", "jpg")
        assert answer.headers["Content-Disposition"] == f"inline; filename=a-tree-7.{ending}"
        assert worker.asked_to_make()[-1]["output_format"] == "auto"


@pytest.mark.parametrize("headers", [IMG | {"Accept": CHROME}, {"Accept": "image/avif"}])
def test_an_img_gets_the_bytes_or_a_redirect_to_the_stored_one(client, keeps, headers):
    keeps(JPEG)
    answer = client.get(SEEDED, headers=headers)
    assert (answer.status_code, answer.mimetype, answer.headers["X-Cache"]) == (200, AVIF, "MISS")
    for plain in ({"Sec-Fetch-Dest": "image"}, IMG | {"Accept": "*/*"}, {"Accept": "image/*"}):
        answer = client.get(SEEDED, headers=plain)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"http://localhost/images/{NAME}")
        assert (answer.json["content_type"], answer.headers["Vary"]) == (JPEG, "Accept, Sec-Fetch-Dest")


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("", {"Accept": "application/json, image/avif"}),
        ("", {"Accept": "text/html,application/xhtml+xml,image/avif,image/webp,*/*;q=0.8"}),
        ("&format=json", {"Accept": CHROME}),
        ("&format=redirect", {"Accept": CHROME}),
        ("&response_format=b64_json", {"Accept": CHROME}),
    ],
)
def test_json_tells_of_the_stored_one(client, keeps, query, headers):
    keeps(JPEG)
    answer = client.get(SEEDED + query, headers=headers)
    assert (answer.mimetype, answer.json["content_type"]) == ("application/json", JPEG)
    assert answer.json["image_url"] == f"http://localhost/images/{NAME}"


def test_events_tell_of_the_stored_one(client, keeps):
    keeps(JPEG)
    events = client.get(SEEDED, headers={"Accept": "text/event-stream, image/avif;q=0.5"}).text
    assert f'"content_type":"{JPEG}"' in events


@pytest.mark.parametrize(
    ("path", "accept", "unknown", "known"),
    [
        (AS_IMAGE, CHROME, AVIF, AVIF),
        (AS_IMAGE, "image/webp", WEBP, WEBP),
        (AS_IMAGE, "image/png", PNG, PNG),
        (AS_IMAGE, "*/*", None, JPEG),
        (SEEDED, CHROME, AVIF, AVIF),
        (SEEDED, "image/*", "application/json", "application/json"),
        (SEEDED, "image/png", None, PNG),
        (SEEDED, "*/*", "application/json", "application/json"),
    ],
)
def test_head_tells_the_type_if_it_is_known(client, worker, keeps, path, accept, unknown, known):
    keeps(JPEG)
    head = client.head(path, headers={"Accept": accept})
    assert (head.status_code, head.headers.get("Content-Type"), worker.requests) == (200, unknown, [])
    got = client.get(path, headers={"Accept": accept})
    worker.requests.clear()
    head = client.head(path, headers={"Accept": accept})
    assert head.headers["Content-Type"] == got.headers["Content-Type"] == known
    assert (head.status_code, head.data) == (got.status_code, b"")
    assert head.headers["Vary"] == got.headers["Vary"] == "Accept, Sec-Fetch-Dest"
    assert worker.requests == []


def test_a_link_preview_bot_costs_no_encoding(client, worker, keeps):
    data = keeps(JPEG)
    bot = {"User-Agent": "Slackbot-LinkExpanding 1.0", "Accept": "image/avif,image/webp,*/*"}
    assert client.get(AS_IMAGE, headers=bot).status_code == 503
    client.get(SEEDED)
    answer = client.get(AS_IMAGE, headers=bot)
    assert (answer.mimetype, answer.data, answer.headers["X-Cache"]) == (JPEG, data, "HIT")
    assert client.get(SEEDED, headers=bot).status_code == 302
    assert len(worker.asked_to_make()) == 1


def test_a_prefetch_costs_nothing(client, worker):
    answer = client.get(AS_IMAGE, headers={"Accept": CHROME, "Sec-Purpose": "prefetch"})
    assert (answer.status_code, worker.requests) == (503, [])


def test_other_formats_are_not_negotiated(client, keeps):
    data = keeps(PNG)
    for path in ("/generate.png?prompt=a&seed=7", "/generate?prompt=a&seed=7&format=image&output_format=png"):
        assert client.get(path, headers={"Accept": CHROME}).data == data
    refused = client.get("/generate.png?prompt=a&output_format=auto")
    assert (refused.status_code, refused.json["code"]) == (400, "invalid_parameter")
