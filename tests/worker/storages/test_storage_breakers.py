"""Storages' circuit breakers: no picture is made if no storage would save it, and a half-open one gets one probe."""

import asyncio
import logging
import time
from types import SimpleNamespace

import pytest

from render_worker.circuit_breaker import HALF_OPEN_SECONDS
from render_worker.contract import GenerateRequest
from render_worker.errors import EngineError
from render_worker.picture import Picture
from render_worker.settings import Settings
from render_worker.storages import STORAGES
from render_worker.storages.chain import StorageChain
from render_worker.storages.errors import StorageFailed
from tests.fakes.played import Played, ask, pipelines, refused
from tests.fakes.processes import free_port
from tests.fakes.scripted_server import ScriptedServer
from tests.fakes.storages import ScriptedStorage

PICTURE = Picture(b"the bytes", 1, 1, "a" * 64)
S3 = {"s3_bucket": "b", "aws_access_key_id": "k", "aws_secret_access_key": "s", "s3_public_url": "https://x.y"}


def save(storages: StorageChain, seconds: float = 9):
    return asyncio.run(storages.save(PICTURE, seconds))


@pytest.fixture
def clock(monkeypatch):
    """Return the breakers' clock, which goes only if a test says so."""
    now = time.monotonic()
    halted = SimpleNamespace(monotonic=lambda: now)
    halted.go = lambda seconds: setattr(halted, "monotonic", lambda: now + seconds)
    monkeypatch.setattr("render_worker.circuit_breaker.time", halted)
    return halted


def let_time_pass(storages: StorageChain) -> None:
    """Let the time of every open breaker pass."""
    for breaker in storages._breakers.values():
        if breaker._open_until:
            breaker._open_until -= 1_000_000


@pytest.mark.parametrize(
    ("fails", "more", "asked"),
    [
        ("unreachable", {}, 1),
        ("timeout", {}, 1),
        ("rate_limited", {}, 1),
        ("rate_limited", {"retry_after": 500}, 1),
        ("unavailable", {}, 2),
        ("refused", {}, 2),
        ("unexpected_reply", {}, 2),
        ("not_found", {}, 2),
        ("refused", {"caused_by_request": True}, 5),
        ("unsupported_format", {"caused_by_request": True}, 5),
    ],
)
def test_after_a_failure_or_two_it_is_passed_over(clock, fails, more, asked):
    storages = StorageChain(first := ScriptedStorage("first", fails, **more), ScriptedStorage("second"))
    outcomes = [save(storages) for _ in range(asked)]
    clock.go(took := 7)
    outcomes += [save(storages) for _ in range(5 - asked)]
    assert {outcome.storage for outcome in outcomes} == {"second"}
    assert first.asked == asked
    limited = fails == "rate_limited"
    last = outcomes[-1].problem
    if asked < 5:
        assert last.code == ("scripted_rate_limited" if limited else "storage_resting")
        assert "first fails." in last.error
        assert last.retry_after == more.get("retry_after", 60) - took
        assert [problem[:19] for problem in storages.unavailable_reasons()] == ["first: resting unti"]
        assert storages.available
    else:
        assert (last.code, storages.unavailable_reasons()) == (f"scripted_{fails}", [])


def test_one_that_is_passed_over_is_not_logged_for_each_picture(caplog):
    storages = StorageChain(ScriptedStorage("first", "unreachable"), ScriptedStorage("second"))
    for _ in range(5):
        save(storages)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [
        "first: circuit breaker open for 60 seconds: first fails.",
        "first did not save a picture: scripted_unreachable: first fails.",
    ]


def test_half_open_one_picture_tries_it(caplog):
    storages = StorageChain(first := ScriptedStorage("first", "unreachable"), ScriptedStorage("second"))
    save(storages)
    let_time_pass(storages)
    save(storages)
    save(storages)
    assert first.asked == 2
    let_time_pass(storages)
    first.fails = None
    assert [save(storages).storage for _ in range(2)] == ["first", "first"]
    assert storages.unavailable_reasons() == []


