"""stream: true on OpenAI's route: its events, read by its own client and as they are on the wire."""

import asyncio
import base64
import json
import time

import openai
import pytest
import requests
from openai.types import ImageGenCompletedEvent

from tests.api.conftest import NAME, PICTURE, RESULT
from tests.fakes.busy_worker import BUSY, SECONDS

REFUSED = {"success": False, "error": "The service refused this prompt.", "code": "content_refused"}
SLOWLY = 1.3  # later than the first heartbeat, with which the status is sent


@pytest.fixture
def slow(busy):
    """Returns a worker whose pictures come after the first heartbeat."""
    worker = busy(10)
    worker.seconds = lambda _: SLOWLY
    return worker


def test_it_works(ai, worker):
    worker.say_to("/images", 200, PICTURE)
    before = int(time.time())
    with ai.images.generate(prompt="a tree", model="gpt-image-1", stream=True, partial_images=2) as events:
        assert events.response.headers["Content-Type"].startswith("text/event-stream")
        assert events.response.headers["Cache-Control"] == "no-store"
        [event] = events
    assert ImageGenCompletedEvent.model_validate(event.model_dump(), strict=True)
    assert (type(event), event.type) == (ImageGenCompletedEvent, "image_generation.completed")
    assert base64.b64decode(event.b64_json) == PICTURE
    assert (event.size, event.quality, event.background, event.output_format) == ("768x768", "auto", "opaque", "png")
    assert before <= event.created_at <= time.time()
    assert event.usage.model_dump() == {
        "input_tokens": 0,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "output_tokens": 0,
        "total_tokens": 0,
    }
    assert (event.seed, event.engine, event.model, event.url[-len(NAME) :]) == (7, "perchance", "auto", NAME)


def test_the_size_is_the_file_s(ai, worker):
    layout = {"blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "dominant_color": "#336699", "alt": "a tree"}
    worker.say(200, {**RESULT, "width": 768, "height": 512, **layout})
    worker.say_to("/images", 200, PICTURE)
    [event] = ai.images.generate(prompt="a tree", size="1536x1024", stream=True)
    assert (event.size, event.width, event.height, event.ignored) == ("768x512", 768, 512, ["size"])
    assert {name: getattr(event, name) for name in layout} == layout


def test_the_events_on_the_wire(base, worker):
    worker.say_to("/images", 200, PICTURE)
    fields = {"prompt": "a tree", "stream": True, "response_format": "b64_json"}
    answer = requests.post(f"{base}/v1/images/generations", json=fields, timeout=5)
    name, data, *rest = answer.text.split("\n")
    assert (name, rest) == ("event: image_generation.completed", ["", ""])
    event = json.loads(data.removeprefix("data: "))
    assert event["type"] == "image_generation.completed"
    assert "url" not in event
    assert answer.headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize("stream", [False, None])
def test_without_it_the_answer_is_one(ai, worker, stream):
    answer = ai.images.generate(prompt="a tree", stream=stream, partial_images=3)
    assert answer.data[0].url.endswith(NAME)


def test_the_asynchronous_client_reads_it_too(base, worker):
    worker.say_to("/images", 200, PICTURE)

    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="anything", max_retries=0) as ai:
            return [event.type async for event in await ai.images.generate(prompt="a tree", stream=True)]

    assert asyncio.run(ask()) == ["image_generation.completed"]


def test_each_picture_comes_as_soon_as_it_is_made(ai_before, busy):
    worker = busy(3)
    worker.seconds = lambda asked: (43 - asked["seed"]) * 4 * SECONDS
    events = ai_before(worker).images.generate(prompt="a tree", n=3, stream=True, extra_body={"seed": 40})
    came = [(event.seed, time.monotonic()) for event in events]
    assert [seed for seed, _ in came] == [42, 41, 40]
    assert came[2][1] - came[0][1] > SECONDS


def test_those_without_a_slot_come_after_the_others(ai_before, busy):
    events = ai_before(busy(2)).images.generate(prompt="a tree", n=5, stream=True)
    assert [event.type for event in events] == ["image_generation.completed"] * 5


