"""The parser: finds the words of the vocabulary in a prompt and builds the Scene that they describe."""

import random
import re
from dataclasses import replace

from .modifiers import Modifiers, attach_modifiers, disambiguate
from .scene import Place, Scene, Thing
from .vocabulary import Hit, find_words, fold, tokenize

MAX_PROMPT = 2000
MAX_THINGS = 8
_SITTERS = ("person", "couple", "child", "dancer", "princess")
_RIDING = re.compile(r"\b(?:rid(?:es|ing|er)|on horseback|cycling|mont(?:ant|ando)|reitet|reitend)\b")


def parse(prompt: str, negative_prompt: str | None) -> Scene:
    """Return the scene that a prompt describes, without what it or the negative prompt excludes.

    Words that the vocabulary does not know are ignored; texts are cut after MAX_PROMPT characters.
    """
    words = set(tokenize(prompt[:MAX_PROMPT]))
    hits = disambiguate(find_words(prompt[:MAX_PROMPT]), words)
    wanted, unwanted = _split_negated(hits)
    banned: set[str] = set()
    for hit in [*unwanted, *find_words((negative_prompt or "")[:MAX_PROMPT])]:
        banned |= _excluded_by(hit)
    return _build(wanted, _with_related(banned), words)


def _excluded_by(hit: Hit) -> set[str]:
    """Return the names that a hit excludes; "man" excludes men and not all people."""
    sex = next((name for table, name in hit.meanings if table == "trait" and name in ("male", "female")), None)
    things = {name for table, name in hit.meanings if table == "thing"}
    if sex and things:
        return {f"{name}/{sex}" for name in things}
    return {name for table, name in hit.meanings if table not in ("number", "negation", "break")}


def apply_guidance(scene: Scene, guidance: float, rng: random.Random) -> Scene:
    """Return the scene; if guidance is below 5, without some lesser subjects, chosen at random."""
    if guidance >= 5:
        return scene
    keep = 0.35 + 0.13 * max(0.0, guidance)
    things = tuple(thing for i, thing in enumerate(scene.things) if i == 0 or rng.random() < keep)
    sky = tuple(name for name in scene.sky if rng.random() < keep + 0.2)
    return replace(scene, things=things, sky=sky)


def is_riding(prompt: str) -> bool:
    """Return whether a prompt says that a subject rides another."""
    return _RIDING.search(fold(prompt[:MAX_PROMPT])) is not None


def _split_negated(hits: list[Hit]) -> tuple[list[Hit], list[Hit]]:
    """Return the wanted hits, and those that follow "no" or "without", up to a stop or three words on."""
    wanted: list[Hit] = []
    unwanted: list[Hit] = []
    since = -1
    for hit in hits:
        table = hit.meanings[0][0]
        if table == "negation":
            since = hit.at
        elif table == "break":
            since = -1 if hit.meanings[0][1] == "stop" or since < hit.at - 3 or not unwanted else since
            wanted.append(hit)
        elif since >= 0 and hit.at - since <= 4:
            unwanted.append(hit)
            since = hit.at
        else:
            wanted.append(hit)
    return wanted, unwanted


def _with_related(banned: set[str]) -> frozenset[str]:
    """Return the excluded names with those that they imply."""
    people = {"person", "couple", "child", "dancer"}
    if "person" in banned:
        banned = banned | people
    if "snow" in banned:
        banned = banned | {"snowfall", "winter"}
    if "sailboat" in banned:
        banned = banned | {"ship", "rowboat"}
    return frozenset(banned)


def _build(hits: list[Hit], banned: frozenset[str], words: set[str]) -> Scene:
    found: dict[str, list[str]] = {}
    for hit in hits:
        for table, name in hit.meanings:
            if name not in banned and name not in found.setdefault(table, []):
                found[table].append(name)
    sky = found.get("sky", [])
    if "fullmoon" in sky and "moon" not in sky:
        sky.append("moon")
    modifiers = attach_modifiers(hits, words, banned)
    things = _things(hits, banned, modifiers)
    places = _places(hits, banned, modifiers)
    if "portrait" in found.get("thing", []) and "portrait" not in (thing.name for thing in things):
        places = (Place("studio"),)  # a named subject sits for the portrait
    times = found.get("time", [])
    seasons = found.get("season", [])
    return Scene(
        things=things,
        places=places,
        time=times[0] if times else None,
        sky=tuple(sky),
        season=seasons[0] if seasons else None,
        styles=tuple(found.get("style", [])),
        tones=tuple(found.get("tone", [])),
        hues=tuple(modifiers.free[:2]),
        banned=banned,
    )


def _places(hits: list[Hit], banned: frozenset[str], modifiers: Modifiers) -> tuple[Place, ...]:
    """Return every place once, with the colour that the words give it."""
    places: dict[str, Place] = {}
    for i, hit in enumerate(hits):
        for table, name in hit.meanings:
            if table == "place" and name not in banned:
                old = places.get(name, Place(name))
                places[name] = replace(old, colour=old.colour or modifiers.colours.get(i))
    return tuple(places.values())


def _things(hits: list[Hit], banned: frozenset[str], modifiers: Modifiers) -> tuple[Thing, ...]:
    """Return every subject once, a man and a woman apart."""
    things: dict[str, Thing] = {}
    number, number_at = 0, -9
    for i, hit in enumerate(hits):
        plural = any(kind == "plural" for kind, _ in hit.meanings)
        for table, name in hit.meanings:
            if table == "number":
                number, number_at = int(name), hit.at
            elif table == "thing" and name not in banned:
                traits = frozenset(modifiers.traits.get(i, ()))
                key = "/".join([name, *sorted(traits & {"male", "female"})])
                near = number if hit.at - number_at <= 4 else 0
                accents = tuple(modifiers.accents.get(i, {}).items())
                new = Thing(name, near or (3 if plural else 1), modifiers.colours.get(i), traits, accents)
                if key in things:
                    things[key] = _merged(things[key], new)
                elif key not in banned and len(things) < MAX_THINGS:
                    things[key] = new
                    number = 0
    return _pose(_merge_persons(things))


def _merged(old: Thing, new: Thing) -> Thing:
    """Return one subject with the traits of both; the first colour counts."""
    return replace(
        old,
        colour=old.colour or new.colour,
        traits=old.traits | new.traits,
        accents=old.accents or new.accents,
    )


def _merge_persons(things: dict[str, Thing]) -> list[Thing]:
    """Return the subjects; a lone "person" or "figure" beside a man or woman is the same one."""
    plain = things.get("person")
    other = next((key for key in things if key.startswith("person/")), None)
    if plain and plain.count == 1 and other:
        things[other] = _merged(things[other], plain)
        del things["person"]
    return list(things.values())


def _pose(things: list[Thing]) -> tuple[Thing, ...]:
    """Return the sitters alone if the prompt asks for a portrait, else all subjects."""
    portrait = next((thing for thing in things if thing.name == "portrait"), None)
    if portrait is None:
        return tuple(things)
    others = tuple(thing for thing in things if thing.name not in (*_SITTERS, "portrait"))
    for sitter in things:
        if sitter.name in ("person", "child", "princess"):
            portrait = _merged(portrait, sitter)
        if sitter.name == "princess":
            beard = {"beard"} if "male" in sitter.traits and "young" not in sitter.traits else set()
            portrait = replace(portrait, traits=portrait.traits | {"crown"} | beard)
    return others or (portrait,)