def test_one_that_outlasts_its_share_again_and_again_costs_it_once(monkeypatch):
    monkeypatch.setattr("render_worker.storages.chain.HANGING_SECONDS", 0.2)
    storages = StorageChain(first := ScriptedStorage("first", "hang"), ScriptedStorage("folder", remote=False))
    outcomes = [save(storages, 0.3) for _ in range(3)]
    assert [outcome.storage for outcome in outcomes] == ["folder"] * 3
    assert (first.asked, outcomes[-1].problem.code) == (1, "storage_resting")


def test_one_whose_share_was_short_has_not_failed():
    storages = StorageChain(first := ScriptedStorage("first", "hang"), ScriptedStorage("folder", remote=False))
    for _ in range(3):
        save(storages, 0.1)
    assert (first.asked, storages.unavailable_reasons()) == (3, [])


def test_a_short_share_in_a_probe_neither_closes_nor_prolongs_the_open_breaker():
    storages = StorageChain(first := ScriptedStorage("first", "unreachable"), ScriptedStorage("folder", remote=False))
    save(storages)
    let_time_pass(storages)
    first.fails = "hang"
    save(storages, 0.1)
    assert storages._breakers[first].state == "half-open"


def test_a_made_picture_goes_to_one_with_an_open_breaker_if_no_other_keeps_it():
    storages = StorageChain(first := ScriptedStorage("first", "unreachable"), second := ScriptedStorage("second"))
    save(storages)
    first.fails, second.fails = None, "unavailable"
    outcome = save(storages)
    assert (outcome.storage, outcome.problem) == ("first", None)
    second.fails = None
    assert save(storages).storage == "first"  # which it is known to do again


def test_one_that_said_how_long_it_wants_to_be_left_alone_is_no_last_hope():
    storages = StorageChain(first := ScriptedStorage("first", "rate_limited"), second := ScriptedStorage("second"))
    save(storages)
    second.fails = "unavailable"
    with pytest.raises(StorageFailed, match=r"first fails\. second fails\.") as caught:
        save(storages)
    assert (first.asked, caught.value.retry_after) == (1, 60)


def test_one_whose_preflight_fails_needs_no_breaker():
    storages = StorageChain(first := ScriptedStorage("first", "unavailable"), ScriptedStorage("second"))
    first.foreseen = "the disk is full"
    assert [save(storages).problem.error for _ in range(3)] == ["The storage: the disk is full."] * 3
    assert first.asked == 0
    first.foreseen = first.fails = None
    assert save(storages).storage == "first"


@pytest.fixture
def broken_folder(tmp_path):
    """Return what makes a pipeline whose local folder cannot be made, and an engine that records its requests."""

    def make(**settings):
        (tmp_path / "file").write_text("in the way")
        engine = Played("one")
        return engine, pipelines(tmp_path / "file")(engine, **settings)

    return make


def test_no_picture_is_made_that_no_storage_would_keep(broken_folder):
    engine, pipeline = broken_folder()
    error = refused(pipeline, StorageFailed)
    assert "LOCAL_STORAGE_DIR cannot be made" in str(error)
    assert (engine.recipes, error.code, error.retry_after) == ([], "storage_failed", None)


def test_one_picture_is_made_for_a_storage_out_of_reach_and_no_more(broken_folder, clock):
    engine, pipeline = broken_folder(storage="s3", s3_endpoint=f"http://127.0.0.1:{free_port()}", **S3)
    errors = [refused(pipeline, StorageFailed) for _ in range(4)]
    assert len(engine.recipes) == 1
    assert all("S3 cannot be reached." in str(error) and "LOCAL_STORAGE_DIR" in str(error) for error in errors)
    assert errors[-1].retry_after == 60
    assert not pipeline.storages.available


