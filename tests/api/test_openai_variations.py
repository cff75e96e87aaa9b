"""/v1/images/variations, requested by OpenAI's own Python client and by others."""

import hashlib

import openai
import pytest
import requests

from image_api.web.schemas.openai_edits import VARIATION
from tests.api.edits import refusal
from tests.api.pictures import PNG
from tests.api.test_txt2img import models


def variations(ai, **fields):
    """Return pictures as OpenAI's own client asks for them, which calls its method deprecated."""
    with pytest.warns(DeprecationWarning, match="deprecated"):
        return ai.images.create_variation(image=("a.png", PNG), **fields)


def test_variations_are_pictures_of_the_image_without_a_prompt(ai, worker):
    worker.say_to("/models", 200, {"models": []})
    page = variations(ai, n=2, size="256x256", model="dall-e-2", response_format="url", user="me")
    assert [it.url is not None for it in page.data] == [True, True]
    digest = hashlib.sha256(PNG).hexdigest()
    asked = worker.asked_to_make()
    assert [(it["image"], it["model"], it["prompt"]) for it in asked] == [(digest, "auto", VARIATION)] * 2
    assert [(it["width"], it["height"], it["size_optional"]) for it in asked] == [(256, 256, True)] * 2
    assert worker.sent_images() == [PNG, PNG]


def test_without_an_engine_that_takes_images_there_are_no_variations(ai, worker):
    sentence = "image cannot be honoured by any engine that is enabled here; leave it out."
    worker.say(400, {"success": False, "error": sentence, "code": "invalid_parameter"})
    with pytest.raises(openai.BadRequestError) as refused:
        variations(ai, n=2, size="256x256", model="dall-e-2", user="me")
    assert (refused.value.code, refused.value.param) == ("unsupported", None)
    assert "so no variations" in refused.value.body["message"]


def test_an_engine_that_takes_no_images_is_refused_alone(ai, worker):
    sentence = "image cannot be honoured by sketch; leave it out, or ask with model=auto."
    worker.say_to("/models", 200, models("sketch", "diffusers"))
    worker.say(400, {"success": False, "error": sentence, "code": "invalid_parameter"})
    with pytest.raises(openai.BadRequestError) as refused:
        variations(ai, model="sketch")
    assert (refused.value.code, refused.value.param) == ("invalid_parameter", "image")
    assert refused.value.body["message"] == sentence


def test_another_refusal_of_variations_is_told_as_it_is(ai, worker):
    sentence = "model must be one of auto, sketch."
    worker.say(400, {"success": False, "error": sentence, "code": "invalid_parameter"})
    with pytest.raises(openai.NotFoundError) as refused:
        variations(ai, model="imagen")
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("texts", "named"),
    [({"size": "1536x1024"}, "size"), ({"prompt": "a"}, "prompt"), ({"n": "0"}, "n"), ({"model": "a b"}, "model")],
    ids=str,
)
def test_what_is_invalid_is_refused_by_name(base, texts, named):
    answer = requests.post(base + "/v1/images/variations", data=texts, files={"image": ("a", PNG)}, timeout=9)
    assert refusal(answer) == (400, "invalid_parameter", named)


def test_a_variation_is_of_one_picture(base):
    files = [("image", ("a", PNG)), ("image", ("b", PNG))]
    answer = requests.post(base + "/v1/images/variations", files=files, timeout=9)
    assert refusal(answer) == (400, "invalid_parameter", "image")
