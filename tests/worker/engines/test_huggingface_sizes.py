"""The sizes and formats that Hugging Face's providers are asked for, in their own words, and what comes of them."""

import asyncio
import io

import pytest
from PIL import Image

from render_worker.contract import PROPORTIONS, Recipe
from render_worker.engines.huggingface.sizes import FAMILIES, sizes_at
from render_worker.errors import BadPicture
from render_worker.imaging import to_picture
from tests.fakes.at_huggingface import PROMPT, asked, engine, made, play

SCHNELL, DEV = "black-forest-labs/FLUX.1-schnell", "black-forest-labs/FLUX.1-dev"
SDXL, SD = "stabilityai/stable-diffusion-xl-base-1.0", "stable-diffusion-v1-5/stable-diffusion-v1-5"
QWEN, OTHER = "Qwen/Qwen-Image", "acme/pictures"
PROVIDERS = ("nscale", "fal-ai", "together", "hf-inference")


def recipe(**options) -> Recipe:
    return Recipe.parse([("prompt", PROMPT), *options.items()])


def received(site) -> tuple[int, int]:
    """Return the width and height that the stand-in was asked for, in whichever words."""
    body = asked(site)[-1]["body"]
    if "size" in body:
        width, _, height = body["size"].partition("x")
        return int(width), int(height)
    sides = body.get("image_size") or body.get("parameters") or body
    return sides["width"], sides["height"]


def finished(maker, **options) -> tuple[int, int]:
    """Return the size of the picture that comes of a recipe's file."""
    request = recipe(**options)
    image = made(maker, **request.model_dump(include=request.model_fields_set | {"shape"}))
    picture = to_picture(image.data, maker.plan(request), {}, size_required=request.exact_size is not None)
    return picture.width, picture.height


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("shape", PROPORTIONS)
def test_each_provider_is_asked_for_the_native_size_of_each_shape(site, provider, shape):
    native = {"square": (1024, 1024), "landscape": (1248, 832), "portrait": (832, 1248)}[shape]
    assert finished(engine(site, huggingface_provider=provider), shape=shape) == native
    assert received(site) == native
    assert [entry["body"]["provider"] for entry in asked(site)] == [provider]


@pytest.mark.parametrize(
    ("provider", "model", "options", "sent", "kept"),
    [
        ("fal-ai", DEV, {"width": 1400, "height": 1000}, (1408, 1024), (1400, 1000)),
        ("fal-ai", SDXL, {"shape": "landscape"}, (1216, 832), (1216, 832)),
        ("together", DEV, {"aspect_ratio": "16:9"}, (1248, 704), (1248, 702)),
        ("together", SCHNELL, {"aspect_ratio": "16:9"}, (1248, 832), (1248, 702)),  # it takes no other sides there
        ("hf-inference", SD, {"shape": "portrait"}, (512, 768), (512, 768)),
        ("hf-inference", SD, {"width": 256, "height": 256}, (512, 512), (256, 256)),  # it makes mush of less
        ("hf-inference", QWEN, {}, (1328, 1328), (1328, 1328)),
        ("hf-inference", OTHER, {"shape": "portrait"}, (832, 1248), (832, 1248)),
        ("nscale", SCHNELL, {"width": 512, "height": 512}, (1024, 1024), (512, 512)),
        ("auto", SCHNELL, {"aspect_ratio": "1:4"}, (832, 1248), (312, 1248)),
    ],
)
def test_each_is_asked_for_what_it_makes_and_the_size_is_kept(site, provider, model, options, sent, kept):
    assert finished(engine(site, huggingface_provider=provider, huggingface_model=model), **options) == kept
    assert received(site) == sent


@pytest.mark.parametrize(
    ("provider", "model", "shape", "ratio"),
    [
        ("together", SCHNELL, "portrait", "2:3"),
        ("together", SCHNELL, "square", "1:1"),
        ("together", "black-forest-labs/FLUX.1-Kontext-dev", "landscape", "3:2"),
        ("together", DEV, "portrait", None),  # its width and height count
        ("fal-ai", SCHNELL, "portrait", None),
    ],
)
def test_together_gets_the_ratio_of_models_that_take_no_sides_there(site, provider, model, shape, ratio):
    made(engine(site, huggingface_provider=provider, huggingface_model=model), shape=shape)
    assert asked(site)[0]["body"].get("aspect_ratio") == ratio


