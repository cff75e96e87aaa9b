"""Downloads behind the SSRF guard: a paid picture is not lost by a transient error."""

import asyncio

import pytest

from render_worker.errors import EngineError, EngineUnreachable
from render_worker.outbound.download import PictureService, download
from tests.fakes import at_huggingface
from tests.fakes.on_replicate import fresh, log, made, play, refused, size
from tests.fakes.processes import free_port, sandbox

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nPIC"


@pytest.fixture(scope="module")
def server():
    with sandbox() as running:
        yield running


@pytest.fixture
def site(server):
    return fresh(server)


@pytest.mark.parametrize("upload", ["reset", "broken_off", "error_drip"])
def test_two_transient_errors_cost_no_picture(site, upload):
    play(site, "ok", upload=upload, times=2)
    assert size(made(site)) == (1024, 1024)
    assert (len(log(site, "upload")), len(log(site))) == (3, 1)


@pytest.mark.parametrize(
    ("upload", "code", "attempts"),
    [
        ("reset", "picture_broken", 3),
        ("broken_off", "picture_broken", 3),
        ("error_drip", "engine_unexpected_reply", 3),
        ("404", "picture_missing", 1),
        ("redirect", "engine_unexpected_reply", 1),
        ("compressed", "picture_unreadable", 1),
    ],
)
def test_lasting_errors_are_raised_and_others_than_transient_not_retried(site, upload, code, attempts):
    play(site, "ok", upload=upload)
    assert refused(site).code == code
    assert len(log(site, "upload")) == attempts


def test_a_picture_by_fal_is_not_lost_either(site):
    at_huggingface.play(site, upload="reset", times=1)
    assert at_huggingface.made(at_huggingface.engine(site, huggingface_provider="fal-ai")).data
    assert len(at_huggingface.asked(site)) == 1


def test_a_host_that_comes_back_is_retried():
    port = free_port()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(WHOLE)
        writer.close()

    async def down_at_first() -> bytes:
        getting = asyncio.create_task(_downloaded(port, 5))
        await asyncio.sleep(0.1)
        async with await asyncio.start_server(answer, "127.0.0.1", port):
            return await getting

    assert asyncio.run(down_at_first()) == b"PIC"


def test_all_attempts_share_one_timeout_which_raises_the_last_error():
    with pytest.raises(EngineUnreachable):
        asyncio.run(_downloaded(free_port(), 0.1))


def test_a_silent_host_is_not_retried():
    port, callers = free_port(), []

    async def silent() -> EngineError:
        async with await asyncio.start_server(lambda *both: callers.append(both), "127.0.0.1", port):
            with pytest.raises(EngineError) as caught:
                await _downloaded(port, 0.3)
            for _, writer in callers:
                writer.close()
            return caught.value

    assert (asyncio.run(silent()).code, len(callers)) == ("timeout", 1)


async def _downloaded(port: int, seconds: float) -> bytes:
    host = f"http://127.0.0.1:{port}"
    return await download(f"{host}/picture", PictureService("Somebody", (host,)), seconds)
