"""Previews: asked for by streams alone, checked, one kept of each picture, and OpenAI's partial images."""

import base64
import io
import json
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
import requests
from openai.types import (
    ImageEditCompletedEvent,
    ImageEditPartialImageEvent,
    ImageGenCompletedEvent,
    ImageGenPartialImageEvent,
)
from PIL import Image
from websockets.sync.client import connect

from image_api.admission import Waiter
from image_api.dispatch.validation import checked_progress
from image_api.generation.cache import MemoryCache
from image_api.generation.flight import Flight
from image_api.generation.options import GenerationOptions
from image_api.generation.results import recipe_key
from image_api.generation.use_case import Generation
from image_api.settings import Settings
from image_api.web.openai_stream import PartialImages
from render_worker.contract import MAX_PREVIEW_BYTES, NDJSON, GenerateResult, Progress
from render_worker.serving.deadline import Deadline
from tests.api.conftest import PICTURE, RESULT
from tests.api.pictures import PNG
from tests.fakes.processes import wait_until


def preview(color: str = "red") -> str:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(file, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


RED, BLUE, GREEN, GREY = map(preview, ("red", "blue", "green", "grey"))
EVENTS = {"Accept": "text/event-stream"}


def lines(*previews: str | None) -> tuple[bytes | float, ...]:
    """Return the lines of a worker's stream with these previews, and before the result a pause in which to see them."""
    told = [
        {"event": "progress", "phase": "generating", "message": "At it.", "step": step, "preview": it}
        for step, it in enumerate(previews)
    ]
    *shown, last = (json.dumps(it).encode() + b"\n" for it in [*told, {"event": "result", "result": RESULT}])
    return *shown, 0.2, last


def events(text: str, kind: str = "progress") -> list[dict]:
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith(f"event: {kind}\n")]
    return [json.loads(data.removeprefix("data: ")) for block in blocks for data in block if data.startswith("data: ")]


def test_they_reach_the_client_of_a_stream(client, worker):
    worker.say(200, (lines(RED, None, BLUE)[0], 0.2, *lines(RED, None, BLUE)[1:]), Content_Type=NDJSON)
    told = events(client.get("/generate?prompt=a&previews=true", headers=EVENTS).text)
    shown = [it["preview"] for it in told if "preview" in it]
    assert shown[-1] == BLUE
    assert set(shown) <= {RED, BLUE}
    assert worker.asked_to_make()[0]["previews"] is True


def test_several_pictures_have_them_too(client, worker):
    worker.say(200, lines(RED), Content_Type=NDJSON)
    told = events(client.get("/generate?prompt=a&previews=true&n=2", headers=EVENTS).text)
    assert {it["index"] for it in told if it.get("preview") == RED} == {0, 1}


@pytest.mark.parametrize("previews", ["", "&previews=false"])
def test_without_the_option_none_are_asked_for_nor_shown(client, worker, previews):
    worker.say(200, lines(RED), Content_Type=NDJSON)
    for extra in ("", "&n=2"):
        text = client.get(f"/generate?prompt=a{previews}{extra}", headers=EVENTS).text
        assert RED not in text
    assert all("previews" not in it for it in worker.asked_to_make())


@pytest.mark.parametrize("query", ["", "&n=2", "&format=image"])
def test_a_response_that_is_no_stream_asks_for_none(client, worker, query):
    worker.say_to("/images", 200, PICTURE)
    assert client.get(f"/generate?prompt=a&previews=true{query}").status_code == 200
    assert all("previews" not in it for it in worker.asked_to_make())


def test_they_are_no_part_of_what_is_cached(client, worker):
    keys = {recipe_key(GenerationOptions(prompt="a", seed=7, previews=it)) for it in (True, False)}
    assert len(keys) == 1
    worker.say(200, lines(RED), Content_Type=NDJSON)
    assert "event: result" in client.get("/generate?prompt=a&previews=true&seed=7", headers=EVENTS).text
    assert client.get("/generate?prompt=a&seed=7").headers["X-Cache"] == "HIT"


@pytest.mark.parametrize("value", ["yes", "1", "2"])
def test_the_option_is_true_or_false(client, value):
    answer = client.get(f"/generate?prompt=a&previews={value}")
    assert (answer.status_code, answer.json["error"][:8]) == (400, "previews")


def test_a_websocket_has_them(front):
    front.worker.say(200, lines(RED), Content_Type=NDJSON)
    address = front.url.replace("http", "ws") + "/stream/generate/txt2img"
    with connect(address) as socket:
        socket.send(json.dumps({"prompt": "a", "previews": True}))
        told = [json.loads(socket.recv(5)) for _ in range(2)]
    assert [it.get("preview") for it in told] == [RED, None]


