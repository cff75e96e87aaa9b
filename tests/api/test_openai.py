"""OpenAI's routes, requested by its own Python client, unmodified, over real HTTP."""

import asyncio
import base64
import time

import openai
import pytest

from tests.api.conftest import NAME, PICTURE, RESULT


def sent(worker) -> dict:
    return worker.asked_to_make()[-1]


def test_it_works(ai, worker, base):
    before = int(time.time())
    answer = ai.images.generate(prompt="a tree", model="dall-e-3", size="1792x1024", quality="hd", user="me")
    [picture] = answer.data
    assert picture.url == f"{base}/images/{NAME}"
    assert (picture.b64_json, picture.revised_prompt) == (None, None)
    assert (picture.seed, picture.width, picture.height, picture.engine) == (7, 768, 768, "perchance")
    assert before <= answer.created <= time.time()
    assert (answer.size, answer.output_format, answer.background, answer.quality) == ("768x768", "png", "opaque", None)
    assert (answer.model, picture.ignored) == ("auto", ["size"])
    assert (sent(worker)["shape"], sent(worker)["seed"], sent(worker)["model"]) == ("landscape", -1, "auto")


def test_the_asynchronous_client_works_too(base, worker):
    async def ask() -> tuple[str | None, int]:
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="anything", max_retries=0) as ai:
            answer = await ai.images.generate(prompt="a tree")
            with pytest.raises(openai.BadRequestError) as refused:
                await ai.images.generate(prompt="a tree", n=11)
            return answer.data[0].url, refused.value.status_code

    assert asyncio.run(ask()) == (f"{base}/images/{NAME}", 400)


def test_the_bytes_of_a_picture_come_in_the_response(ai, worker):
    worker.say(200, RESULT, before=lambda: worker.say(200, PICTURE))
    [picture] = ai.images.generate(prompt="a tree", response_format="b64_json").data
    assert base64.b64decode(picture.b64_json) == PICTURE
    assert picture.url is None


def test_fallbacks_and_ignored_parameters_are_in_the_response(ai, worker):
    told = {
        "fallback_from": [{"engine": "perchance", "code": "engine_busy"}],
        "ignored": ["negative_prompt"],
        "expires_at": "2026-11-28T00:00:00+00:00",
    }
    worker.say(200, {**RESULT, **told})
    [picture] = ai.images.generate(prompt="a tree").data
    assert {name: getattr(picture, name) for name in told} == told


def test_bytes_do_not_expire(ai, worker):
    result = {**RESULT, "expires_at": "2026-11-28T00:00:00+00:00"}
    worker.say(200, result, before=lambda: worker.say(200, PICTURE))
    [picture] = ai.images.generate(prompt="a tree", response_format="b64_json").data
    assert not hasattr(picture, "expires_at")


def test_a_url_of_another_host_is_left_as_it_is(ai, worker):
    worker.say(200, {**RESULT, "image_url": "https://i.imgur.com/x.png", "content_type": "image/jpeg"})
    answer = ai.images.generate(prompt="a tree")
    assert (answer.data[0].url, answer.output_format) == ("https://i.imgur.com/x.png", "jpeg")


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ("auto", "square"),
        (None, "square"),
        ("256x256", "square"),
        ("1024x1024", "square"),
        ("1536x1024", "landscape"),
        ("1024x1792", "portrait"),
        ("3840x2160", "landscape"),
        ("1000x1100", "square"),
    ],
)
def test_a_size_comes_with_the_nearest_shape(ai, worker, size, shape):
    ai.images.generate(prompt="a tree", size=size)
    assert sent(worker)["shape"] == shape


def test_a_style_is_drawn_and_told(ai, worker):
    worker.say(200, {**RESULT, "prompt": "a tree, vivid"})
    answer = ai.images.generate(prompt="a tree", style="vivid")
    assert sent(worker)["prompt"] == "a tree, hyper-real, dramatic, vivid saturated colors, high contrast"
    assert answer.data[0].revised_prompt == "a tree, vivid"


def test_parameters_that_change_nothing_are_accepted(ai, worker):
    ai.images.generate(
        prompt="a tree",
        background="opaque",
        complexity="low",
        moderation="low",
        n=None,
        output_compression=100,
        extra_body={"frame_count": None, "frame_duration_ms": None, "markup": None, "svg": None},
        output_format="png",
        partial_images=3,
        quality="high",
        response_format=None,
        safety_identifier="x",
        stream=False,
        style=None,
        user="me",
    )
    assert len(worker.requests) == 1


def test_the_extensions_reach_the_worker(ai, worker):
    extensions = {"seed": 7, "negative_prompt": " people ", "guidance_scale": 12}
    ai.images.generate(prompt="a tree", extra_body=extensions, output_format="jpeg", output_compression=0)
    expected = {"seed": 7, "negative_prompt": "people", "guidance_scale": 12, "output_compression": 0}
    assert {name: sent(worker)[name] for name in expected} == expected


def test_what_is_null_or_left_out_is_not_sent(ai, worker):
    nothing = {"seed": None, "negative_prompt": None, "guidance_scale": None, "output_compression": None}
    ai.images.generate(prompt="a tree", extra_body=nothing)
    assert (sent(worker)["seed"], sent(worker)["guidance_scale"]) == (-1, 7.0)
    assert not {"negative_prompt", "output_compression"} & set(sent(worker))


def test_a_negative_prompt_joins_that_of_a_style(ai, worker):
    ai.images.generate(prompt="a tree", style="anime", extra_body={"negative_prompt": "people"})
    assert sent(worker)["negative_prompt"].startswith("people, photograph, ")
    assert "negative_prompt_optional" not in sent(worker)  # no engine may drop the client's own


def test_a_seed_is_cached_as_by_generate(ai, worker):
    first, again = (ai.images.generate(prompt="a tree", extra_body={"seed": 7}).data[0].url for _ in range(2))
    assert first == again
    assert len(worker.asked_to_make()) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_cached_picture_whose_file_is_gone_is_made_again(ai, worker, stream):
    ai.images.generate(prompt="a tree", extra_body={"seed": 7})
    another = f"/images/{'b' * 64}.png"
    worker.say(200, {**RESULT, "image_url": another})
    worker.say_to("/images/", 404, b"{}")
    worker.say_to(another, 200, b"the new one")
    answer = ai.images.generate(prompt="a tree", model="gpt-image-1", stream=stream, extra_body={"seed": 7})
    [picture] = answer if stream else answer.data
    assert base64.b64decode(picture.b64_json) == b"the new one"
    assert picture.url.endswith(another)
