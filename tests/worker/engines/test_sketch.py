"""The sizes of the engine `sketch`, and that the memory for large ones is needed once."""

import asyncio
import io
import threading

import pytest
from PIL import Image, ImageChops

from render_worker.contract import GenerateRequest
from render_worker.engines.sketch.engine import SketchEngine
from render_worker.engines.sketch.painter import paint
from render_worker.imaging import to_picture
from render_worker.settings import Settings
from tests.fakes.at_horde import Reported

PROMPT = "a lighthouse in the rain"
SIZES = [
    # asked, painted and received
    ({}, (768, 768)),
    ({"shape": "portrait"}, (512, 768)),
    ({"shape": "landscape"}, (768, 512)),
    ({"aspect_ratio": "16:9"}, (768, 432)),
    ({"aspect_ratio": "4:1"}, (768, 192)),
    ({"aspect_ratio": "1:4"}, (192, 768)),
    ({"aspect_ratio": "1.85:1"}, (768, 415)),
    ({"width": 64, "height": 64}, (64, 64)),
    ({"width": 64, "height": 4096}, (64, 4096)),
    ({"width": 1024, "height": 256}, (1024, 256)),
    ({"width": 4096, "height": 256}, (4096, 256)),
    ({"width": 2048, "height": 2048}, (2048, 2048)),
    ({"width": 1920, "aspect_ratio": "16:9"}, (1920, 1080)),
]
TOO_LARGE = [
    ({"width": 2056, "height": 2048}, ["width", "height"]),
    ({"width": 4096, "height": 4096}, ["width", "height"]),
    ({"width": 4096, "aspect_ratio": "3:2"}, ["width"]),
]


@pytest.fixture
def engine():
    sketch = SketchEngine(Settings())
    yield sketch
    asyncio.run(sketch.stop())


def recipe_of(**fields):
    return GenerateRequest.parse({"prompt": PROMPT, "seed": 5, **fields}.items())


def painted(engine, **fields):
    return asyncio.run(engine.generate(recipe_of(**fields), Reported())).data


@pytest.mark.parametrize(("fields", "size"), SIZES)
def test_each_size_is_painted_as_it_is(engine, fields, size):
    recipe = recipe_of(**fields)
    assert engine.cannot_honour(recipe) == []
    file = painted(engine, **fields)
    picture = to_picture(file, engine.plan(recipe), {}, "jpeg", size_required=True)
    assert Image.open(io.BytesIO(file)).size == (picture.width, picture.height) == size


@pytest.mark.parametrize(("fields", "refused"), TOO_LARGE)
def test_a_size_for_which_a_small_worker_lacks_the_memory_is_named(engine, fields, refused):
    assert engine.cannot_honour(recipe_of(**fields)) == refused


@pytest.mark.parametrize("size", [(768, 768), (1024, 768)])
def test_the_picture_is_the_painter_s(engine, size):
    expected = paint(PROMPT, seed=5, width=size[0], height=size[1])
    found = Image.open(io.BytesIO(painted(engine, width=size[0], height=size[1])))
    assert ImageChops.difference(expected, found).getbbox() is None


def test_it_returns_no_classification_as_it_has_no_checker(engine):
    assert asyncio.run(engine.generate(recipe_of(width=64, height=64), Reported())).nsfw is None


def test_large_pictures_are_painted_one_at_a_time(engine):
    async def paint_three():
        requests = [engine.generate(recipe_of(width=1024, height=768), Reported()) for _ in range(3)]
        return await asyncio.gather(*requests)

    assert len({image.data for image in asyncio.run(paint_three())}) == 1
    assert sum(thread.name.startswith("large-sketch") for thread in threading.enumerate()) == 1
