"""The painter paints what a prompt says, the same way every time."""

import hashlib
import math
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from render_worker.engines.sketch.painter import paint
from render_worker.engines.sketch.painter.canvas.color import WHITE, mix
from render_worker.engines.sketch.painter.canvas.pen import Pen
from render_worker.engines.sketch.painter.language.parser import parse
from render_worker.engines.sketch.painter.language.scene import Scene
from render_worker.engines.sketch.painter.language.vocabulary import VOCABULARY
from render_worker.engines.sketch.painter.scenery.location import BACKDROPS, BEHIND, FLOORS, PLACES, WHOLES
from render_worker.engines.sketch.painter.scenery.palette import choose_palette
from render_worker.engines.sketch.painter.scenery.sun import SIZE
from render_worker.engines.sketch.painter.styles.registry import STYLES
from render_worker.engines.sketch.painter.subjects.look import Look
from render_worker.engines.sketch.painter.subjects.registry import SUBJECTS

ROOT = Path(__file__).resolve().parents[3]
SHAPES = ((512, 768), (768, 768), (768, 512))


def small(prompt: str, *, negative_prompt: str | None = None, seed: int = 3, guidance: float = 7.0) -> Image.Image:
    """Return a small square picture."""
    return paint(prompt, negative_prompt=negative_prompt, seed=seed, guidance_scale=guidance, width=128, height=128)


def mean(image: Image.Image) -> list[float]:
    """Return the mean red, green and blue."""
    return ImageStat.Stat(image).mean


def distance(first: Image.Image, second: Image.Image) -> float:
    """Return the mean difference of two pictures, 0..255."""
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3


def test_it_works() -> None:
    image = paint("a cat in a meadow", seed=1, width=320, height=256)
    assert (image.mode, image.size) == ("RGB", (320, 256))
    assert len(image.getcolors(320 * 256) or ()) > 500


@pytest.mark.parametrize("size", [(64, 64), (64, 1536), (1536, 64), (333, 777), *SHAPES])
def test_the_picture_has_the_size_asked_for(size: tuple[int, int]) -> None:
    assert paint("castle by the sea in the rain", seed=2, width=size[0], height=size[1]).size == size