def test_an_own_endpoint_makes_the_sizes_of_its_model(site):
    maker = engine(site, huggingface_url=f"{site.url}/huggingface/endpoint/", huggingface_model=SDXL)
    assert maker.cannot_honour(recipe(width=2048, height=2048)) == ["width", "height"]
    assert finished(maker, width=1000, height=1000) == (1000, 1000)
    assert received(site) == (1000, 1000)


@pytest.mark.parametrize(
    ("provider", "model", "size", "can"),
    [
        ("nscale", SCHNELL, (1024, 768), False),
        ("nscale", SCHNELL, (624, 416), True),
        ("auto", DEV, (1440, 1440), False),
        ("fal-ai", DEV, (1440, 1440), True),
        ("fal-ai", DEV, (1448, 1024), False),
        ("together", SCHNELL, (1440, 1440), False),
        ("together", DEV, (1440, 1440), True),
        ("hf-inference", OTHER, (2048, 2048), False),
    ],
)
def test_an_exact_size_is_promised_only_by_a_provider_that_is_known_to_make_it(site, provider, model, size, can):
    maker = engine(site, huggingface_provider=provider, huggingface_model=model)
    told = maker.cannot_honour(recipe(width=size[0], height=size[1]))
    assert told == ([] if can else ["width", "height"])


@pytest.mark.parametrize("words", [words for words, _ in FAMILIES])
def test_each_family_has_a_native_size_of_each_shape_within_its_bounds(words):
    sizes = sizes_at("fal-ai", f"acme/{words}")
    for shape in PROPORTIONS:
        plan = sizes.plan(Recipe(prompt=PROMPT, shape=shape))
        assert plan.final_size(plan.made) == plan.made
    assert all(sizes.within.covering(size) for size in sizes.native)


def test_a_file_of_another_size_is_cut_to_the_shape_and_refused_for_an_exact_size(site):
    play(site, "wrong_size")  # 320 by 200 pixels
    maker = engine(site, huggingface_provider="hf-inference")
    assert finished(maker, shape="portrait") == (133, 200)
    with pytest.raises(BadPicture, match="320 by 200 pixels where 512 by 512") as caught:
        finished(engine(site, huggingface_provider="hf-inference"), width=512, height=512)
    assert caught.value.code == "picture_wrong_size"


@pytest.mark.parametrize(
    ("provider", "options", "sent", "came"),
    [
        ("fal-ai", {}, "png", "PNG"),
        ("fal-ai", {"output_format": "jpeg"}, "jpeg", "JPEG"),
        ("fal-ai", {"output_format": "jpeg", "output_compression": 50}, "png", "PNG"),
        ("fal-ai", {"output_format": "jpeg", "aspect_ratio": "5:4"}, "png", "PNG"),  # it is to be cut
        ("together", {"output_format": "webp"}, "png", "PNG"),
        ("together", {"output_format": "auto"}, "png", "PNG"),
        ("together", {"output_format": "jpeg"}, "jpeg", "JPEG"),
        ("nscale", {"output_format": "jpeg"}, None, "JPEG"),
        ("hf-inference", {"output_format": "png"}, None, "PNG"),  # by the client's header
    ],
)
def test_the_wanted_format_is_asked_for_if_the_provider_has_it(site, provider, options, sent, came):
    image = made(engine(site, huggingface_provider=provider), **options)
    assert asked(site)[0]["body"].get("output_format") == sent
    assert Image.open(io.BytesIO(image.data)).format == came


def test_the_size_is_planned_for_the_provider_that_makes_the_picture(site):
    maker = engine(site)

    async def wide():
        try:
            return await maker.generate(recipe(aspect_ratio="16:9"), lambda *_, **__: None)
        finally:
            await maker.stop()

    image = asyncio.run(wide())
    picture = to_picture(image.data, maker.plan(recipe(aspect_ratio="16:9")), {})
    assert (received(site), (picture.width, picture.height)) == ((1248, 832), (1248, 702))
