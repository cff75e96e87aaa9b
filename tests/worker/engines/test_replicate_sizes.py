"""The sizes and formats that models at Replicate are asked for, and what becomes of the files that come."""

import asyncio
import io

import pytest
from PIL import Image

from render_worker.contract import Recipe
from render_worker.engines.replicate.inputs import Inputs
from render_worker.errors import BadPicture
from render_worker.imaging import to_picture
from sandbox.replicate_models import ODD_SCHEMAS
from tests.fakes.on_replicate import (
    CUSTOM,
    DEV,
    LIMITED,
    NAMED,
    PROMPT,
    SCHNELL,
    SDXL,
    STEPS,
    Reported,
    engine,
    fresh,
    log,
    made,
    play,
    size,
)
from tests.fakes.processes import sandbox

SIZE_INPUTS = ("aspect_ratio", "megapixels", "width", "height", "size")


@pytest.fixture(scope="module")
def server():
    with sandbox() as running:
        yield running


@pytest.fixture
def site(server):
    return fresh(server)


def recipe(**options) -> Recipe:
    return Recipe.parse([("prompt", PROMPT), *options.items()])


def made_and_finished(site, **options):
    """Return what the stand-in was asked for, the size of its file, and that of the picture made of it."""
    request = recipe(**options)

    async def make():
        replicate = engine(site)
        image = await replicate.generate(request, Reported())
        plan = replicate.plan(request)
        return size(image), to_picture(image.data, plan, {}, size_required=request.exact_size is not None)

    came, picture = asyncio.run(make())
    sent = log(site)[-1]["body"]["input"]
    return {name: sent[name] for name in SIZE_INPUTS if name in sent}, came, (picture.width, picture.height)


@pytest.mark.parametrize(
    ("model", "options", "sent", "came", "kept"),
    [
        (SCHNELL, {}, {"aspect_ratio": "1:1"}, (1024, 1024), (1024, 1024)),
        (SCHNELL, {"shape": "portrait"}, {"aspect_ratio": "2:3"}, (832, 1216), (832, 1216)),
        (DEV, {"aspect_ratio": "16:9"}, {"aspect_ratio": "16:9"}, (1344, 768), (1344, 756)),
        (DEV, {"aspect_ratio": "1:4"}, {"aspect_ratio": "9:21"}, (640, 1536), (384, 1536)),
        (SCHNELL, {"width": 1216, "height": 832}, {"aspect_ratio": "3:2"}, (1216, 832), (1216, 832)),
        (SCHNELL, {"width": 768, "height": 768}, {"aspect_ratio": "1:1"}, (1024, 1024), (768, 768)),
        (
            SCHNELL,
            {"width": 512, "height": 512},
            {"aspect_ratio": "1:1", "megapixels": "0.25"},
            (512, 512),
            (512, 512),
        ),
        (SDXL, {"shape": "landscape"}, {"width": 1248, "height": 832}, (1248, 832), (1248, 832)),
        (SDXL, {"width": 1920, "height": 1080}, {"width": 1920, "height": 1088}, (1920, 1088), (1920, 1080)),
        (CUSTOM, {}, {"aspect_ratio": "custom", "width": 1024, "height": 1024}, (1024, 1024), (1024, 1024)),
        (
            CUSTOM,
            {"width": 1400, "aspect_ratio": "7:5"},
            {"aspect_ratio": "custom", "width": 1408, "height": 1024},
            (1408, 1024),
            (1400, 1000),
        ),
        (STEPS, {"shape": "portrait"}, {"width": 640, "height": 960}, (640, 960), (640, 960)),
        (STEPS, {"width": 1024, "height": 576}, {"width": 1024, "height": 576}, (1024, 576), (1024, 576)),
        (NAMED, {"shape": "portrait"}, {"size": "1024x1536"}, (1024, 1536), (1024, 1536)),
        (NAMED, {"aspect_ratio": "3:2"}, {"size": "1365x1024"}, (1365, 1024), (1365, 910)),
        (LIMITED, {"shape": "portrait"}, {"aspect_ratio": "9:16"}, (768, 1344), (768, 1152)),
        (LIMITED, {"aspect_ratio": "4:1"}, {"aspect_ratio": "16:9"}, (1344, 768), (1344, 336)),
    ],
)
def test_each_model_is_asked_in_its_own_words_and_the_size_is_kept(site, model, options, sent, came, kept):
    asked, file, picture = made_and_finished(site, model=model, **options)
    assert (asked, file, picture) == (sent, came, kept)


