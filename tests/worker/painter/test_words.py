"""The parser understands many languages and survives anything."""

import pytest

from render_worker.engines.sketch.painter import paint
from render_worker.engines.sketch.painter.contact_sheet import PROMPTS
from render_worker.engines.sketch.painter.language.modifiers import HUES
from render_worker.engines.sketch.painter.language.parser import parse
from render_worker.engines.sketch.painter.language.scene import Scene


def gist(scene: Scene) -> tuple[object, ...]:
    """Return what a scene shows, without counts and colours."""
    return sorted(t.name for t in scene.things), sorted(p.name for p in scene.places), scene.time, set(scene.sky)


def test_it_works() -> None:
    scene = parse("Two red boats on a golden sea at sunset, watercolor", None)
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
    assert gist(parse(foreign, None)) == gist(parse("a cat and a castle in the forest, night", None))


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
    assert name in [place.name for place in parse(words, None).places]


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
    scene = parse(words, None)
    assert scene.time == time
    assert sky <= set(scene.sky)


@pytest.mark.parametrize(
    ("words", "count"),
    [("a dog", 1), ("two dogs", 2), ("three small dogs", 3), ("dogs", 3), ("many dogs", 7), ("zwei Hunde", 2)],
)
def test_numbers_and_plurals_are_counted(words: str, count: int) -> None:
    assert [(thing.name, thing.count) for thing in parse(words, None).things] == [("dog", count)]


@pytest.mark.parametrize(
    ("words", "traits"),
    [
        ("a man", {"male"}),
        ("a man reading a book", {"male"}),
        ("ein Mann mit Bart", {"male", "beard"}),
        ("un homme", {"male"}),
        ("mujer con sombrero", {"female", "hat"}),
        ("an old woman with glasses", {"female", "old", "glasses"}),
        ("老爷爷", {"male", "old"}),
        ("หญิงชรา", {"female", "old"}),
        ("portrait of an old man", {"male", "old"}),
        ("a boy", {"male"}),
        ("königin", {"female"}),
        ("the king", {"male"}),
    ],
)
def test_men_and_women_old_and_young_are_told_apart(words: str, traits: set[str]) -> None:
    assert parse(words, None).things[0].traits == traits


def test_a_man_and_a_woman_are_two_people() -> None:
    things = parse("an old man and a young woman in a garden", None).things
    assert [(thing.name, thing.traits) for thing in things] == [
        ("person", {"male", "old"}),
        ("person", {"female", "young"}),
    ]
    assert [thing.traits for thing in parse("a woman", "man").things] == [{"female"}]


@pytest.mark.parametrize(
    ("words", "colours"),
    [
        ("แมวสีส้ม", {"cat": "orange"}),
        ("แมวสีส้มบนเรือสีแดง", {"cat": "orange", "sailboat": "red"}),
        ("rotes Auto", {"car": "red"}),
        ("ein blaues Haus und eine rote Katze", {"house": "blue", "cat": "red"}),
        ("bateau rouge", {"sailboat": "red"}),
        ("un chat noir et une maison orange", {"cat": "black", "house": "orange"}),
        ("un chat orange sous une maison", {"cat": "orange", "house": None}),
        ("un gato naranja y un barco azul", {"cat": "orange", "sailboat": "blue"}),
        ("uma casa azul e um barco vermelho", {"house": "blue", "sailboat": "red"}),
        ("una barca rossa e una casa gialla", {"sailboat": "red", "house": "yellow"}),
        ("красная машина и синий дом", {"car": "red", "house": "blue"}),
        ("红色的船和蓝色的房子", {"sailboat": "red", "house": "blue"}),
        ("赤い船と青い家", {"sailboat": "red", "house": "blue"}),
        ("سيارة حمراء وبيت أزرق", {"car": "red", "house": "blue"}),
    ],
)
def test_colours_bind_in_every_language(words: str, colours: dict[str, str | None]) -> None:
    scene = parse(words, None)
    assert {thing.name: thing.colour for thing in scene.things} == {
        name: HUES[hue] if hue else None for name, hue in colours.items()
    }
    assert scene.hues == ()
    assert scene.styles == ()


@pytest.mark.parametrize(
    "words",
    ["an old woman with a red hat", "une vieille femme avec un chapeau rouge", "หญิงชราใส่หมวกสีแดง", "戴红帽子的老奶奶"],
)
def test_a_hats_colour_is_the_hats_alone(words: str) -> None:
    scene = parse(words, None)
    assert scene.hues == ()
    assert [(thing.colour, thing.accents) for thing in scene.things] == [(None, (("hat", HUES["red"]),))]


@pytest.mark.parametrize(
    "words", ["a woman with a red sombrerito", "a cat with green eyes", "a dog with a blue thingy"]
)
def test_a_colour_of_something_unknown_does_not_tint_the_landscape(words: str) -> None:
    assert parse(words, None).hues == ()


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
