"""Several pictures of one request to /generate, and contact sheets, through both tiers."""

import io
import json
from collections.abc import Iterator

import pytest
import requests
import simple_websocket
from PIL import Image

from tests.end_to_end.conftest import TOKEN, Stack, reset, running
from tests.fakes.processes import Server, api, worker


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run both tiers with the settings that they have by themselves; no request selects Perchance."""
    folder = tmp_path_factory.mktemp("images")
    with worker(WORKER_TOKEN=TOKEN, LOCAL_STORAGE_DIR=folder, CHROMIUM_PATH="/bin/false") as renderer:
        with api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN) as front:
            yield front


@pytest.fixture(scope="module")
def two_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("images")
    with running(folder, ENGINES="perchance,horde", PERCHANCE_ROUTES="package") as stack:
        yield stack


@pytest.fixture
def stack(two_engines: Stack) -> Stack:
    """Return the stack with two engines, reset."""
    return reset(two_engines)


@pytest.fixture
def socket(default: Server) -> Iterator[simple_websocket.Client]:
    client = simple_websocket.Client(f"{default.url.replace('http', 'ws')}/stream/generate/txt2img")
    yield client
    client.close()


def image_of(response: requests.Response) -> Image.Image:
    image = Image.open(io.BytesIO(response.content))
    image.load()
    return image


def answers(socket: simple_websocket.Client, **fields: object) -> list[dict]:
    """Send a message, and return all that answers it."""
    socket.send(json.dumps({"model": "sketch", "prompt": "a red boat", **fields}))
    found: list[dict] = []
    while not found or found[-1]["event"] not in ("result", "error"):
        found.append(json.loads(socket.receive(60)))
    return found


def test_ten_have_the_seeds_that_their_files_have(default):
    query = {"prompt": "a red boat", "model": "sketch", "n": 10, "seed": 30}
    answer = requests.get(f"{default.url}/generate", params=query, timeout=60)
    seeds = [int(image_of(requests.get(it["image_url"], timeout=10)).text["seed"]) for it in answer.json()["images"]]
    assert seeds == list(range(30, 40))
    again = requests.post(f"{default.url}/generate", json=query, timeout=60)
    assert again.headers["X-Cache"] == "HIT"
    assert [it["seed"] for it in again.json()["images"]] == seeds


@pytest.mark.parametrize(
    ("engine", "faults", "code"),
    [
        ("perchance", {"generate": "invalid_data"}, "perchance_request_refused"),
        ("horde", {"horde": "censored"}, "content_refused"),
        ("horde", {"horde": "html_502"}, "engine_busy"),
    ],
)
def test_an_engine_that_fails_one_of_them_does_not_lose_the_others(stack: Stack, engine, faults, code):
    stack.play(**faults, times=1)
    answer = stack.get(prompt="a tree", model=engine, n=3, seed=500)
    assert answer.status_code == 200
    [failed] = answer.json()["failed"]
    assert failed["code"] == code
    assert sorted([failed["index"], *(it["index"] for it in answer.json()["images"])]) == [0, 1, 2]
    assert {it["index"]: it["seed"] for it in answer.json()["images"]}.items() <= {0: 500, 1: 501, 2: 502}.items()


def test_ten_of_an_engine_with_one_slot_and_a_short_queue_give_ten(stack: Stack):
    stack.play(delay=0.1)
    answer = stack.get(prompt="a tree", n=10)
    assert len({it["image_url"] for it in answer.json()["images"]}) == 10
    assert "failed" not in answer.json()


def test_messages_tell_of_each_picture_and_of_all(socket):
    found = answers(socket, n=3, seed=60)
    pictures = [it["result"] for it in found if it["event"] == "picture"]
    assert sorted((it["index"], it["seed"]) for it in pictures) == [(0, 60), (1, 61), (2, 62)]
    assert {it["index"] for it in found if it["event"] == "progress"} == {0, 1, 2}
    assert [it["seed"] for it in found[-1]["result"]["images"]] == [60, 61, 62]
    assert len(answers(socket)) > 1  # the connection goes on
    assert "images" not in answers(socket, seed=60)[-1]["result"]


def test_messages_with_base64_have_each_picture_once(socket):
    found = answers(socket, n=2, seed=60, response_format="b64_json")
    assert [("b64_json" in it["result"]) for it in found if it["event"] == "picture"] == [True, True]
    assert "b64_json" not in json.dumps(found[-1])


@pytest.mark.parametrize("slots", [1, 2])
def test_the_pictures_of_a_message_share_the_slots_that_there_are(scripted, slots):
    with api(PERCHANCE_WORKER_URL=scripted.url, MAX_GENERATIONS=slots, MAX_STREAMS_PER_CLIENT=1) as front:
        socket = simple_websocket.Client(f"{front.url.replace('http', 'ws')}/stream/generate/txt2img")
        for _ in range(2):
            assert len(answers(socket, n=4)[-1]["result"]["images"]) == 4
        assert answers(socket)[-1]["result"]["seed"] == 7
        socket.close()


def test_a_message_that_is_invalid_is_refused_by_name(socket):
    [refused] = answers(socket, n=11)
    assert (refused["event"], refused["status"]) == ("error", 400)
    assert refused["error"]["error"].startswith("n must be ")


@pytest.mark.parametrize(("seeds", "size"), [(4, (1632, 1748)), (9, (2432, 2606))])
def test_a_sheet_is_one_picture_and_comes_again_from_the_cache(default, seeds, size):
    query = {"prompt": "a red boat", "model": "sketch", "seeds": seeds}
    made = requests.get(f"{default.url}/sheet.png", params=query, timeout=60)
    assert (made.status_code, image_of(made).size) == (200, size)
    again = requests.get(made.headers["Content-Location"], timeout=60)
    assert (again.headers["X-Cache"], again.content) == ("HIT", made.content)
    single = requests.get(again.url.replace("/sheet.png", "/sheet"), timeout=60).json()
    assert [it["seed"] for it in single["images"]] == [int(made.headers["X-Seed"]) + index for index in range(seeds)]


@pytest.mark.parametrize("engine", ["perchance", "horde"])
def test_a_sheet_of_an_engine_that_fails_once_has_a_blank(stack: Stack, engine):
    stack.play(generate="invalid_data", horde="censored", times=1)
    sheet = stack.get("/sheet.png", prompt="a tree", model=engine, seed=700)
    assert (sheet.status_code, sheet.headers["Content-Type"]) == (200, "image/png")
    assert image_of(sheet).getcolors(1 << 24)
    told = stack.get("/sheet", prompt="a tree", model=engine, seed=700).json()  # is well by now
    assert (len(told["images"]), told.get("failed")) == (4, None)
