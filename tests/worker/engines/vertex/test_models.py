"""What the engine `vertex` knows of Google's models: ends, prices, quality; and pictures that begin with another."""

import asyncio
import hashlib
import io
from datetime import date

import pytest
from PIL import Image

from render_worker.contract import Recipe
from render_worker.errors import EngineError, EngineNotConfigured
from render_worker.imaging.image_input import to_source_picture
from tests.worker.engines.vertex.conftest import (
    API_KEY,
    IMAGEN,
    OLDEST,
    PROMPT,
    Notes,
    asked,
    configured,
    play,
    refused,
)


@pytest.mark.parametrize(
    ("model", "successor"),
    [
        (IMAGEN, "gemini-3.1-flash-image"),
        ("imagen-4.0-ultra-generate-001", "gemini-3-pro-image"),
        ("imagen-3.0-generate-002", "gemini-3.1-flash-image"),
    ],
)
def test_a_model_that_is_gone_says_so_without_a_request(site, model, successor):
    engine = configured(vertex_url=f"{site.url}/vertex", google_api_key=API_KEY, vertex_model=model)
    with pytest.raises(EngineNotConfigured, match=f"^Google ended the model {model} on 2026-08-17; .*={successor}.$"):
        engine.check()
    assert refused(engine).code == "engine_not_configured"
    assert asked(site) == []


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2027, 3, 15), f"Google ended the model {OLDEST} on 2027-03-15; set VERTEX_MODEL=gemini-3.1-flash-image."),
        (date(2027, 3, 14), "Vertex AI has no model for this server"),
    ],
)
def test_an_announced_end_explains_what_google_does_not_find(by_account, site, today, words):
    """Google has put such dates off, so it is asked for all that."""
    engine = by_account()
    engine.today = lambda: today
    assert asyncio.run(engine.generate(Recipe(prompt=PROMPT), Notes())).data
    play(site, "not_found")
    error = refused(engine)
    assert (error.code, words in str(error)) == ("engine_not_configured", True)
    assert engine.health().details == {"model_ends": "2027-03-15"}


@pytest.mark.parametrize(
    ("model", "fields", "dollars", "quality"),
    [
        ("gemini-3.1-flash-image", {}, 0.067, 4),
        ("gemini-3.1-flash-image-preview", {}, 0.067, 4),
        ("gemini-3.1-flash-image", {"width": 1920, "height": 1080}, 0.101, 4),
        ("gemini-3.1-flash-image", {"width": 3840, "height": 2160}, 0.151, 4),
        ("gemini-3-pro-image", {}, 0.134, 4),
        ("gemini-3-pro-image", {"width": 4096, "height": 4096}, 0.24, 4),
        ("gemini-3.1-flash-lite-image", {}, 0.034, 3),
        ("gemini-nano-banana-2.1", {}, 0.034, 4),
        ("gemini-nano-banana-2.1", {"width": 2048, "height": 2048}, None, 4),
        ("gemini-2.5-flash-image", {}, 0.039, 3),
        ("gemini-9-image", {}, None, 3),
    ],
)
def test_each_model_has_its_price_and_quality(model, fields, dollars, quality):
    engine = configured(vertex_model=model)
    recipe = Recipe.parse({"prompt": PROMPT, **fields}.items())
    assert (engine.price(recipe), engine.quality_of("auto")) == (dollars, quality)


def picture(size: tuple[int, int], noise: bool = False) -> bytes:
    image = Image.effect_noise(size, 200).convert("RGB") if noise else Image.new("RGB", size, "red")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def edited(engine, data: bytes, **recipe: object):
    source = to_source_picture(data)
    request = Recipe(prompt=PROMPT, **recipe).with_image(data)
    return source, asyncio.run(engine.edit(request, source, Notes()))


def test_a_picture_begins_with_an_image(by_key, site):
    source, image = edited(by_key, picture((300, 200)), shape="landscape")
    assert Image.open(io.BytesIO(image.data)).size == (1264, 848)
    first, second = asked(site)[0]["body"]["contents"][0]["parts"]
    digest = hashlib.sha256(source.data).hexdigest()
    assert (first["inlineData"], second) == ({"mimeType": "image/png", "data": digest}, {"text": PROMPT})


def test_a_large_image_is_sent_as_jpeg(by_key, site):
    assert edited(by_key, picture((2000, 2000), noise=True))
    assert asked(site)[0]["body"]["contents"][0]["parts"][0]["inlineData"]["mimeType"] == "image/jpeg"


@pytest.mark.parametrize(
    ("behaviour", "code"), [("safety", "content_refused"), ("exhausted_37s", "engine_rate_limited")]
)
def test_an_edit_fails_as_a_picture_does(by_key, site, behaviour, code):
    play(site, behaviour)
    with pytest.raises(EngineError) as caught:
        edited(by_key, picture((64, 64)))
    assert caught.value.code == code
