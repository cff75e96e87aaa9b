"""output_format=auto: each client gets the format that its Accept header prefers, of one stored picture."""

import io
import json
import threading

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.api.conftest import NAME, RESULT

AVIF, WEBP, JPEG, PNG = "image/avif", "image/webp", "image/jpeg", "image/png"
TEXTS = {"prompt": "ein Baum – 木", "seed": "7", "engine": "perchance"}
SEEDED = "/generate?prompt=a+tree&seed=7&output_format=auto"
AS_IMAGE = f"{SEEDED}&format=image"
IMG = {"Sec-Fetch-Dest": "image"}
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
EVENTS = {"Accept": "text/event-stream"}


def stored(kind: str = PNG, mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a file as the render worker stores it, with its recipe inside."""
    file = io.BytesIO()
    image = Image.new(mode, size, "red" if mode == "RGB" else (255, 0, 0, 0))
    if kind == PNG:
        info = PngInfo()
        for keyword, text in TEXTS.items():
            info.add_itxt(keyword, text)
        image.save(file, "PNG", pnginfo=info)
    else:
        exif = Image.Exif()
        exif[0x010E] = json.dumps(TEXTS)
        image.save(file, kind.removeprefix("image/").upper(), exif=exif)
    return file.getvalue()


@pytest.fixture
def keeps(worker):
    """Have the render worker make and keep a picture of that type."""

    def keep(kind: str = PNG, data: bytes | None = None, **changes: object) -> bytes:
        data = stored(kind) if data is None else data
        worker.say(200, {**RESULT, "content_type": kind, "width": 64, "height": 48, "bytes": len(data), **changes})
        worker.say_to("/images/", 200, data)
        return data

    return keep


def opened(answer) -> Image.Image:
    image = Image.open(io.BytesIO(answer.data))
    image.load()
    return image


def recipe_of(image: Image.Image) -> dict[str, str]:
    texts = getattr(image, "text", None)
    return texts or json.loads(image.getexif()[0x010E])


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


def test_one_recipe_is_cached_and_each_variant_made_once(client, worker, keeps, monkeypatch):
    keeps(JPEG)
    first = client.get(SEEDED, headers=IMG | {"Accept": CHROME})
    reads = [path for _, path, _, _ in worker.requests].count(f"/images/{NAME}")
    again = client.get(SEEDED, headers=IMG | {"Accept": CHROME})
    other = client.get(AS_IMAGE, headers={"Accept": "image/webp"})
    assert [it.headers["X-Cache"] for it in (first, again, other)] == ["MISS", "HIT", "HIT"]
    assert (first.data == again.data, other.mimetype, reads) == (True, WEBP, 1)
    requests = [(method, path) for method, path, _, _ in worker.requests]
    assert requests.count(("GET", f"/images/{NAME}")) == 2  # one for each variant
    assert len(worker.asked_to_make()) == 1


def test_clients_at_the_same_time_share_an_encoding(client, worker, keeps):
    keeps(PNG)
    client.get(SEEDED)
    answers = []

    def ask() -> None:
        answers.append(client.application.test_client().get(SEEDED, headers={"Accept": "image/avif"}).data)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert [(method, path) for method, path, _, _ in worker.requests].count(("GET", f"/images/{NAME}")) == 1


def test_a_reload_costs_a_header(client, keeps):
    keeps(JPEG)
    answer = client.get(SEEDED, headers={"Accept": CHROME})
    assert answer.headers["Cache-Control"] == "no-cache"
    same = {"If-None-Match": answer.headers["ETag"]}
    again = client.get(SEEDED, headers={"Accept": CHROME, **same})
    assert (again.status_code, again.data, again.headers["Vary"]) == (304, b"", "Accept, Sec-Fetch-Dest")
    assert client.get(SEEDED, headers={"Accept": "image/webp", **same}).status_code == 200


def test_a_random_picture_is_not_kept(client, keeps):
    keeps(JPEG)
    answer = client.get("/generate?prompt=a&output_format=auto", headers={"Accept": CHROME})
    assert (answer.mimetype, answer.headers["Cache-Control"]) == (AVIF, "no-store")
    assert "ETag" not in answer.headers


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


@pytest.mark.parametrize("data", [b"no picture", stored(JPEG)[:200], stored(PNG)[:-40], b"GIF89a" + bytes(20)])
def test_what_cannot_be_encoded_comes_as_it_is_stored(client, worker, keeps, data):
    keeps(JPEG, data)
    for _ in range(2):
        answer = client.get(AS_IMAGE, headers={"Accept": CHROME})
        assert (answer.status_code, answer.mimetype, answer.data) == (200, JPEG, data)
        assert client.get(SEEDED, headers={"Accept": CHROME}).status_code == 302
    assert client.head(AS_IMAGE, headers={"Accept": CHROME}).mimetype == JPEG
    reads = [(method, path) for method, path, _, _ in worker.requests].count(("GET", f"/images/{NAME}"))
    assert reads == 3  # once to be encoded, and twice as it is


def test_a_picture_of_too_many_pixels_is_no_avif(client, keeps):
    keeps(PNG, width=4096, height=4096)
    assert client.get(AS_IMAGE, headers={"Accept": CHROME}).mimetype == WEBP
    keeps(PNG, width=4096, height=4208)
    path = AS_IMAGE.replace("seed=7", "seed=8")
    assert client.get(path, headers={"Accept": CHROME}).mimetype == PNG
    bomb = io.BytesIO()
    Image.new("L", (4096, 4208)).save(bomb, "PNG")
    data = keeps(PNG, bomb.getvalue())  # whatever the worker said
    assert client.get(path.replace("8", "9"), headers={"Accept": CHROME}).data == data


def test_what_is_transparent_stays_so_and_is_white_in_a_jpeg(client, keeps):
    keeps(PNG, stored(PNG, "RGBA"))
    for accept in ("image/avif", "image/webp"):
        image = opened(client.get(AS_IMAGE, headers={"Accept": accept}))
        assert (image.mode, image.getpixel((9, 9))[3]) == ("RGBA", 0)
    image = opened(client.get(AS_IMAGE, headers={"Accept": "image/jpeg"}))
    assert (image.mode, image.getpixel((9, 9))) == ("RGB", (255, 255, 255))


def test_output_compression_is_the_quality_of_each(client, keeps):
    noise = io.BytesIO()
    Image.effect_noise((64, 48), 90).convert("RGB").save(noise, "PNG")
    keeps(PNG, noise.getvalue())
    for accept in (AVIF, WEBP, JPEG):
        sizes = [
            len(client.get(f"{AS_IMAGE}&output_compression={quality}", headers={"Accept": accept}).data)
            for quality in (5, 95)
        ]
        assert sizes[0] * 2 < sizes[1]


def test_a_deleted_picture_is_gone_in_every_format(client, worker, keeps):
    keeps(JPEG)
    assert client.get(SEEDED, headers={"Accept": CHROME}).status_code == 200
    deleted = {"success": False, "error": "This picture was deleted by the operator.", "code": "picture_deleted"}
    worker.say_to("/images/", 410, deleted)
    answer = client.get(SEEDED, headers={"Accept": CHROME})
    assert (answer.status_code, answer.json["code"]) == (410, "picture_deleted")
    assert client.get(SEEDED).headers["X-Cache"] == "MISS"


def test_a_lost_picture_heals(client, worker, keeps):
    keeps(JPEG)
    client.get(SEEDED)
    another = "b" * 64 + ".jpg"
    worker.say_to("/generate", 200, {**RESULT, "content_type": JPEG, "image_url": f"/images/{another}"})
    worker.say_to("/images/", 404, b"{}")
    worker.say_to(f"/images/{another}", 200, stored(JPEG))
    assert client.get(AS_IMAGE, headers={"Accept": CHROME}).status_code == 200
    answer = client.get(AS_IMAGE, headers={"Accept": CHROME})
    assert (answer.mimetype, answer.headers["Content-Location"]) == (AVIF, f"http://localhost/images/{another}")
    assert len(worker.asked_to_make()) == 2


def test_a_variant_outlives_the_worker_s_sleep(client_with, worker, keeps):
    keeps(JPEG)
    client = client_with(worker_wake_seconds=0)
    first = client.get(SEEDED, headers={"Accept": CHROME})
    worker.close()
    again = client.get(SEEDED, headers={"Accept": CHROME})
    assert (again.status_code, again.data, again.headers["X-Cache"]) == (200, first.data, "HIT")


def test_other_formats_are_not_negotiated(client, keeps):
    data = keeps(PNG)
    for path in ("/generate.png?prompt=a&seed=7", "/generate?prompt=a&seed=7&format=image&output_format=png"):
        assert client.get(path, headers={"Accept": CHROME}).data == data
    refused = client.get("/generate.png?prompt=a&output_format=auto")
    assert (refused.status_code, refused.json["code"]) == (400, "invalid_parameter")
