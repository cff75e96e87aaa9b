"""AUTOMATIC1111 and its likes: progress as far as it is ours, and what becomes of a picture that is cancelled."""

import asyncio
import time

import pytest
import requests

from render_worker.contract import Recipe
from render_worker.errors import EngineError, PhaseTimeout
from tests.fakes.at_automatic1111 import Reported, asked, engine, make, play
from tests.fakes.processes import wait_until


@pytest.mark.parametrize("flavour", ["a1111", "forge"])
def test_the_steps_of_our_picture_are_reported(site, flavour):
    play(site, delay=0.6, automatic1111_flavour=flavour)
    reported = Reported()
    make(site, reported, automatic1111_steps=20)
    assert [phase for phase, _, _ in reported.news][:2] == ["starting", "generating"]
    assert "loaded" in reported.news[1][1]
    numbers = reported.numbers()
    assert numbers
    assert all(it["total"] == 20 and 0 <= it["step"] <= 20 for it in numbers)
    assert [it["percent"] for it in numbers] == sorted(it["percent"] for it in numbers)
    assert all(it["expected_seconds"] in (1, None) for it in numbers)
    assert reported.previews == []
    assert {entry["body"]["skip_current_image"] for entry in asked(site, "automatic1111_progress")} == {"true"}


@pytest.mark.parametrize("flavour", ["a1111", "forge"])
def test_another_client_s_picture_is_waited_for_and_its_numbers_are_not_ours(site, flavour):
    play(site, delay=0.5, automatic1111_others=0.5, automatic1111_flavour=flavour)
    reported = Reported(wants_previews=True)
    make(site, reported, automatic1111_exclusive=True)  # although it was said that there is none
    phases = list(dict.fromkeys(phase for phase, _, numbers in reported.news if phase == "queued" or numbers))
    assert phases == ["queued", "generating"]
    assert reported.previews


def test_previews_are_fetched_if_they_are_wanted(site):
    play(site, delay=0.5)
    reported = Reported(wants_previews=True)
    make(site, reported)
    assert all(preview.startswith(b"\xff\xd8") for preview in reported.previews)
    assert reported.previews


def test_a_server_that_does_not_say_whose_picture_it_is_has_no_progress_unless_it_is_ours_alone(site):
    play(site, delay=0.5, automatic1111_flavour="sdnext")
    for exclusive in (False, True):
        reported = Reported(wants_previews=True)
        make(site, reported, automatic1111_exclusive=exclusive)
        assert bool(reported.numbers()) is exclusive
        assert bool(reported.previews) is exclusive
        shown = {entry["body"]["skip_current_image"] for entry in asked(site, "automatic1111_progress")}
        assert ("false" in shown) is exclusive  # the other's picture is not even fetched
    several = Reported()
    make(site, several, automatic1111_exclusive=True, automatic1111_concurrency=2)
    assert several.numbers() == []


@pytest.mark.parametrize("word", ["missing", "html_502", "odd", "wrong_types", "hang", "drip"])
def test_odd_progress_costs_no_picture(site, word, monkeypatch):
    monkeypatch.setattr("render_worker.engines.automatic1111.server.LOOK_SECONDS", 0.3)
    play(site, delay=0.3, automatic1111_progress=word)
    reported = Reported(wants_previews=True)
    assert make(site, reported, seconds=5).data
    assert reported.previews == []
    for numbers in reported.numbers():
        assert numbers["percent"] is None
        assert numbers["expected_seconds"] is None


async def cancelled(ours, site, after):
    making = asyncio.create_task(ours.generate(Recipe(prompt="a tree"), Reported()))
    while not await asyncio.to_thread(asked, site):
        await asyncio.sleep(0.01)
    await asyncio.sleep(after)
    begun = time.monotonic()
    making.cancel()
    await asyncio.wait({making})
    assert making.cancelled()
    return time.monotonic() - begun


