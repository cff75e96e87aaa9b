"""Names of models as OpenAI's clients send them: what serves them, and in which form the pictures come."""

import base64
import time

import pytest

from tests.api.conftest import NAME, PICTURE, RESULT

GPT_IMAGE = [
    "gpt-image-1",
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2.5-sunburst-2026-09-08",
    "chatgpt-image-latest",
    "GPT-Image-1",
    "openai/gpt-image-2",
    "OpenAI/ChatGPT-image-latest",
    " gpt-image-1\n",
]
DALL_E = ["dall-e-2", "dall-e-3", "DALL-E-3", "openai/dall-e-3", " Dall-E-2 "]
NOTHING = [None, "auto", "", "  ", " auto "]


def model(name: str) -> dict:
    return {"name": name, "engine": "openai", "description": "A model.", "answers_auto": True, "state": "ready"}


@pytest.fixture
def named(worker):
    """Lets the worker have models of these names."""

    def have(*names: str) -> None:
        worker.say_to("/models", 200, {"models": [model(name) for name in names]})
        worker.say_to("/images", 200, PICTURE)

    have("perchance")
    return have


@pytest.mark.parametrize("name", GPT_IMAGE)
def test_a_gpt_image_model_brings_bytes_by_default(ai, worker, named, name):
    answer = ai.images.generate(prompt="a tree", model=name)
    [picture] = answer.data
    assert base64.b64decode(picture.b64_json) == PICTURE
    assert picture.url.endswith(f"/images/{NAME}")
    assert (answer.model, worker.asked_to_make()[-1]["model"]) == ("auto", "auto")
    assert answer.usage.model_dump(exclude_none=True) == {
        "input_tokens": 0,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "output_tokens": 0,
        "total_tokens": 0,
    }


@pytest.mark.parametrize("name", [*DALL_E, *NOTHING])
def test_the_others_bring_urls_by_default(ai, worker, named, name):
    answer = ai.images.generate(prompt="a tree", model=name)
    assert (answer.data[0].url[-len(NAME) :], answer.data[0].b64_json, answer.usage) == (NAME, None, None)
    assert (answer.model, worker.asked_to_make()[-1]["model"]) == ("auto", "auto")


def test_a_name_of_ours_is_passed_on_without_a_read_of_the_names(ai, worker):
    answer = ai.images.generate(prompt="a tree", model=" sketch ")
    assert (answer.model, answer.data[0].b64_json) == ("sketch", None)
    assert [(method, path) for method, path, _, _ in worker.requests] == [("POST", "/generate")]
    assert worker.asked_to_make()[-1]["model"] == "sketch"


def test_the_names_of_openai_are_read_once_for_many_requests(ai, worker, named):
    for _ in range(3):
        ai.images.generate(prompt="a tree", model="gpt-image-1")
    assert [path for _, path, _, _ in worker.requests].count("/models") == 1


@pytest.mark.parametrize(
    ("response_format", "given"), [("url", (True, False)), ("b64_json", (False, True)), (None, (True, True))]
)
def test_a_response_format_overrules_the_model(ai, named, response_format, given):
    [picture] = ai.images.generate(prompt="a tree", model="gpt-image-1", response_format=response_format).data
    assert (picture.url is not None, picture.b64_json is not None) == given


@pytest.mark.parametrize("name", ["gpt-image-2", "openai/gpt-image-2", "dall-e-mini"])
def test_an_exact_name_of_a_model_here_wins(ai, worker, named, name):
    named("perchance", name)
    assert ai.images.generate(prompt="a tree", model=name, response_format="url").model == name
    assert worker.asked_to_make()[-1]["model"] == name
    assert ai.images.generate(prompt="a tree", model=name.upper(), response_format="url").model == "auto"
    assert ai.models.retrieve(name).id == name


@pytest.mark.parametrize("name", ["gpt-image-1", "GPT-IMAGE-1", "openai/gpt-image-1", "OpenAI/Dall-E-3"])
def test_one_model_of_openai_s_is_auto(ai, named, name):
    assert ai.models.retrieve(name).id == "auto"


def test_auto_and_sizes_come_in_any_case(ai, worker, named):
    assert ai.models.retrieve("AUTO").id == "auto"
    for size, shape in (("AUTO", "square"), ("1024X1536", "portrait")):
        ai.images.generate(prompt="a tree", model="Auto", size=size)
        made = worker.asked_to_make()[-1]
        assert (made["model"], made["shape"]) == ("auto", shape)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_names_that_cannot_be_read_keep_no_picture_from_being_made(ai, worker, named, status):
    worker.say_to("/models", status, b"an edge's page")
    assert ai.images.generate(prompt="a tree", model="gpt-image-1", response_format="url").model == "auto"


def test_names_that_do_not_come_at_once_are_not_waited_for(ai, worker, monkeypatch):
    monkeypatch.setattr("image_api.dispatch.worker_client.IMPROVING_SECONDS", 0.2)
    worker.say(200, RESULT)
    worker.say_to("/models", 200, (1.0, b"{}"))
    begun = time.monotonic()
    assert ai.images.generate(prompt="a tree", model="gpt-image-1", response_format="url").model == "auto"
    assert time.monotonic() - begun < 0.9


def test_names_that_were_read_are_known_while_the_worker_does_not_tell_them(ai, worker, named, monkeypatch):
    monkeypatch.setattr("image_api.dispatch.coalesced_read.READ_TTL_SECONDS", 0)
    named("gpt-image-2")
    for status in (200, 503):
        worker.say_to("/models", status, {"models": [model("gpt-image-2")]})
        answer = ai.images.generate(prompt="a tree", model="gpt-image-2", response_format="url")
        assert answer.model == "gpt-image-2"
