"""A service's words are repeated without the request's texts and without secrets, whatever was made of them."""

import asyncio

import httpx
import pytest

from render_worker.engines.openai.refusals import error_of, refusal_of
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


@pytest.mark.parametrize(
    "message",
    ["x" * 160 + f" bad key {KEY}", f"Your prompt was: {WISH * 6} refused", "refused: " + WISH.replace(", ", "\n")],
)
def test_an_error_of_openai_repeats_neither(message):
    reply = Reply("X", 400, httpx.Headers(), httpx.Response(200, json={"error": {"message": message}}).content)
    error = str(error_of(refusal_of(reply), "Svc", "m", (KEY, WISH * 6, WISH.replace(", ", "\n"))))
    assert error == "Svc answered HTTP 400."
