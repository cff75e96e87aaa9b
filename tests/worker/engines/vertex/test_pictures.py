"""The requests of the engine `vertex`, its pictures, and that a cancelled one ends the work at Google."""

import asyncio

import pytest

from render_worker.contract import Recipe
from tests.fakes.processes import wait_until
from tests.worker.engines.vertex.conftest import (
    OLDEST,
    PROMPT,
    Notes,
    asked,
    made,
    of_shape,
    play,
    refused,
)


@pytest.mark.parametrize(("shape", "ratio"), [("square", "1:1"), ("portrait", "2:3"), ("landscape", "3:2")])
def test_it_works(by_key, site, shape, ratio):
    notes = Notes()
    image = made(by_key, notes, shape=shape)
    assert of_shape(image.data, shape)
    assert (image.seed, image.guidance_scale, image.model) == (None, None, "gemini-3.1-flash-image")
    assert notes.phases == ["generating"]
    body = asked(site)[0]["body"]
    assert body["contents"][0]["parts"] == [{"text": PROMPT}]
    config = body["generationConfig"]
    assert (config["responseModalities"], config["imageConfig"]["aspectRatio"]) == (["IMAGE"], ratio)
    assert (body["project"], asked(site, "vertex_token")) == (None, [])


def test_it_works_with_a_service_account(by_account, site):
    notes = Notes()
    assert made(by_account(), notes).model == OLDEST
    assert notes.phases == ["verifying", "generating"]
    body = asked(site)[0]["body"]
    assert (body["project"], body["location"], body["verb"]) == ("the-project", "us-central1", "generateContent")


def test_it_honours_nothing_beside_prompt_shape_and_image(by_key):
    recipe = Recipe(prompt=PROMPT, seed=1, negative_prompt="boats", guidance_scale=3, image="0" * 64, strength=0.5)
    assert by_key.cannot_honour(recipe) == ["guidance_scale", "negative_prompt", "seed", "strength"]


def test_gemini_s_thoughts_are_not_the_picture(by_key, site):
    play(site, "thought")
    assert of_shape(made(by_key).data, "square")


@pytest.mark.parametrize(("behaviour", "endpoint"), [("hang", "vertex"), ("token_hang", "vertex_token")])
def test_a_hang_ends_and_google_sees_the_request_aborted(by_account, site, behaviour, endpoint):
    play(site, behaviour)
    failure = refused(by_account(vertex_seconds=0.5))
    assert (failure.code, "0.5 seconds" in str(failure)) == ("timeout", True)
    wait_until(lambda: [entry["outcome"] for entry in asked(site, endpoint)] == ["aborted"], "the end at the service")


@pytest.mark.parametrize(("behaviour", "endpoint"), [("hang", "vertex"), ("token_hang", "vertex_token")])
def test_a_cancelled_request_is_aborted_at_google(by_account, site, behaviour, endpoint):
    play(site, behaviour)

    async def give_up() -> None:
        async with asyncio.timeout(0.5):
            await by_account().generate(Recipe(prompt=PROMPT), Notes())

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    wait_until(lambda: [entry["outcome"] for entry in asked(site, endpoint)] == ["aborted"], "the end at the service")