def test_a_joiner_sees_the_newest_if_it_wants_and_none_else():
    going_on = threading.Event()

    class Dispatch:
        def generate(self, request, report, client=None, abort=None, image=None, *, repeated=False):
            for shown in (RED, BLUE):
                report(Progress(phase="generating", message="At it.", preview=shown))
            going_on.wait(30)
            return GenerateResult.model_validate(RESULT)

    Dispatch.cancel = None
    generation = Generation(Dispatch(), MemoryCache(), Settings())
    options = GenerationOptions(prompt="a", seed=7, previews=True)
    streams = [
        generation.follow(it, str(number), Waiter())
        for number, it in enumerate((options, options, options.model_copy(update={"previews": False})))
    ]
    # On a machine that is busy a stream also has heartbeats, which have no content.
    first, second, third = (list(islice((it.content for it in stream if it.content), 2)) for stream in streams)
    going_on.set()
    assert [it.preview for it in second] == [None, BLUE]
    assert [it.preview for it in third] == [None, None]
    assert first[-1].preview == BLUE
    for stream in streams:
        assert list(stream)


def test_a_stream_that_is_resumed_has_previews_only_if_it_had_them_before(base, worker):
    worker.say(200, (lines(RED)[0], 1.5, *lines()), Content_Type=NDJSON)
    address = base + "/generate?prompt=a&seed=7"

    def told_again(query: str) -> list[bool]:
        with requests.get(address + query, headers=EVENTS, stream=True, timeout=9) as stream:
            told = stream.iter_lines(decode_unicode=True)
            event_id = next(line for line in told if line.startswith("id: ")).removeprefix("id: ")
        headers = {**EVENTS, "Last-Event-ID": event_id.rpartition(":")[0] + ":0"}
        text = requests.get(address + query, headers=headers, timeout=9).text
        return ["preview" in it for it in events(text)]

    with ThreadPoolExecutor(2) as pool:
        wanted = pool.submit(told_again, "&previews=true")
        wait_until(worker.asked_to_make, "the picture is begun", 5)
        assert told_again("") == [False]
        assert wanted.result() == [True]


def test_a_flight_keeps_the_newest_alone():
    flight = Flight("name", None, Deadline.after(5))
    for number in range(100):
        flight.report(Progress(phase="generating", message=str(number), preview=None if number % 2 else RED))
    kept = flight.progress_after(0, 0, Waiter())
    assert (len(kept), [it.message for it in kept if it.preview]) == (100, ["98"])


@pytest.mark.parametrize(
    "sent",
    [
        "https://pictures.example/a.jpg",
        "javascript:alert(1)",
        RED.replace("jpeg", "svg+xml"),
        RED.replace("data:image/jpeg", "data:text/html"),
        "data:image/jpeg;base64," + base64.b64encode(b"<svg onload=alert(1)>").decode(),
        RED[:-1],
        RED + "\n",
        RED + '"><script>',
        RED.partition(",")[0] + ",/9j/" + "A" * (MAX_PREVIEW_BYTES + 100),
        "",
        "x",
    ],
    ids=lambda text: text[:40],
)
def test_a_worker_s_preview_that_is_none_is_dropped(client, worker, sent):
    assert checked_progress(Progress(phase="generating", message="At it.", preview=sent)).preview in (None, "")
    worker.say(200, lines(sent), Content_Type=NDJSON)
    told = events(client.get("/generate?prompt=a&previews=true", headers=EVENTS).text)
    assert [it["message"] for it in told] == ["At it."]
    assert not told[0].get("preview")


def test_a_true_one_is_kept():
    assert checked_progress(Progress(phase="generating", message="At it.", preview=RED)).preview == RED


def test_many_previews_are_no_reply_that_is_too_large(client, worker):
    large = "data:image/jpeg;base64,/9j/" + "A" * 60_000
    worker.say(200, lines(*[large] * 40), Content_Type=NDJSON)
    assert "event: result" in client.get("/generate?prompt=a&previews=true", headers=EVENTS).text


@pytest.mark.parametrize("flood", ["lines", "one line"])
def test_other_progress_without_end_is(client_with, worker, flood):
    line = b'{"event":"progress","phase":"generating","message":"%s"}\n' % (b"a" * 900)
    endless = line * 3000 if flood == "lines" else b'{"event":"progress","preview":"' + b"A" * 3_000_000
    worker.say(200, (endless, *lines()), Content_Type=NDJSON)
    answer = client_with(worker_wake_seconds=0).get("/generate?prompt=a")
    assert (answer.status_code, answer.json["code"]) == (503, "worker_unavailable")


