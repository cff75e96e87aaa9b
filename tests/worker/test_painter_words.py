"""The prompt reader understands many languages and survives anything."""

import pytest

from render_worker.painter import paint
from render_worker.painter.scene import Scene
from render_worker.painter.sheet import PROMPTS
from render_worker.painter.words import read


def gist(scene: Scene) -> tuple[object, ...]:
    """What a scene shows, without counts and colours."""
    return sorted(t.name for t in scene.things), sorted(p.name for p in scene.places), scene.time, set(scene.sky)


def test_it_works() -> None:
    scene = read("Two red boats on a golden sea at sunset, watercolor", None)
    assert [(thing.name, thing.count) for thing in scene.things] == [("sailboat", 2)]
    assert [place.name for place in scene.places] == ["sea"]
    assert (scene.time, scene.styles) == ("sunset", ("watercolour",))


@pytest.mark.parametrize(
    "foreign",
    [
        "un gato y un castillo en el bosque, noche",
        "un chat et un château dans la forêt, la nuit",
        "eine Katze und ein Schloss im Wald, Nacht",
        "um gato e um castelo na floresta, noite",
        "un gatto e un castello nella foresta, notte",
        "кошка и замок в лесу, ночь",
        "แมวและปราสาทในป่า กลางคืน",
        "猫和城堡在森林里,夜",
        "森の中の猫とお城、夜",
        "قطة وقلعة في غابة ليل",
        "🐱 🏰 🌲🌲 at night in the forest without pine",
    ],
)
def test_other_languages_give_the_same_scene(foreign: str) -> None:
    assert gist(read(foreign, None)) == gist(read("a cat and a castle in the forest, night", None))


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("montaña", "mountains"),
        ("montagne", "mountains"),
        ("Berge", "mountains"),
        ("горы", "mountains"),
        ("ภูเขา", "mountains"),
        ("山", "mountains"),
        ("جبل", "mountains"),
        ("🏔️", "mountains"),
        ("mar", "sea"),
        ("mer", "sea"),
        ("Meer", "sea"),
        ("море", "sea"),
        ("ทะเล", "sea"),
        ("海", "sea"),
        ("بحر", "sea"),
        ("🌊", "sea"),
        ("ciudad", "city"),
        ("Stadt", "city"),
        ("город", "city"),
        ("เมือง", "city"),
        ("城市", "city"),
        ("مدينة", "city"),
    ],
)
def test_a_place_is_read_in_many_languages(words: str, name: str) -> None:
    assert name in [place.name for place in read(words, None).places]


@pytest.mark.parametrize(
    ("words", "time", "sky"),
    [
        ("luna y nieve", None, {"moon"}),
        ("закат", "sunset", set()),
        ("พระอาทิตย์ตก", "sunset", set()),
        ("雨の夜", "night", {"rain"}),
        ("غروب", "sunset", set()),
        ("soleil", None, {"sun"}),
        ("Regen", None, {"rain"}),
        ("🌙", "night", {"moon"}),
    ],
)
def test_times_and_weather_are_read_in_many_languages(words: str, time: str | None, sky: set[str]) -> None:
    scene = read(words, None)
    assert scene.time == time
    assert sky <= set(scene.sky)


@pytest.mark.parametrize(
    ("words", "count"),
    [("a dog", 1), ("two dogs", 2), ("three small dogs", 3), ("dogs", 3), ("many dogs", 7), ("zwei Hunde", 2)],
)
def test_numbers_and_plurals_are_counted(words: str, count: int) -> None:
    assert [(thing.name, thing.count) for thing in read(words, None).things] == [("dog", count)]


HOSTILE = (
    "",
    "   \n\t ",
    "🌲🐱" * 1000,
    "\u202e\u202dcat\u2066 קאט \u2069",
    "((((((((a+)+)+)+)+)$" * 90,
    "[a-z]{1000}\\1(?<=x)*.?+^$|",
    "\x01\x02\x03\x1b[31m\x7f",
    "cat " * 500,
    "no " * 600,
    "\u0301" * 2000,
    "\ud800\udfff",
    "Z̷̢a̵l̶g̸o̷" * 200,
    "two " * 500 + "cats",
    "รูป" * 600,
    "森" * 2000,
    "'" * 2000,
    "cat-" * 500,
    "ffi①²" * 300,
)


@pytest.mark.parametrize("index", range(len(HOSTILE)))
def test_hostile_prompts_still_paint(index: int) -> None:
    prompt = HOSTILE[index]
    image = paint(prompt, negative_prompt=prompt[::-1], seed=-1, guidance_scale=7.0, width=96, height=96)
    assert image.size == (96, 96)


@pytest.mark.parametrize("size", [(64, 64), (64, 200), (200, 64)])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_sample_prompt_paints_small(prompt: str, size: tuple[int, int]) -> None:
    assert paint(prompt, seed=11, width=size[0], height=size[1]).size == size


@pytest.mark.parametrize(("guidance", "seed"), [(0.0, 0), (20.0, 2**63), (-5.0, 1), (1e9, 1)])
def test_extreme_numbers_still_paint(guidance: float, seed: int) -> None:
    assert paint("a fox and an owl and a bear", seed=seed, guidance_scale=guidance, width=64, height=96).size == (
        64,
        96,
    )
