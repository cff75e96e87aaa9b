"""The sizes and files that the engine `vertex` asks Google for, and what its pictures are made to."""

import io

import pytest
import requests
from PIL import Image, ImageChops

from render_worker.contract import GenerateRequest, Recipe
from render_worker.engines.vertex.models import named_sizes, sizes_of
from render_worker.errors import BadPicture
from render_worker.imaging import to_picture
from sandbox.vertex_models import GEMINI, size_of
from tests.worker.engines.vertex.conftest import PROMPT, asked, configured, made, play

FLASH, PRO, OLD = "gemini-3.1-flash-image", "gemini-3-pro-image", "gemini-2.5-flash-image"

SIZES = [
    # model, asked, what Google was asked for, received
    (FLASH, {"shape": "square"}, ("1:1", None), (1024, 1024)),
    (FLASH, {"shape": "portrait"}, ("2:3", None), (848, 1264)),
    (FLASH, {"shape": "landscape"}, ("3:2", None), (1264, 848)),
    (FLASH, {"aspect_ratio": "16:9"}, ("16:9", None), (1365, 768)),
    (FLASH, {"aspect_ratio": "4:1"}, ("4:1", None), (2048, 512)),
    (FLASH, {"aspect_ratio": "1:2"}, ("9:16", None), (688, 1376)),
    (FLASH, {"width": 1376, "height": 768}, ("16:9", None), (1376, 768)),
    (FLASH, {"width": 512, "height": 512}, ("1:1", None), (512, 512)),
    (FLASH, {"width": 64, "height": 64}, ("1:1", None), (64, 64)),
    (FLASH, {"width": 1920, "height": 1080}, ("16:9", "2K"), (1920, 1080)),
    (FLASH, {"width": 2048, "aspect_ratio": "3:2"}, ("3:2", "2K"), (2048, 1368)),
    (FLASH, {"width": 1024, "height": 1536}, ("2:3", "2K"), (1024, 1536)),
    (FLASH, {"width": 3840, "height": 2160}, ("16:9", "4K"), (3840, 2160)),
    (PRO, {"aspect_ratio": "4:1"}, ("21:9", None), (1584, 396)),
    (OLD, {"shape": "portrait"}, ("2:3", None), (832, 1248)),
    (OLD, {"aspect_ratio": "16:9"}, ("16:9", None), (1344, 756)),
    (OLD, {"width": 768, "height": 768}, ("1:1", None), (768, 768)),
]
TOO_LARGE = [
    (FLASH, {"width": 4096, "height": 3072}, []),
    (FLASH, {"width": 4096, "height": 4096}, []),
    (FLASH, {"width": 1600, "height": 640}, ["width", "height"]),  # 5:2, of which no size is
    (FLASH, {"height": 2000, "aspect_ratio": "1:3"}, ["height"]),
    (OLD, {"width": 1032, "height": 1032}, ["width", "height"]),
]


@pytest.fixture
def at(site):
    def engine(model: str):
        return configured(vertex_url=f"{site.url}/vertex", google_api_key="any", vertex_model=model, vertex_seconds=60)

    return engine


def wanted(site) -> tuple[str, str | None, dict]:
    """Return what the stand-in was asked for: the ratio, the image size and the file."""
    body = asked(site)[-1]["body"]
    sent = body["generationConfig"]["imageConfig"]
    return sent["aspectRatio"], sent.get("imageSize"), sent.get("imageOutputOptions", {})


def recipe_of(**fields: object) -> Recipe:
    """Return the recipe as the API tier would send it, with the nearest shape."""
    return GenerateRequest.parse({"prompt": PROMPT, **fields}.items())


@pytest.mark.parametrize(("model", "fields", "named", "received"), SIZES)
def test_each_size_is_asked_for_by_its_names(at, site, model, fields, named, received):
    engine, recipe = at(model), recipe_of(**fields)
    assert engine.cannot_honour(recipe) == []
    file = made(engine, **fields).data
    picture = to_picture(file, engine.plan(recipe), {}, "jpeg", size_required=True)
    assert wanted(site)[:2] == named
    assert (picture.width, picture.height) == received


@pytest.mark.parametrize(("model", "fields", "refused"), TOO_LARGE)
def test_a_size_that_no_larger_one_gives_is_named(at, model, fields, refused):
    assert at(model).cannot_honour(recipe_of(**fields)) == refused


def test_a_refusal_names_a_few_of_the_largest_sizes_the_nearest_first():
    assert sizes_of(OLD).in_words((3000, 1000)) == "1536x672, 1344x768, 1248x832 and smaller ones of such proportions"