def test_heartbeats_come_while_nothing_is_there(ai_before, slow):
    base = str(ai_before(slow).base_url)
    answer = requests.post(f"{base}images/generations", json={"prompt": "a tree", "stream": True}, timeout=9)
    assert answer.text.startswith(": heartbeat\n\nevent: image_generation.completed\ndata: {")


def test_the_client_reads_past_heartbeats(ai_before, slow):
    [event] = ai_before(slow).images.generate(prompt="a tree", stream=True)
    assert base64.b64decode(event.b64_json) == PICTURE


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {**BUSY, "error": "prompt is no good.", "code": "invalid_parameter"}, openai.BadRequestError),
        (422, REFUSED, openai.UnprocessableEntityError),
        (503, BUSY, openai.InternalServerError),
    ],
)
def test_a_failure_before_the_first_event_is_a_plain_error(ai, worker, status, body, expected):
    worker.say(status, body)
    with pytest.raises(expected) as failed:
        ai.images.generate(prompt="a tree", n=2, stream=True)
    assert (failed.value.status_code, failed.value.code) == (status, body["code"])


def test_a_bad_field_is_a_plain_error(ai, worker):
    with pytest.raises(openai.BadRequestError) as refused:
        ai.images.generate(prompt="a tree", stream=True, partial_images=4)
    assert (refused.value.param, worker.requests) == ("partial_images", [])


def test_a_later_failure_is_an_event_that_the_client_raises(ai_before, slow):
    slow.reply = lambda _: (422, {**REFUSED, "hint": "Change the prompt."})
    events = ai_before(slow).images.generate(prompt="a tree", stream=True)
    with pytest.raises(openai.APIError, match="refused this prompt") as failed:
        list(events)
    assert (failed.value.code, failed.value.type) == ("content_refused", "invalid_request_error")
    assert failed.value.body["hint"] == "Change the prompt."
    assert failed.value.body["request_id"]


def test_one_of_several_that_fails_is_told_after_the_others(ai_before, busy):
    worker = busy(10)
    worker.reply = lambda number: (422, REFUSED) if number == 1 else (200, RESULT)
    *made, failed = ai_before(worker).images.generate(prompt="a tree", n=3, stream=True, extra_body={"seed": 40})
    assert [base64.b64decode(event.b64_json) for event in made] == [PICTURE] * 2
    assert (failed.type, failed.failure["code"]) == ("image_generation.failed", "content_refused")
    assert {failed.failure["index"] + 40, *(event.seed for event in made)} == {40, 41, 42}


def test_bytes_that_break_off_end_the_connection(ai, worker):
    worker.say_to("/images", 200, PICTURE, Content_Length=str(10 * len(PICTURE)))
    with pytest.raises(openai.APIConnectionError):
        list(ai.images.generate(prompt="a tree", stream=True))


def test_a_client_has_so_many_streams_and_no_more(ai_before, slow):
    ai = ai_before(slow, max_streams_per_client=1)
    first = ai.images.generate(prompt="a tree", n=2, stream=True)
    with pytest.raises(openai.RateLimitError) as refused:
        ai.images.generate(prompt="a tree", n=2, stream=True)
    assert refused.value.code == "too_many_streams"
    assert len(slow.asked) == 2
    assert len(list(first)) == 2
    assert len(list(ai.images.generate(prompt="a tree", stream=True))) == 1


def test_it_counts_as_a_stream_until_its_end(ai_before, slow):
    ai = ai_before(slow, max_streams_per_client=1)
    ai.images.generate(prompt="a tree", extra_body={"seed": 1})  # so that the first picture is cached
    first = ai.images.generate(prompt="a tree", n=2, stream=True, extra_body={"seed": 1})
    assert next(first).type == "image_generation.completed"
    with pytest.raises(openai.RateLimitError):
        ai.images.generate(prompt="a tree", n=2, stream=True, extra_body={"seed": 1})
    assert len(list(first)) == 1
    assert len(list(ai.images.generate(prompt="a tree", stream=True))) == 1


def test_a_client_that_leaves_frees_its_slots(ai_before, slow):
    ai = ai_before(slow, max_generations=2)
    events = ai.images.generate(prompt="a tree", n=2, stream=True)
    events.close()
    time.sleep(SLOWLY)
    assert len(ai.images.generate(prompt="a tree", n=2).data) == 2