def test_an_older_worker_makes_the_picture_without_them(client, worker):
    refusal = {"success": False, "error": '"previews" is not a parameter here; …', "code": "invalid_parameter"}
    worker.say(400, refusal, before=lambda: worker.say(200, RESULT))
    assert "event: result" in client.get("/generate?prompt=a&previews=true", headers=EVENTS).text
    assert [it.get("previews") for it in worker.asked_to_make()] == [True, None]


class TestPartialImages:
    @pytest.fixture(autouse=True)
    def made(self, worker):
        worker.say(200, lines(RED, BLUE, GREEN, GREY), Content_Type=NDJSON)
        worker.say_to("/images", 200, PICTURE)

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_generations_have_so_many_at_most(self, ai, worker, count):
        *partial, last = ai.images.generate(prompt="a", stream=True, partial_images=count)
        assert 1 <= len(partial) <= count
        assert [it.partial_image_index for it in partial] == list(range(len(partial)))
        assert all(ImageGenPartialImageEvent.model_validate(it.model_dump(), strict=True) for it in partial)
        assert {type(it) for it in partial} == {ImageGenPartialImageEvent}
        assert isinstance(last, ImageGenCompletedEvent)
        assert base64.b64decode(partial[0].b64_json).startswith(b"\xff\xd8\xff")
        assert worker.asked_to_make()[0]["previews"] is True

    def test_edits_have_events_of_their_own(self, ai):
        *partial, last = ai.images.edit(image=("a", PNG), prompt="a", stream=True, partial_images=3)
        assert {type(it) for it in partial} == {ImageEditPartialImageEvent}
        assert (type(last), last.type) == (ImageEditCompletedEvent, "image_edit.completed")

    def test_progress_without_previews_is_no_silence(self, base, worker):
        told = [it for line in lines(None, None, None, None)[:-2] for it in (line, 0.4)]
        worker.say(200, (*told, *lines()), Content_Type=NDJSON)
        body = {"prompt": "a", "stream": True, "partial_images": 1}
        answer = requests.post(f"{base}/v1/images/generations", json=body, timeout=20)
        assert answer.text.startswith(": heartbeat\n\nevent: image_generation.completed")

    @pytest.mark.parametrize("fields", [{"partial_images": 0}, {}, {"stream": False, "partial_images": 3}], ids=str)
    def test_without_them_none_are_made(self, base, worker, fields):
        for path in ("generations", "edits"):
            body = {"prompt": "a", "stream": True, **fields}
            files = {"image": ("a", PNG)} if path == "edits" else None
            sent = {"data": body, "files": files} if files else {"json": body}
            answer = requests.post(f"{base}/v1/images/{path}", timeout=9, **sent)
            assert (answer.status_code, "partial_image" in answer.text) == (200, False)
        assert all("previews" not in it for it in worker.asked_to_make())

    def test_each_of_several_pictures_has_its_own(self, ai):
        found = [it.type for it in ai.images.generate(prompt="a", n=2, stream=True, partial_images=1)]
        assert sorted(found) == ["image_generation.completed"] * 2 + ["image_generation.partial_image"] * 2

    def test_a_preview_on_the_wire_is_base64_of_a_jpeg(self, base):
        answer = requests.post(
            f"{base}/v1/images/generations", json={"prompt": "a", "stream": True, "partial_images": 1}, timeout=9
        )
        [event] = events(answer.text, "image_generation.partial_image")
        assert event["b64_json"] in {it.partition(",")[2] for it in (RED, BLUE, GREEN, GREY)}
        assert (event["output_format"], event["partial_image_index"]) == ("jpeg", 0)


def test_partial_images_are_spread_over_what_is_known_of_the_progress():
    partials = PartialImages(3)
    given = [
        partials.index_of(0, Progress(phase="generating", message="", preview=RED, percent=percent))
        for percent in (5, 10, 25, 30, 60, 99)
    ]
    assert given == [0, None, 1, None, 2, None]
    assert partials.index_of(1, Progress(phase="generating", message="", percent=50)) is None


def test_a_slow_client_of_several_pictures_gets_the_newest(application):
    from image_api.web.batch import Batch, Outcome

    with application.test_request_context():
        application.preprocess_request()
        batch = Batch([GenerationOptions(prompt="a")], progress=True)
    for shown in (RED, BLUE, None, GREEN):
        batch._report(0, Progress(phase="generating", message="At it.", preview=shown))
    arrived: list[Outcome] = []
    while True:
        try:
            arrived.append(batch._newest(batch._arrived.get_nowait()))
        except queue.Empty:
            break
    assert [it.content.preview for it in arrived] == [GREEN, None]
