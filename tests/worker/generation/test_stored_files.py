"""From an engine's file to the stored one and its result: what is kept, what it is called, and what a page needs."""

import asyncio
import io
import json
import re
import threading

import pytest
from PIL import Image

from render_worker.contract import GenerateRequest
from render_worker.engines.base import GeneratedImage
from render_worker.imaging import _one_at_a_time
from render_worker.storages.chain import StorageChain
from render_worker.storages.errors import StorageFailed
from tests.fakes.played import Played, ask, pipelines
from tests.fakes.storages import ScriptedStorage
from tests.worker.imaging.kept_files import opened, recipe_in, saved, scans

SIZE = (64, 64)
JPEG, PNG, WEBP = (saved(kind, size=SIZE) for kind in ("JPEG", "PNG", "WEBP"))


class Sender(Played):
    """An engine that returns a file of the test's choice."""

    def __init__(self, data: bytes, usual: float = 10) -> None:
        super().__init__("sender", usual=usual)
        self._data = data

    async def generate(self, recipe, report):
        self.recipes.append(recipe)
        return GeneratedImage(self._data, 5, recipe.guidance_scale)


@pytest.fixture
def made(tmp_path):
    """Return a function that returns the result and the stored file of an engine's file."""

    def make(data: bytes, **fields: object):
        result, _ = ask(pipelines(tmp_path)(Sender(data)), **fields)
        return result, (tmp_path / "images" / result.image_url.rpartition("/")[2]).read_bytes()

    return make


@pytest.mark.parametrize(
    ("data", "output_format", "stored"),
    [
        (JPEG, "auto", "jpeg"),
        (PNG, "auto", "png"),
        (WEBP, "auto", "png"),
        (JPEG, "png", "png"),
        (PNG, "jpeg", "jpeg"),
        (WEBP, "webp", "webp"),
    ],
    ids=["jpeg", "png", "webp", "jpeg as png", "png as jpeg", "webp as webp"],
)
def test_the_file_is_what_the_result_says(made, data, output_format, stored):
    result, file = made(data, output_format=output_format)
    assert (result.content_type, opened(file).format) == (f"image/{stored}", stored.upper())
    assert result.image_url.endswith({"jpeg": ".jpg", "png": ".png", "webp": ".webp"}[stored])
    assert (result.bytes, result.width, result.height) == (len(file), *SIZE)
    assert recipe_in(file)["prompt"] == "a tree"


@pytest.mark.parametrize(
    ("asked", "texts"),
    [
        ({"width": 64, "height": 64}, {"width": "64", "height": "64"}),
        ({"aspect_ratio": "3:2"}, {"aspect_ratio": "3:2"}),
        ({"width": 64, "aspect_ratio": "1:1"}, {"width": "64", "aspect_ratio": "1:1"}),
        ({}, {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("output_format", ["png", "jpeg"])
def test_the_file_says_what_size_was_asked_for(made, asked, texts, output_format):
    _, file = made(PNG, output_format=output_format, **asked)
    with Image.open(io.BytesIO(file)) as image:
        said = image.text if output_format == "png" else json.loads(image.getexif()[0x010E])
    assert {name: said[name] for name in ("width", "height", "aspect_ratio") if name in said} == texts


@pytest.fixture
def busy():
    """Keep the thread of large pictures busy."""
    done = threading.Event()
    _one_at_a_time.submit(done.wait)
    yield
    done.set()


@pytest.mark.usefixtures("busy")
def test_a_large_picture_that_waits_too_long_is_no_failure_of_its_engine(tmp_path):
    engine = Sender(saved("PNG", size=(2048, 2048)), usual=0.2)
    pipeline = pipelines(tmp_path)(engine, failures=1)

    async def generate() -> None:
        async with asyncio.timeout(1):
            await pipeline.generate(GenerateRequest(prompt="a tree", timeout_seconds=1))

    with pytest.raises(TimeoutError):
        asyncio.run(generate())
    assert len(engine.recipes) == 1
    assert pipeline.selector.health("sender").breaker == "closed"


@pytest.mark.parametrize("output_format", ["jpeg", "auto"])
def test_a_jpeg_is_kept_as_it_came_with_its_recipe(made, output_format):
    _, file = made(JPEG, output_format=output_format, seed=5)
    assert scans(file) == scans(JPEG)
    assert recipe_in(file) == {
        "prompt": "a tree",
        "seed": "5",
        "guidance_scale": "7",
        "shape": "square",
        "engine": "sender",
    }


@pytest.mark.parametrize("output_format", ["jpeg", "auto"])
def test_a_quality_is_made_of_a_jpeg(made, output_format):
    _, file = made(JPEG, output_format=output_format, output_compression=100)
    assert scans(file) != scans(JPEG)
    assert opened(file).format == "JPEG"


def test_the_engine_is_told_which_format_is_asked_for(tmp_path):
    engine = Sender(JPEG)
    ask(pipelines(tmp_path)(engine), output_format="auto")
    assert engine.recipes[0].output_format == "auto"


def test_the_result_has_what_a_page_shows_before_the_picture(made):
    result, _ = made(JPEG, prompt="a lighthouse\n at night")
    assert re.fullmatch(r"[!-~]{36}", result.blurhash)
    assert re.fullmatch(r"#[0-9a-f]{6}", result.dominant_color)
    assert result.alt == "a lighthouse at night"


@pytest.mark.parametrize(
    ("formats", "output_format", "refused"),
    [
        (("png", "jpeg"), "auto", None),
        (("png", "webp"), "auto", "takes no jpeg pictures"),
        (("jpeg",), "auto", "takes no png pictures"),
        (("png",), "webp", "takes no webp pictures"),
    ],
)
def test_with_auto_a_storage_has_to_take_what_may_come(formats, output_format, refused):
    storage = ScriptedStorage("narrow")
    storage.formats = formats
    chain = StorageChain(storage)
    if refused:
        with pytest.raises(StorageFailed, match=refused):
            asyncio.run(chain.preflight(output_format))
    else:
        asyncio.run(chain.preflight(output_format))