def test_a_storage_that_limits_is_asked_again_when_it_said(clock):
    with ScriptedServer() as service:
        service.say(420, Retry_After="77")
        settings = Settings(cloudinary_url="cloudinary://k:s@c", cloudinary_api_url=service.url)
        storages = StorageChain(STORAGES["cloudinary"].load()(settings), ScriptedStorage("second"))
        outcomes = [save(storages) for _ in range(3)]
        assert len(service.asked) == 1
        clock.go(77)
        save(storages)
        assert len(service.asked) == 2
    assert {outcome.problem.code for outcome in outcomes} == {"cloudinary_rate_limited"}
    assert outcomes[-1].problem.retry_after == 77


def test_a_format_that_no_storage_takes_is_said_before_a_picture_is_made(broken_folder):
    engine, pipeline = broken_folder(storage="imgur", imgur_client_id="an-id")
    error = refused(pipeline, StorageFailed, output_format="webp")
    assert str(error).startswith("Imgur takes no webp pictures. The local folder: ")
    assert engine.recipes == []
    assert pipeline.storages.unavailable_reasons()[0].startswith("local: ")


def test_half_open_one_picture_is_made_as_the_probe(broken_folder):
    """However many requests come at once: each would be paid for."""
    engine, pipeline = broken_folder(storage="s3", s3_endpoint=f"http://127.0.0.1:{free_port()}", **S3)
    refused(pipeline, StorageFailed)
    let_time_pass(pipeline.storages)
    engine.does = "slow"

    async def crowd():
        asking = (pipeline.generate(GenerateRequest(prompt=f"{number}")) for number in range(5))
        return await asyncio.gather(*asking, return_exceptions=True)

    errors = asyncio.run(crowd())
    assert len(engine.recipes) == 2
    assert [type(error) for error in errors] == [StorageFailed] * 5
    assert [error.retry_after for error in errors[1:]] == [HALF_OPEN_SECONDS] * 4
    let_time_pass(pipeline.storages)
    engine.does = EngineError("No.")
    refused(pipeline, EngineError)
    refused(pipeline, EngineError)  # a probe that came to nothing keeps no request from the next


def test_a_probe_that_takes_long_keeps_others_out_for_some_seconds_only(broken_folder):
    """Any client's picture may be the probe, also one of the slowest engine."""
    engine, pipeline = broken_folder(storage="s3", s3_endpoint=f"http://127.0.0.1:{free_port()}", **S3)
    storages = pipeline.storages
    refused(pipeline, StorageFailed)
    let_time_pass(storages)
    engine.does = "hang"

    async def probes():
        first, second = (asyncio.create_task(pipeline.generate(GenerateRequest(prompt=f"{n}"))) for n in range(2))
        with pytest.raises(StorageFailed, match="tried again with another picture") as caught:
            await second
        assert caught.value.retry_after == HALF_OPEN_SECONDS
        storages._next_probe -= HALF_OPEN_SECONDS  # as if they had passed
        third, fourth = (asyncio.create_task(pipeline.generate(GenerateRequest(prompt=f"{n}"))) for n in range(2, 4))
        with pytest.raises(StorageFailed):
            await fourth
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        with pytest.raises(StorageFailed):  # the end of an earlier probe does not end the later one
            await pipeline.generate(GenerateRequest(prompt="4"))
        third.cancel()
        await asyncio.gather(third, return_exceptions=True)
        return storages._next_probe

    assert asyncio.run(probes()) == 0.0
    assert [recipe.prompt for recipe in engine.recipes[1:]] == ["0", "2"]


def test_a_sketch_is_cheap_to_make_again_and_no_other_picture_is(tmp_path):
    for cheap in (False, True):
        engine = Played("one")
        engine.cheap = cheap
        result, _ = ask(pipelines(tmp_path / str(cheap))(engine))
        mode = (tmp_path / str(cheap) / "images" / f"{result.sha256}.png").stat().st_mode
        assert bool(mode & 0o1000) is cheap