@pytest.mark.parametrize(
    ("model", "across", "down"),
    [(SCHNELL, 1920, 1080), (SDXL, 2048, 2048), (CUSTOM, 1448, 1024), (STEPS, 1032, 512), (LIMITED, 512, 512)],
)
def test_what_a_model_cannot_make_is_told_before_it_is_asked(site, model, across, down):
    replicate = engine(site)
    asyncio.run(replicate.start())
    assert replicate.cannot_honour(recipe(model=model, width=across, height=down)) == ["width", "height"]
    assert replicate.cannot_honour(recipe(model=model, aspect_ratio="16:9")) == []


def test_the_sizes_of_well_known_models_are_those_of_their_schemas(site):
    replicate = engine(site)
    before = {model: replicate.capabilities_of(model).sizes for model in (SCHNELL, DEV, SDXL)}
    asyncio.run(replicate.start())
    assert before.keys() <= replicate._inputs.keys()
    assert {model: replicate.capabilities_of(model).sizes for model in before} == before


def test_a_file_of_another_size_is_cut_to_the_shape_and_refused_for_an_exact_size(site):
    play(site, "ok", upload="wrong_size")  # 320 by 200 pixels
    assert made_and_finished(site, shape="portrait")[1:] == ((320, 200), (133, 200))
    assert made_and_finished(site, aspect_ratio="4:1")[1:] == ((320, 200), (320, 80))
    with pytest.raises(BadPicture, match="320 by 200 pixels where 1024 by 1024") as caught:
        made_and_finished(site, width=1024, height=1024)
    assert caught.value.code == "picture_wrong_size"


@pytest.mark.parametrize("name", sorted(ODD_SCHEMAS))
def test_absurd_schemas_bound_nothing(name):
    inputs = Inputs({"components": {"schemas": ODD_SCHEMAS[name]}}, "acme/model")
    for options in ({}, {"shape": "portrait"}, {"aspect_ratio": "16:9"}, {"width": 512, "height": 4096}):
        sent = inputs.for_recipe(recipe(**options)).sent
        assert all(64 <= sent.get(name, 64) <= 4096 for name in ("width", "height"))


@pytest.mark.parametrize(
    ("width", "height", "square"),
    [
        ({"minimum": 900, "maximum": 100}, {"multipleOf": 10**9}, (1024, 1024)),  # contradictory; no step at all
        ({"minimum": 10**5}, {}, (1024, 1024)),
        ({"maximum": 700, "default": 900}, {"maximum": 700}, (700, 700)),
        ({"default": 0.5}, {"default": -512}, (1024, 1024)),
        ({"enum": [True, 0, -5, 512.0, 512.5, "512"]}, {"enum": [512]}, (512, 512)),
        ({"enum": []}, {"enum": [[]]}, (1024, 1024)),
        ({"maximum": 0}, {"maximum": float("nan")}, (1024, 1024)),
    ],
)
def test_odd_bounds_leave_a_square(width, height, square):
    properties = {"prompt": {}, "width": width, "height": height}
    inputs = Inputs({"components": {"schemas": {"Input": {"properties": properties}}}}, "acme/model")
    sent = inputs.for_recipe(recipe()).sent
    assert (sent["width"], sent["height"]) == square


def test_sides_with_gaps_between_them_are_combined():
    side = {"enum": [256, 512, 768, 1024, 1536], "default": 512}
    schemas = {"Input": {"properties": {"prompt": {}, "width": side, "height": side}}}
    inputs = Inputs({"components": {"schemas": schemas}}, "acme/model")
    assert inputs.for_recipe(recipe()).sent["width"] == 512
    landscape = inputs.for_recipe(recipe(shape="landscape")).sent
    assert (landscape["width"], landscape["height"]) == (768, 512)
    sizes = inputs.capabilities.sizes
    assert sizes.can_make((1536, 1024))
    assert not sizes.can_make((1600, 1600))