@pytest.mark.parametrize("flavour", ["a1111", "forge", "sdnext"])
@pytest.mark.parametrize("after", [0.0, 0.4])
def test_a_cancelled_picture_is_interrupted_if_nothing_else_uses_the_server(site, flavour, after):
    play(site, delay=8, automatic1111_flavour=flavour)
    asyncio.run(cancelled(engine(site, automatic1111_exclusive=True), site, after))
    assert asked(site, "automatic1111_interrupt")
    (ended,) = asked(site)
    assert ended["seconds"] < 4


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_picture_that_takes_longer_than_its_limit_is_interrupted_likewise(site, exclusive):
    play(site, delay=2)
    with pytest.raises(PhaseTimeout):
        make(site, automatic1111_seconds=0.4, automatic1111_exclusive=exclusive)
    assert bool(asked(site, "automatic1111_interrupt")) is exclusive


@pytest.mark.parametrize("flavour", ["a1111", "sdnext", "sdcpp"])
def test_a_server_with_other_clients_is_never_interrupted(site, flavour):
    play(site, delay=1, automatic1111_flavour=flavour)
    assert asyncio.run(cancelled(engine(site), site, 0.1)) < 0.5
    wait_until(lambda: asked(site)[0]["seconds"] is not None, "the picture is done there")
    assert asked(site)[0]["seconds"] >= 1  # it goes on there
    assert asked(site, "automatic1111_interrupt") == []


@pytest.mark.parametrize("flavour", ["a1111", "sdnext", "sdcpp"])
def test_abandoned_pictures_do_not_pile_up_there(site, flavour):
    play(site, delay=1.5, automatic1111_flavour=flavour)

    async def one_after_another():
        ours = engine(site)
        await cancelled(ours, site, 0.1)
        for _ in range(3):  # each is overtaken while it waits, and was never sent
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await ours.generate(Recipe(prompt="a tree"), Reported())
        assert len(await asyncio.to_thread(asked, site)) == 1
        reported = Reported()
        await ours.generate(Recipe(prompt="a tree"), reported)
        assert any("abandoned" in (message or "") for _, message, _ in reported.news)

    asyncio.run(one_after_another())
    first, second = asked(site)
    assert first["seconds"] < second["seconds"] + 0.5  # which did not wait there for the first


def test_a_server_that_lost_what_was_abandoned_is_asked_again(site):
    play(site, automatic1111="hang")

    async def lost():
        ours = engine(site)
        await cancelled(ours, site, 0.1)
        await asyncio.to_thread(play, site, automatic1111="ok", delay=0.0)
        await ours.generate(Recipe(prompt="a tree"), Reported())
        await ours.stop()

    asyncio.run(lost())
    assert len(asked(site)) == 2


def test_another_client_s_picture_is_not_interrupted_in_place_of_ours(site):
    play(site, delay=0.1, automatic1111_others=3)
    asyncio.run(cancelled(engine(site, automatic1111_exclusive=True), site, 0.3))
    assert asked(site, "automatic1111_interrupt") == []


def test_a_server_that_cannot_be_interrupted_is_left_in_time(site):
    play(site, delay=4, automatic1111_flavour="sdcpp")
    assert asyncio.run(cancelled(engine(site, automatic1111_exclusive=True), site, 0.1)) < 1.5


def test_a_server_without_progress_is_not_asked_again_and_again(site):
    play(site, delay=0.6, automatic1111_flavour="sdcpp")
    assert make(site).data
    assert len(asked(site, "automatic1111_progress")) <= 2


@pytest.mark.parametrize("flavour", ["a1111", "sdnext"])
def test_half_a_picture_is_not_kept_if_a_person_interrupts_it(site, flavour):
    play(site, delay=3, automatic1111_flavour=flavour)

    async def interrupted():
        making = asyncio.create_task(engine(site).generate(Recipe(prompt="a tree"), Reported()))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(requests.post, f"{site.url}/automatic1111/sdapi/v1/interrupt", timeout=5)
        return await making

    with pytest.raises(EngineError, match="interrupted at the picture"):
        asyncio.run(interrupted())


@pytest.mark.parametrize("flavour", ["a1111", "sdnext"])
def test_another_client_s_interrupted_picture_before_it_costs_ours_nothing(site, flavour):
    play(site, delay=0.6, automatic1111_others=5, automatic1111_flavour=flavour)

    async def after_another():
        making = asyncio.create_task(engine(site).generate(Recipe(prompt="a tree"), Reported()))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(requests.post, f"{site.url}/automatic1111/sdapi/v1/interrupt", timeout=5)
        return await making

    assert asyncio.run(after_another()).data
