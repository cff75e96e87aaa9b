"""Partial images as previews, and streams that come in another order, break off or tell of an error; edits."""

import asyncio
import base64
import json

import pytest

from render_worker.contract import Recipe
from render_worker.errors import BadPicture, ContentRefused, EngineBusy, EngineError
from render_worker.imaging import SourcePicture
from tests.fakes.at_openai import Reported, asked, engine, make, play, size_of
from tests.fakes.played import drawn
from tests.fakes.scripted_server import ScriptedServer

IMAGE = SourcePicture(drawn((64, 64)), 64, 64)


def edit(site, of, reported=None, settings=None, **fields):
    recipe = Recipe(prompt="a tree").with_image(IMAGE.data).model_copy(update=fields)
    return asyncio.run(engine(site, of, **(settings or {})).edit(recipe, IMAGE, reported or Reported()))


@pytest.mark.parametrize(
    ("word", "previews"),
    [("ok", 2), ("stream_done", 2), ("stream_early", 0), ("stream_silent", 0), ("stream_odd", 0), ("stream_data", 0)],
)
def test_partial_images_are_previews(site, word, previews):
    play(site, openai=word)
    reported = Reported(wants_previews=True)
    image = make(site, reported=reported)
    assert size_of(image) == (1024, 1024)
    assert len(reported.previews) == previews
    assert (asked(site)[0]["stream"], asked(site)[0]["partial_images"]) == (True, 2)


@pytest.mark.parametrize(("of", "wants"), [("openai", False), ("vllm-omni", True), ("compatible", True)])
def test_no_stream_is_asked_for_in_vain(site, of, wants):
    make(site, of, Reported(wants_previews=wants))
    assert "stream" not in asked(site)[0]


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("stream_breaks", BadPicture),
        ("stream_ends", BadPicture),
        ("stream_error", EngineBusy),
        ("stream_refused", ContentRefused),
        ("stream_failed", EngineBusy),
        ("moderation", ContentRefused),
    ],
)
def test_a_stream_without_a_picture_is_an_error(site, word, error):
    play(site, openai=word)
    with pytest.raises(error):
        make(site, reported=Reported(wants_previews=True))
    assert len(asked(site)) == 1


def test_a_server_that_does_not_stream_is_read_all_the_same():
    with ScriptedServer() as server:
        server.say(200, json.dumps({"data": [{"b64_json": base64.b64encode(drawn((64, 64))).decode()}]}).encode())
        image = make(server, "openai", Reported(wants_previews=True))
        assert size_of(image) == (64, 64)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data: [DONE]\n\n",
        b"data",
        b"data: null\n\n" * 3,
        b'data: {"type": "image_generation.completed"}\n\n',
        b'data: {"type": ["?"], "error": ["?"]}\n\n',
        b'data: {"type": "image_generation.partial_image", "b64_json": 7}\n\n',
        b"\xff\xfe\x00",
        b"event: error\ndata: {}\n\n",
    ],
)
def test_an_odd_stream_is_an_error_of_the_engine(body):
    with ScriptedServer() as server:
        server.say(200, body, Content_Type="text/event-stream; charset=utf-8")
        with pytest.raises(EngineError) as caught:
            make(server, "openai", Reported(wants_previews=True))
    assert caught.value.code != "internal_error"


@pytest.mark.parametrize("of", ["openai", "vllm-omni"])
def test_an_edit_sends_the_picture_as_a_form(site, of):
    image = edit(site, of)
    [body] = asked(site)
    assert (body["operation"], body["image_bytes"], body["prompt"]) == ("edits", len(IMAGE.data), "a tree")
    assert size_of(image) == (1024, 1024)


def test_an_edit_s_partial_images_are_previews_too(site):
    reported = Reported(wants_previews=True)
    assert edit(site, "openai", reported).data
    assert len(reported.previews) == 2


def test_servers_without_edits_do_not_honour_an_image(site):
    honoured = {of: engine(site, of).capabilities_of("auto").image for of in ("openai", "xai", "together", "sd.cpp")}
    assert honoured == {"openai": True, "xai": False, "together": False, "sd.cpp": True}
    assert not engine(site).capabilities_of("auto").strength