def test_many_sides_with_gaps_leave_a_sentence_that_can_be_read():
    side = {"enum": [side for side in range(64, 4000) if side % 7 in (1, 3)], "default": 512}
    schemas = {"Input": {"properties": {"prompt": {}, "width": side, "height": side}}}
    sizes = Inputs({"components": {"schemas": schemas}}, "acme/model").capabilities.sizes
    assert len(sizes.native) <= 256
    assert sizes.in_words((4096, 4096)).count("x") <= 3


def test_the_sentence_about_flux_names_no_size_that_is_a_smaller_one_of_another(site):
    replicate = engine(site)
    asyncio.run(replicate.start())
    sentence = replicate.capabilities_of(SCHNELL).sizes.in_words((1920, 1080))
    assert sentence.startswith("1344x768, ")
    assert "512x512" not in sentence


def test_sides_by_their_other_names_count_too():
    properties = {"image_width": {"default": 1024}, "image_height": {"default": 1024}}
    inputs = Inputs({"components": {"schemas": {"Input": {"properties": properties}}}}, "acme/model")
    sent = inputs.for_recipe(recipe(shape="portrait")).sent
    assert sent == {"prompt": PROMPT, "image_width": 832, "image_height": 1248}


@pytest.mark.parametrize("ratios", [["1:1", "3:2"], ["match_input_image", "16:9"]])
def test_sides_beside_ratios_count_only_if_a_value_says_so(ratios):
    properties = {"aspect_ratio": {"enum": ratios}, "width": {}, "height": {}}
    inputs = Inputs({"components": {"schemas": {"Input": {"properties": properties}}}}, "acme/model")
    assert inputs.for_recipe(recipe(shape="landscape")).sent == {"prompt": PROMPT, "aspect_ratio": ratios[1]}
    assert not inputs.capabilities.sizes.can_make((512, 512))


def test_a_size_that_is_custom_gives_sides():
    properties = {"size": {"enum": ["1K", "2K", "custom"]}, "width": {"minimum": 1024, "maximum": 4096}, "height": {}}
    inputs = Inputs({"components": {"schemas": {"Input": {"properties": properties}}}}, "acme/model")
    sent = inputs.for_recipe(recipe(width=2048, height=1024)).sent
    assert sent == {"prompt": PROMPT, "size": "custom", "width": 2048, "height": 1024}


def test_texts_are_no_sides():
    text = {"type": "string", "default": "1024"}
    inputs = Inputs({"components": {"schemas": {"Input": {"properties": {"width": text, "height": text}}}}}, "a/b")
    assert inputs.for_recipe(recipe()).sent == {"prompt": PROMPT}


@pytest.mark.parametrize(
    ("model", "options", "sent", "came"),
    [
        (SCHNELL, {}, ("png", None), "PNG"),
        (SCHNELL, {"output_format": "auto"}, ("png", None), "PNG"),
        (SCHNELL, {"output_format": "jpeg"}, ("jpg", 90), "JPEG"),
        (SCHNELL, {"output_format": "webp"}, ("webp", 90), "WEBP"),
        (SCHNELL, {"output_format": "jpeg", "output_compression": 60}, ("png", None), "PNG"),
        (SCHNELL, {"output_format": "jpeg", "aspect_ratio": "16:9"}, ("png", None), "PNG"),  # it is to be cut
        (CUSTOM, {"output_format": "png"}, ("webp", None), "WEBP"),  # it makes no PNG
        (SDXL, {"output_format": "webp"}, (None, None), "JPEG"),
    ],
)
def test_the_wanted_format_is_asked_for_if_the_model_has_it(site, model, options, sent, came):
    image = made(site, model=model, **options)
    given = log(site)[0]["body"]["input"]
    assert (given.get("output_format"), given.get("output_quality")) == sent
    assert Image.open(io.BytesIO(image.data)).format == came


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_a_file_in_the_wanted_format_loses_nothing_more(site, output_format):
    request = recipe(output_format=output_format)
    image = made(site, output_format=output_format)
    picture = to_picture(image.data, engine(site).plan(request), {"prompt": PROMPT}, output_format)
    before, after = (Image.open(io.BytesIO(data)) for data in (image.data, picture.data))
    assert (before.format, after.format) == (output_format.upper(), output_format.upper())
    assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()
