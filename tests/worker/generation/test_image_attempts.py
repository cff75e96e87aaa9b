"""Attempts at a picture that begins with an image: which engines are asked, and with what."""

import asyncio
import io
from dataclasses import replace

import pytest
from PIL import Image

from render_worker.contract import GenerateRequest
from render_worker.engines.capabilities import PARAMETERS, TEXT_PARAMETERS
from render_worker.errors import EngineError, EngineRateLimited, ImageInvalid, InvalidParameter
from tests.fakes.played import Played, drawn, over, pipelines


class Editing(Played):
    """An engine that takes images."""

    def __init__(self, *arguments, strength=None, **options):
        super().__init__(*arguments, **options)
        self.images = []
        self.strength = strength

    async def edit(self, recipe, image, report):
        self.images.append(image)
        report("generating")
        await report.preview(image.data)
        return replace(await self.generate(recipe, report), strength=self.strength)


class Texts(Played):
    """An engine that takes none."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, honoured=TEXT_PARAMETERS, **options)


@pytest.fixture
def pipeline_of(tmp_path):
    return pipelines(tmp_path)


def ask(pipeline, image=None, **fields):
    progress = []
    request = GenerateRequest(**{"prompt": "a tree", **fields}).with_image(drawn((30, 20)) if image is None else image)
    return asyncio.run(pipeline.generate(request, progress.append)), progress


def test_an_engine_that_takes_images_gets_it(pipeline_of):
    engine = Editing("one")
    result, _ = ask(pipeline_of(engine), strength=0.4)
    assert result.strength == 0.4
    [image] = engine.images
    assert (image.width, image.height, engine.recipes[0].strength) == (30, 20, 0.4)
    assert (result.engine, result.ignored) == ("one", None)


def test_the_engine_s_own_strength_is_told_if_none_is_requested(pipeline_of):
    engine = Editing("one", strength=0.75)
    assert [ask(pipeline_of(engine), **fields)[0].strength for fields in ({}, {"strength": 0.4})] == [0.75, 0.4]


def test_auto_skips_engines_that_take_none(pipeline_of):
    first, second = Texts("one"), Editing("two")
    result, _ = ask(pipeline_of(first, second))
    assert (result.engine, over(result), first.recipes) == ("two", [], [])


def test_an_engine_without_strength_is_asked_after_one_with_it(pipeline_of):
    without = Editing("one", honoured=PARAMETERS - {"strength"})
    engines = without, Editing("two")
    assert ask(pipeline_of(*engines), strength=0.4)[0].engine == "two"
    assert ask(pipeline_of(*engines))[0].engine == "one"
    result, _ = ask(pipeline_of(without), strength=0.4)
    assert (result.engine, result.ignored, result.strength) == ("one", ["strength"], None)


def test_the_next_one_gets_the_image_too(pipeline_of):
    second = Editing("two")
    result, _ = ask(pipeline_of(Editing("one", EngineRateLimited("Full.", 60)), Texts("text"), second))
    assert (result.engine, over(result)) == ("two", [("one", "engine_rate_limited")])
    assert [(it.width, it.height) for it in second.images] == [(30, 20)]


def test_if_the_only_one_that_takes_images_fails_no_other_makes_something_else(pipeline_of):
    text = Texts("text")
    with pytest.raises(EngineError):
        ask(pipeline_of(Editing("one", EngineError("No.")), text))
    assert text.recipes == []


def test_if_none_takes_images_the_sentence_names_the_parameter(pipeline_of):
    with pytest.raises(InvalidParameter, match=r"^image cannot be honoured by any engine"):
        ask(pipeline_of(Texts("one"), Texts("two")))


def test_a_named_one_that_takes_none_refuses_by_name(pipeline_of):
    with pytest.raises(InvalidParameter, match=r"^image cannot be honoured by one"):
        ask(pipeline_of(Texts("one"), Editing("two")), model="one")


def test_an_image_that_cannot_be_read_is_asked_of_no_second_engine(pipeline_of):
    engines = Editing("one"), Editing("two")
    with pytest.raises(ImageInvalid) as caught:
        ask(pipeline_of(*engines), image=b"\x89PNG\r\n\x1a\n" + bytes(50))
    assert (caught.value.fallback_from, [it.images for it in engines]) == (None, [[], []])


def test_a_picture_without_an_image_is_generated_and_not_edited(pipeline_of):
    engine = Editing("one")
    asyncio.run(pipeline_of(engine).generate(GenerateRequest(prompt="a tree")))
    assert engine.images == []


@pytest.mark.parametrize("wanted", [True, None])
def test_previews_come_if_they_are_asked_for(pipeline_of, wanted):
    _, told = ask(pipeline_of(Editing("one")), previews=wanted)
    shown = [it.preview for it in told if it.preview]
    assert bool(shown) is bool(wanted)
    assert all(it.startswith("data:image/jpeg;base64,/9j/") for it in shown)


def test_the_result_s_file_has_nothing_of_the_image(pipeline_of, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "the camera"
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "JPEG", exif=exif)
    ask(pipeline_of(Editing("one")), image=file.getvalue())
    [made] = (tmp_path / "images").glob("*.png")
    assert b"the camera" not in made.read_bytes()
