"""AUTOMATIC1111 and its likes: the checkpoint is looked up before it is asked for."""

import asyncio

import pytest

from render_worker.contract import Recipe
from render_worker.engines.automatic1111.engine import Automatic1111Engine
from render_worker.errors import EngineBusy, EngineNotConfigured, UnexpectedReply
from render_worker.settings import Settings
from tests.fakes.at_automatic1111 import Reported, asked, engine, make, play

TITLE = "photo/dream shaper.ckpt [879db523c3]"
ANIME = "anime.safetensors [a074b8864e]"


def sent_checkpoint(site):
    return asked(site)[-1]["body"]["override_settings"].get("sd_model_checkpoint")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        (TITLE, TITLE),
        ("photo_dream shaper", TITLE),
        ("photo/dream shaper.ckpt", TITLE),
        ("photo/dream shaper", TITLE),
        ("Dream Shaper", TITLE),
        ("879db523c3", TITLE),
        ("/models/Stable-diffusion/photo/dream shaper.ckpt", TITLE),
        ("anime", ANIME),
        ("C:\\models\\anime.safetensors", ANIME),
    ],
)
def test_it_is_found_by_each_of_its_names(site, name, title):
    play(site, automatic1111_flavour="forge")  # which refuses an unknown one
    image = make(site, automatic1111_model=name)
    assert sent_checkpoint(site) == title
    assert image.model == {TITLE: "photo_dream shaper", ANIME: "anime"}[title]
    assert image.note is None


@pytest.mark.parametrize("flavour", ["a1111", "forge", "sdnext", "sdcpp"])
def test_an_unknown_one_is_refused_with_those_that_there_are(site, flavour):
    play(site, automatic1111_flavour=flavour)
    with pytest.raises(EngineNotConfigured, match=r"AUTOMATIC1111_MODEL .* which has sd_xl_base_1\.0"):
        make(site, automatic1111_model="dalle")
    assert asked(site) == []


def test_without_one_the_loaded_one_is_taken_without_a_look(site):
    make(site)
    assert sent_checkpoint(site) is None
    assert asked(site, "automatic1111_list") == []


def test_a_server_of_one_model_says_it_by_its_file(site):
    play(site, automatic1111_flavour="sdcpp")
    image = make(site, automatic1111_model="sd_xl_base_1.0")
    assert (image.model, image.note) == ("sd_xl_base_1.0.safetensors", None)


def test_a_server_without_a_list_is_done_without(site):
    play(site, automatic1111_flavour="sdcpp", automatic1111_list="missing")
    assert make(site, automatic1111_model="whatever").data
    assert sent_checkpoint(site) is None


@pytest.mark.parametrize(
    ("word", "error", "sentence"),
    [
        ("no_api", EngineNotConfigured, "--api"),
        ("html_502", EngineBusy, "HTTP 502"),
        ("not_a_list", UnexpectedReply, "no list"),
        ("deep", UnexpectedReply, "no list"),
        ("empty", EngineNotConfigured, "which has none"),
    ],
)
def test_each_odd_list_has_its_own_error(site, word, error, sentence):
    play(site, automatic1111_list=word)
    with pytest.raises(error, match=sentence):
        make(site, automatic1111_model="anime")
    assert asked(site) == []


def test_odd_entries_are_left_out(site):
    play(site, automatic1111_list="odd_entries")
    assert make(site, automatic1111_model="sd_xl_base_1.0").data
    with pytest.raises(EngineNotConfigured, match=r"which has x\.ckpt, sd_xl_base"):
        make(site, automatic1111_model="y")


def test_it_is_looked_up_once_for_a_while(site, monkeypatch):
    async def twice(ours):
        return [await ours.generate(Recipe(prompt="a tree"), Reported()) for _ in range(2)]

    ours = engine(site, automatic1111_model="anime")
    asyncio.run(twice(ours))
    assert len(asked(site, "automatic1111_list")) == 1
    monkeypatch.setattr("render_worker.engines.automatic1111.server.LIST_CACHE_SECONDS", 0.0)
    asyncio.run(twice(ours))
    assert len(asked(site, "automatic1111_list")) == 3


def test_a_picture_by_another_one_says_so_and_it_is_looked_up_anew(site):
    play(site, automatic1111_stays=True)
    ours = engine(site, automatic1111_model="anime")
    for looks in (1, 2):
        image = asyncio.run(ours.generate(Recipe(prompt="a tree"), Reported()))
        assert "checkpoint sd_xl_base_1.0, and not" in image.note
        assert image.model == "sd_xl_base_1.0"
        assert len(asked(site, "automatic1111_list")) == looks


@pytest.mark.parametrize(
    ("configured", "names"),
    [
        (None, ()),
        ("sd_xl_base_1.0.safetensors [31e35c80fc]", ("sd_xl_base_1.0",)),
        ("photo/dream.ckpt", ("photo/dream",)),
        ("photo/dream shaper.ckpt", ()),
        ("auto", ()),
        ("C:\\models\\anime.safetensors", ()),
    ],
)
def test_clients_may_ask_for_it_by_name_if_the_name_fits(configured, names):
    assert Automatic1111Engine(Settings(automatic1111_model=configured)).models == names