def test_other_processes_paint_the_same_pixels() -> None:
    code = (
        "import hashlib; from render_worker.engines.sketch.painter import paint;"
        "image = paint('two red boats, oil painting', seed=5, width=160, height=128);"
        "print(hashlib.sha256(image.tobytes()).hexdigest())"
    )
    digests = set()
    for hash_seed in ("0", "1", "4242"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        digests.add(done.stdout.strip())
    here = paint("two red boats, oil painting", seed=5, width=160, height=128).tobytes()
    assert digests == {hashlib.sha256(here).hexdigest()}


def test_another_seed_changes_the_picture() -> None:
    assert distance(small("a castle at noon", seed=1), small("a castle at noon", seed=2)) > 5


def test_another_shape_is_not_a_stretched_copy() -> None:
    wide = paint("a lighthouse", seed=1, width=192, height=128)
    tall = paint("a lighthouse", seed=1, width=128, height=192)
    assert distance(wide.resize((128, 192)), tall) > 5


def test_every_subject_has_words_and_every_word_has_a_painter() -> None:
    named = {
        name
        for words in (VOCABULARY.whole, VOCABULARY.stems, VOCABULARY.anywhere)
        for meanings in words.values()
        for _, name in meanings
    }
    assert set(SUBJECTS) <= named
    for words in (VOCABULARY.whole, VOCABULARY.stems, VOCABULARY.anywhere):
        for meanings in words.values():
            for table, name in meanings:
                known = {"thing": set(SUBJECTS), "style": set(STYLES), "place": set(PLACES) | set(WHOLES)}.get(table)
                assert known is None or name in known, (table, name)
    assert {floor for _, floors in PLACES.values() for floor in floors} <= set(FLOORS)
    assert {name for names in BEHIND.values() for name in names} - {""} <= set(BACKDROPS)


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_naming_a_subject_changes_the_picture(name: str) -> None:
    words = next(word for word, meanings in VOCABULARY.whole.items() if ("thing", name) in meanings)
    with_it = small(f"{words} at noon, meadow")
    without = small(f"{words} at noon, meadow", negative_prompt=words)
    assert distance(with_it, without) > 0.4


@pytest.mark.parametrize("name", sorted(SUBJECTS))
@pytest.mark.parametrize("size", [(128, 192), (192, 192), (192, 128)])
def test_every_subject_paints_at_every_shape(name: str, size: tuple[int, int]) -> None:
    words = next(word for word, meanings in VOCABULARY.whole.items() if ("thing", name) in meanings)
    image = paint(f"{words} at night", seed=4, width=size[0], height=size[1])
    assert image.size == size
    assert max(ImageStat.Stat(image).stddev) > 4


@pytest.mark.parametrize("name", sorted(STYLES))
@pytest.mark.parametrize("size", SHAPES)
def test_every_style_paints_at_every_shape(name: str, size: tuple[int, int]) -> None:
    words = next(word for word, meanings in VOCABULARY.whole.items() if ("style", name) in meanings)
    plain = paint("a house by a lake", seed=4, width=size[0], height=size[1])
    styled = paint(f"a house by a lake, {words}", seed=4, width=size[0], height=size[1])
    assert styled.size == size
    assert distance(plain, styled) > 3


@pytest.mark.parametrize("place", sorted(PLACES) + sorted(WHOLES))
def test_every_place_paints(place: str) -> None:
    words = next((word for word, meanings in VOCABULARY.whole.items() if ("place", place) in meanings), place)
    assert max(ImageStat.Stat(small(words)).stddev) > 4


@pytest.mark.parametrize(
    "subject", ["mountains and a lake", "a dog in a meadow", "a city street", "a house in the snow"]
)
def test_night_is_darker_than_noon(subject: str) -> None:
    assert sum(mean(small(f"{subject} at night"))) < sum(mean(small(f"{subject} at noon"))) * 0.75


@pytest.mark.parametrize(("colour", "channel"), [("crimson", 0), ("green", 1), ("blue", 2)])
def test_a_colour_word_shifts_the_mean_colour(colour: str, channel: int) -> None:
    plain, coloured = mean(small("the sea at noon")), mean(small(f"the sea at noon, everything is {colour}"))
    assert coloured[channel] / sum(coloured) > plain[channel] / sum(plain) + 0.02


def test_a_colour_word_beside_a_subject_colours_it_alone() -> None:
    scene = parse("a red boat on a golden sea near a blue house", None)
    assert [(thing.name, thing.colour) for thing in scene.things] == [
        ("sailboat", (217, 58, 52)),
        ("house", (47, 111, 214)),
    ]
    assert scene.places[0].colour == (232, 178, 58)
    assert scene.hues == ()


def figure(words: str, seed: int) -> Image.Image:
    """Return the sprite of a subject alone."""
    thing = parse(words, None).things[0]
    palette = choose_palette(Scene(time="day"), random.Random(1), 7)
    pen = Pen(150, SUBJECTS[thing.name].aspect)
    SUBJECTS[thing.name].paint(pen, Look(None, palette, random.Random(seed), thing.traits))
    return pen.finish(palette.light(1))


def bare_legs(image: Image.Image) -> float:
    """Return the width of a figure between knee and hem as a share of its own: trousers are narrow, skirts wide."""
    knee = image.getchannel("A").crop((0, round(image.height * 0.63), image.width, round(image.height * 0.66)))
    return float(ImageStat.Stat(knee).mean[0]) / 255


@pytest.mark.parametrize(("man", "woman"), [("a man", "a woman"), ("un homme", "une femme"), ("Mann", "Frau")])
def test_a_man_wears_trousers_and_a_woman_a_skirt_for_every_seed(man: str, woman: str) -> None:
    widest = max(bare_legs(figure(man, seed)) for seed in range(12))
    assert widest < min(bare_legs(figure(woman, seed)) for seed in range(12))


def test_the_old_have_grey_hair() -> None:
    for seed in range(6):
        image = figure("portrait of an old man", seed)
        red, green, blue, alpha = image.getpixel((image.width // 2 - 4, round(image.height * 0.235)))  # type: ignore[misc]
        assert alpha == 255
        assert max(red, green, blue) - min(red, green, blue) < 60 < min(red, green, blue)


@pytest.mark.parametrize("size", [(288, 192), (192, 288), (288, 288)])
@pytest.mark.parametrize("words", ["sunset over mountains", "sunrise over mountains"])
def test_a_low_sun_is_always_seen(words: str, size: tuple[int, int]) -> None:
    palette = choose_palette(parse(words, None), random.Random(1), 7)
    sun = mix(palette.sun, WHITE, 0.45)
    area = math.pi * (min(size) * SIZE) ** 2
    for seed in range(31):
        image = paint(words, seed=seed, width=size[0], height=size[1])
        away = ImageChops.difference(image, Image.new("RGB", size, sun)).convert("L")
        assert sum(away.histogram()[:7]) > area * 0.5, seed


def test_a_negative_prompt_removes_what_it_names() -> None:
    both = small("a cat and a dog in a meadow")
    less = small("a cat and a dog in a meadow", negative_prompt="dog, ugly")
    assert distance(both, less) > 1
    assert [thing.name for thing in parse("a cat and a dog", "dog").things] == ["cat"]
    assert parse("a beach", "people, clouds").banned >= {"person", "clouds", "couple"}


@pytest.mark.parametrize(
    "prompt", ["a street without people", "street, no people", "eine Straße ohne Menschen", "calle sin gente"]
)
def test_words_of_denial_remove_what_follows(prompt: str) -> None:
    scene = parse(prompt, None)
    assert scene.things == ()
    assert [place.name for place in scene.places] == ["street"]


def test_strict_guidance_is_stronger_than_loose() -> None:
    loose, strict = small("a red balloon over hills", guidance=0.0), small("a red balloon over hills", guidance=20.0)
    assert max(ImageStat.Stat(strict).stddev) > max(ImageStat.Stat(loose).stddev)


def test_abstract_pictures_differ_by_prompt() -> None:
    assert parse("the meaning of qualia", None).empty
    assert distance(small("the meaning of qualia"), small("an unspoken theorem")) > 8
