"""/sheet and /sheet.png: what they take, what they cost, and what becomes of pictures that fail."""

import io
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from image_api.admission import Waiter
from image_api.services import services_of
from tests.api.test_contact_sheet import file_of

REFUSED = {"success": False, "error": "The service refused this prompt.", "code": "content_refused"}
NO_SEED = {"success": False, "error": "seed cannot be honoured by seedless.", "code": "invalid_parameter"}
SLACK = {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}
SIDE = 96  # less than a cell, which is 128 then: 2 * (128 + 8) + 8, and captions of 24
SIZES = {4: (280, 328), 9: (416, 488)}


@pytest.fixture
def pictures(client_with, busy):
    """Returns a client of an API tier, and its worker, whose pictures are small."""
    worker = busy(10, file_of(SIDE, SIDE))
    worker.seconds = lambda _: 0.01
    return client_with(perchance_worker_url=worker.url, worker_wake_seconds=0), worker


def failing(worker, *seeds: int) -> None:
    """Have the pictures of some seeds refused."""
    before = worker.answer
    worker.answer = lambda asked: (422, REFUSED) if asked["seed"] in seeds else before(asked)


def image_of(answer) -> Image.Image:
    image = Image.open(io.BytesIO(answer.data))
    image.load()
    return image


def seeds_of(worker) -> list[int]:
    return sorted(it["seed"] for it in worker.asked)


@pytest.mark.parametrize(("query", "count"), [("", 4), ("&seeds=4", 4), ("&seeds=9", 9)])
def test_it_works(pictures, query, count):
    client, worker = pictures
    answer = client.get(f"/sheet.png?prompt=A+tree&seed=40{query}")
    assert (answer.status_code, answer.mimetype, image_of(answer).size) == (200, "image/png", SIZES[count])
    assert seeds_of(worker) == list(range(40, 40 + count))
    assert answer.headers["Content-Disposition"] == "inline; filename=a-tree-40-sheet.png"
    assert (answer.headers["X-Seed"], answer.headers["X-Cache"]) == ("40", "MISS")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "X-Ignored" not in answer.headers
    assert client.get(f"/sheet.png?prompt=A+tree&seed=40{query}").headers["X-Cache"] == "HIT"


