"""A service's words are repeated without the request's texts and without secrets, whatever was made of them."""

import asyncio
import contextlib

import httpx
import pytest

from render_worker.engines._skeleton.engine import error_of as skeleton
from render_worker.engines.automatic1111.replies import error_of as automatic1111
from render_worker.engines.comfyui.replies import error_of_execution
from render_worker.engines.comfyui.replies import error_of_reply as comfyui
from render_worker.engines.horde.replies import error_of_reply as horde
from render_worker.engines.openai.refusals import error_of, refusal_of
from render_worker.engines.pollinations.replies import error_of as pollinations
from render_worker.engines.replicate.transport import quoted
from render_worker.errors import EngineError
from render_worker.outbound.exchange import Reply
from render_worker.outbound.privacy import kept_private, repeatable

KEY = "sk-proj-A1b2C3d4E5A1b2C3d4E5A1b2C3d4E5"
WISH = "a portrait of my neighbour Ottilie, in her red garden"


@pytest.mark.parametrize(
    "words",
    [
        f"bad key {KEY}",
        "x" * 160 + f" bad key {KEY}",  # it crosses the cut
        f"bad key {KEY[:20]}…",
        "Your prompt was: " + WISH.upper(),
        "refused: " + WISH.replace(" ", "\n"),
        "refused: " + WISH.replace(" ", "%20"),
        'input_value="' + WISH[:30] + '..."',
        "x" * 190 + WISH,
    ],
)
def test_words_with_a_secret_are_not_repeated(words):
    assert repeatable(words, secrets=(KEY, WISH)) == ""


def test_a_short_text_is_found_as_a_word():
    assert repeatable("No picture of: Tom Foo!", secrets=("tom  foo",)) == ""
    assert repeatable("steps must be less", secrets=("step", "ste")) == "steps must be less"


def test_other_words_are_repeated():
    assert repeatable("The size is none.\n", secrets=(KEY, WISH, "")) == "The size is none"
    assert len(repeatable("y" * 5000, secrets=(KEY,))) == 200
    assert repeatable(None) == repeatable(7) == ""


def test_what_a_task_works_for_is_kept_private():
    async def work():
        with kept_private(WISH, None):
            inner = asyncio.create_task(asyncio.to_thread(repeatable, f"no {WISH}"))
        return await inner, repeatable(f"no {WISH}")

    assert asyncio.run(work()) == ("", f"no {WISH}")


@pytest.mark.parametrize("close", [lambda it: it.close(), lambda it: it.throw(EngineError("No."))])
def test_work_can_be_ended_in_another_context(close):
    async def work():
        with kept_private(WISH):
            await asyncio.sleep(60)

    async def begin(coroutine):
        coroutine.send(None)

    coroutine = work()
    asyncio.run(begin(coroutine))
    with kept_private(KEY):
        with contextlib.suppress(EngineError):  # and no other error
            close(coroutine)
        assert repeatable(f"no {KEY}") == ""
    assert repeatable(f"no {KEY}") == f"no {KEY}"


def refused(service: str, document: dict) -> Reply:
    return Reply(service, 500, httpx.Headers(), httpx.Response(200, json=document).content)


@pytest.mark.parametrize(
    "error",
    [
        lambda said: automatic1111(refused("A", {"errors": said})),
        lambda said: automatic1111(Reply("A", 500, httpx.Headers(), said.encode())),
        lambda said: automatic1111(refused("A", {"detail": [{"loc": ["body", "prompt"], "msg": said}]})),
        lambda said: automatic1111(refused("A", {"errors": f"CUDA out of memory at {said}"})),
        lambda said: error_of_execution({"node_id": "3", "exception_message": said}),
        lambda said: comfyui(Reply("C", 400, httpx.Headers(), refused("", {"error": {"message": said}}).body)),
        lambda said: horde(refused("H", {"message": said})),
        lambda said: pollinations(refused("P", {"error": {"message": said}})),
        lambda said: RuntimeError(quoted(said, ())),
        lambda said: skeleton(refused("S", {"message": said})),
    ],
)
def test_no_engine_s_error_repeats_what_is_kept_private(error):
    said = "It failed at\n" + WISH.replace(" ", "\n")
    assert "Ottilie" in str(error(said))
    with kept_private(WISH):
        assert "Ottilie" not in str(error(said))


@pytest.mark.parametrize(
    "message",
    ["x" * 160 + f" bad key {KEY}", f"Your prompt was: {WISH * 6} refused", "refused: " + WISH.replace(", ", "\n")],
)
def test_an_error_of_openai_repeats_neither(message):
    reply = Reply("X", 400, httpx.Headers(), httpx.Response(200, json={"error": {"message": message}}).content)
    error = str(error_of(refusal_of(reply), "Svc", "m", (KEY, WISH * 6, WISH.replace(", ", "\n"))))
    assert error == "Svc answered HTTP 400."