@pytest.mark.parametrize("model", GEMINI)
@pytest.mark.parametrize("asked", [(3000, 1000), (4096, 4096), (1000, 4000), (8192, 2048)])
def test_a_refusal_names_sizes_that_can_be_asked_for(at, model, asked):
    words = sizes_of(model).in_words(asked)
    named = [tuple(map(int, size.split("x"))) for size in words.partition(" and")[0].split(", ")]
    assert 1 <= len(named) <= 3
    for width, height in named:
        assert at(model).cannot_honour(recipe_of(width=width, height=height)) == []


@pytest.mark.parametrize("model", GEMINI)
def test_the_stand_in_knows_each_declared_size(model):
    declared = named_sizes(model)
    assert {size: size_of(model, it.aspect_ratio, it.image_size or "1K") for size, it in declared.items()} == {
        size: size for size in declared
    }


@pytest.mark.parametrize(
    ("model", "sizes"),
    [
        (FLASH, 36),
        ("gemini-3.1-flash-image-preview", 36),
        (PRO, 30),
        ("gemini-3.1-flash-lite-image", 10),
        (OLD, 10),
        ("gemini-9-image", 10),
    ],
)
def test_each_family_has_its_sizes(model, sizes):
    assert len(sizes_of(model).native) == sizes


@pytest.mark.parametrize("model", [FLASH, OLD])
@pytest.mark.parametrize(
    ("fields", "options", "kind"),
    [
        ({}, {"mimeType": "image/png"}, "PNG"),
        ({"output_format": "webp"}, {"mimeType": "image/png"}, "PNG"),
        ({"output_format": "auto"}, {}, "PNG"),
        ({"output_format": "jpeg"}, {"mimeType": "image/jpeg", "compressionQuality": 90}, "JPEG"),
        # What is compressed again here comes without a loss.
        ({"output_format": "jpeg", "output_compression": 60}, {"mimeType": "image/png"}, "PNG"),
        ({"output_format": "jpeg", "width": 512, "height": 512}, {"mimeType": "image/png"}, "PNG"),
        ({"output_format": "jpeg", "aspect_ratio": "7:5"}, {"mimeType": "image/png"}, "PNG"),
    ],
)
def test_the_file_is_compressed_with_a_loss_once_at_most(at, site, model, fields, options, kind):
    file = made(at(model), **fields).data
    assert wanted(site)[2] == options
    assert Image.open(io.BytesIO(file)).format == kind


@pytest.mark.parametrize("model", [FLASH, OLD])
def test_a_jpeg_that_was_asked_for_is_stored_as_it_came(at, model):
    engine, fields = at(model), {"output_format": "jpeg"}
    file = made(engine, **fields).data
    stored = to_picture(file, engine.plan(recipe_of(**fields)), {"prompt": PROMPT}, "jpeg").data
    assert ImageChops.difference(*(Image.open(io.BytesIO(it)) for it in (file, stored))).getbbox() is None


def test_the_largest_pictures_come_as_jpeg(at, site):
    file = made(at(PRO), width=4096, height=4096).data
    assert wanted(site)[:2] == ("1:1", "4K")
    assert wanted(site)[2] == {"mimeType": "image/jpeg", "compressionQuality": 95}
    assert Image.open(io.BytesIO(file)).format == "JPEG"


def test_an_image_size_that_the_model_ignores_fails_a_named_model_and_no_other(at, site):
    play(site, "size_ignored")
    engine, fields = at(FLASH), {"width": 2048, "height": 2048}
    file, plan = made(engine, **fields).data, engine.plan(recipe_of(**fields))
    with pytest.raises(BadPicture, match="1024 by 1024"):
        to_picture(file, plan, {}, size_required=True)
    assert to_picture(file, plan, {}).width == 1024


def test_a_size_or_file_that_the_model_lacks_is_refused_by_the_stand_in(site):
    config = {"responseModalities": ["IMAGE"]}
    for image in ({"aspectRatio": "16:10"}, {"imageSize": "8K"}, {"imageOutputOptions": {"mimeType": "image/webp"}}):
        body = {"contents": [{"parts": [{"text": PROMPT}]}], "generationConfig": {**config, "imageConfig": image}}
        url = f"{site.url}/vertex/v1/publishers/google/models/{FLASH}:generateContent"
        reply = requests.post(url, json=body, headers={"x-goog-api-key": "any"}, timeout=10)
        assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