@pytest.mark.parametrize(("ending", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_the_address_names_the_format(pictures, ending, kind):
    client, worker = pictures
    answer = client.get(f"/sheet.{ending}?prompt=a&seed=1")
    assert (image_of(answer).format, answer.mimetype) == (kind, f"image/{kind.lower()}")
    assert {it["output_format"] for it in worker.asked} == {"png"}


def test_without_a_seed_one_is_drawn_by_which_it_can_be_had_again(pictures):
    client, worker = pictures
    first = client.get("/sheet.png?prompt=a&shape=landscape&utm_source=x&negative_prompt=b%26c")
    where = urlsplit(first.headers["Content-Location"])
    assert where.path == "/sheet.png"
    query = parse_qs(where.query)
    assert query == {
        "prompt": ["a"],
        "shape": ["landscape"],
        "negative_prompt": ["b&c"],
        "seed": [first.headers["X-Seed"]],
    }
    again = client.get(f"{where.path}?{where.query}")
    assert (again.headers["X-Cache"], again.data, len(worker.asked)) == ("HIT", first.data, 4)
    assert client.get("/sheet.png?prompt=a&shape=landscape").headers["X-Seed"] != first.headers["X-Seed"]


def test_without_a_seed_each_request_has_pictures_of_its_own(pictures):
    client, worker = pictures
    drawn = [client.get("/sheet.png?prompt=a").headers["X-Seed"] for _ in range(3)]
    assert len(set(drawn)) > 1  # three of a million are hardly ever the same
    assert len(worker.asked) == 4 * len(set(drawn))


@pytest.mark.parametrize("path", ["/sheet", "/sheet.json"])
def test_as_json_it_has_the_single_ones(pictures, path):
    client, worker = pictures
    answer = client.get(f"{path}?prompt=a&seeds=9&seed=40&size=96x96")
    assert answer.mimetype == "application/json"
    assert [(it["index"], it["seed"]) for it in answer.json["images"]] == [(index, 40 + index) for index in range(9)]
    assert (answer.json["columns"], answer.json["rows"], answer.json["success"]) == (3, 3, True)
    assert answer.json["seed"] == 40
    sheet = client.get(answer.json["sheet_url"])
    assert (sheet.headers["X-Cache"], image_of(sheet).size, len(worker.asked)) == ("HIT", SIZES[9], 9)


def test_pictures_that_were_watched_as_events_are_in_the_sheet(pictures):
    client, worker = pictures
    client.get("/generate?prompt=a&n=9&seed=40", headers={"Accept": "text/event-stream"}).get_data()
    answer = client.get("/sheet.png?prompt=a&seeds=9&seed=40")
    assert (answer.headers["X-Cache"], image_of(answer).size, len(worker.asked)) == ("HIT", SIZES[9], 9)


def test_as_json_with_base64(pictures):
    client, _ = pictures
    answer = client.get("/sheet?prompt=a&response_format=b64_json")
    assert answer.text.count("b64_json") == 4
    assert "response_format" not in json.loads(answer.data)["sheet_url"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("seeds=5", "seeds"),
        ("seeds=0", "seeds"),
        ("seeds=four", "seeds"),
        ("seeds=9&seed=2147483640", "seed"),
        ("n=4", '"n"'),
        ("format=image", '"format"'),
        ("response_format=b64_json", "response_format"),
        ("seed_drawn=true", '"seed_drawn"'),
        ("shape=round", "shape"),
        ("colour=red", '"colour"'),
    ],
)
def test_what_is_invalid_is_refused_by_name(pictures, query, field):
    client, worker = pictures
    answer = client.get(f"/sheet.png?prompt=a&{query}")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert answer.json["error"].startswith(f"{field} ")
    assert worker.asked == []


@pytest.mark.parametrize("name", ["n", "count", "num_images"])
def test_what_else_says_how_many_is_refused_with_a_pointer(pictures, name):
    client, _ = pictures
    told = client.get(f"/sheet.png?prompt=a&{name}=4").json["error"]
    assert told == f'"{name}" is not a parameter here; seeds is how many pictures are made.'


def test_a_failed_one_is_a_blank_cell(pictures):
    client, worker = pictures
    failing(worker, 41)
    answer = client.get("/sheet.png?prompt=a&seed=40")
    image = image_of(answer)
    assert (answer.status_code, image.size) == (200, SIZES[4])
    assert image.crop((144, 8, 272, 136)).getpixel((3, 3)) == (233, 230, 223)
    told = client.get("/sheet?prompt=a&seed=40").json
    assert [it["index"] for it in told["images"]] == [0, 2, 3]
    assert [(it["index"], it["code"]) for it in told["failed"]] == [(1, "content_refused")]


def test_if_all_fail_it_is_the_error(pictures):
    client, worker = pictures
    failing(worker, *range(40, 44))
    for path in ("/sheet.png", "/sheet"):
        answer = client.get(f"{path}?prompt=a&seed=40")
        assert (answer.status_code, answer.json["code"]) == (422, "content_refused")


def test_what_is_not_made_in_time_is_a_blank_cell_and_the_others_are_kept(client_with, busy):
    worker = busy(10, file_of(SIDE, SIDE))
    worker.seconds = lambda asked: 8 if asked["seed"] == 41 else 0.01
    client = client_with(perchance_worker_url=worker.url, worker_wake_seconds=0, request_timeout_seconds=1)
    answer = client.get("/sheet.png?prompt=a&seed=40")
    assert (answer.status_code, image_of(answer).size) == (200, SIZES[4])
    assert image_of(answer).crop((144, 8, 272, 136)).getpixel((3, 3)) == (233, 230, 223)
    worker.seconds = lambda _: 0.01
    again = client.get("/sheet.png?prompt=a&seed=40")
    assert (again.headers["X-Cache"], [seeds_of(worker).count(seed) for seed in range(40, 44)]) == (
        "MISS",
        [1, 2, 1, 1],
    )


@pytest.mark.parametrize("data", [b"no picture", file_of(SIDE, SIDE)[:40]])
def test_if_none_can_be_decoded_it_is_an_error(client_with, busy, data):
    client = client_with(perchance_worker_url=busy(10, data).url, worker_wake_seconds=0)
    answer = client.get("/sheet.png?prompt=a&seed=40")
    assert (answer.status_code, answer.json["code"]) == (502, "picture_unavailable")


def test_a_model_without_seeds_makes_random_ones(pictures):
    client, worker = pictures
    before = worker.answer

    def answer(asked: dict) -> tuple[int, dict]:
        if asked["seed"] >= 0:
            return 400, NO_SEED
        status, body = before(asked)
        return status, {**body, "seed": None}

    worker.answer = answer
    sheet = client.get("/sheet.png?prompt=a&model=seedless")
    assert (sheet.status_code, image_of(sheet).size) == (200, (280, 280))  # without captions
    assert not {"X-Seed", "Content-Location"} & {*sheet.headers.keys()}
    told = client.get("/sheet?prompt=a&model=seedless").json
    assert (len(told["images"]), "sheet_url" in told, "seed" in told) == (4, False, False)
    refused = client.get("/sheet.png?prompt=a&model=seedless&seed=5")
    assert (refused.status_code, refused.json["error"]) == (400, NO_SEED["error"])


def test_a_drawn_seed_that_an_engine_ignores_is_not_told(pictures):
    client, worker = pictures
    before = worker.answer

    def answer(asked: dict) -> tuple[int, dict]:
        status, body = before(asked)
        return status, {**body, "seed": None, "ignored": ["seed", "size"]}

    worker.answer = answer
    sheet = client.get("/sheet.png?prompt=a&size=64x64")
    assert not {"X-Seed", "Content-Location"} & {*sheet.headers.keys()}
    told = client.get("/sheet?prompt=a&size=64x64").json
    assert (told["ignored"], {"sheet_url", "seed"} & {*told}) == (["size"], set())
    own = client.get("/sheet.png?prompt=a&seed=5")
    assert (sheet.headers["X-Ignored"], own.headers["X-Ignored"]) == ("size", "seed, size")
    assert ("X-Seed" in own.headers, client.get("/sheet?prompt=a&seed=5").json["ignored"]) == (False, ["seed"])


@pytest.mark.parametrize("path", ["/sheet", "/sheet.json", "/sheet.png", "/sheet.jpg"])
def test_speculation_spends_nothing(pictures, path):
    client, worker = pictures
    prefetch = client.get(f"{path}?prompt=a+tree", headers={"Sec-Purpose": "prefetch"})
    assert (prefetch.status_code, prefetch.json["code"]) == (503, "speculative_request")
    page = client.get(f"{path}?prompt=a+tree", headers=SLACK)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "a tree" in page.text
    head = client.head(f"{path}?prompt=a+tree")
    types = {"/sheet.png": "image/png", "/sheet.jpg": "image/jpeg"}
    assert (head.status_code, head.mimetype) == (200, types.get(path, "application/json"))
    assert "Content-Length" not in head.headers
    assert client.head(f"{path}?prompt=a&seeds=5").status_code == 400
    assert worker.asked == []


def test_an_img_tag_is_led_to_the_picture_at_no_cost(pictures):
    client, worker = pictures
    answer = client.get("/sheet?prompt=a", headers={"Accept": "image/avif,image/webp,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["Vary"]) == (302, "Accept, Sec-Fetch-Dest")
    assert worker.asked == []
    assert image_of(client.get(answer.headers["Location"])).size == SIZES[4]


def address(number: int) -> str:
    return f"/images/{number:064x}.png"


@pytest.mark.parametrize("path", ["/sheet.png?prompt=a&seed=40", "/sheet?prompt=a&seed=40&response_format=b64_json"])
def test_lost_pictures_of_a_cached_sheet_are_made_again(pictures, path):
    client, worker = pictures
    before = worker.answer

    def answer(asked: dict) -> tuple[int, dict]:
        times = sum(it["seed"] == asked["seed"] for it in worker.asked)
        return 200, {**before(asked)[1], "image_url": address(1000 * times + asked["seed"])}

    worker.answer = answer
    client.get(path)
    worker.lost = {address(1000 + seed) for seed in (40, 41, 43)}
    healed = client.get(path)
    assert (healed.status_code, healed.json and healed.json.get("failed")) == (200, None)
    assert healed.headers["X-Cache"] == "MISS"
    assert len(worker.asked) == 7
    again = client.get(path)
    assert (again.status_code, again.headers["X-Cache"], len(worker.asked)) == (200, "HIT", 7)


def test_a_sheet_that_asks_for_new_pictures_has_the_address_of_these(pictures):
    client, worker = pictures
    told = client.get(b"/sheet?prompt=a&cache=false&utm_source=\xff".decode("latin-1")).json
    assert client.get(told["sheet_url"]).headers["X-Cache"] == "HIT"
    assert len(worker.asked) == 4


def test_one_client_s_sheets_leave_others_a_slot(pictures):
    client, _ = pictures
    slots = services_of(client.application).sheet_slots
    greedy = [Waiter("greedy") for _ in range(slots.limit)]
    for waiter in greedy:
        slots.admit(waiter)
    assert client.get("/sheet.png?prompt=a").status_code == 200
    assert [it.evicted for it in greedy] == [False, True]
    assert len(slots) == 1


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_other_methods_are_refused(client, method):
    assert getattr(client, method)("/sheet.png").status_code == 405
