"""Reads a prompt: finds the vocabulary's words in any language and builds the Scene they describe."""

import random
import re
from dataclasses import replace

from .modifiers import Bound, bind, settled
from .scene import Place, Scene, Thing
from .vocabulary import Hit, find, fold, tokens_of

MAX_PROMPT = 2000
MAX_THINGS = 8
_SITTERS = ("person", "couple", "child", "dancer", "princess")
_RIDING = re.compile(r"\b(?:rid(?:es|ing|er)|on horseback|cycling|mont(?:ant|ando)|reitet|reitend)\b")


def read(prompt: str, negative_prompt: str | None) -> Scene:
    """The scene that a prompt asks for, less what it or the negative prompt forbids."""
    words = set(tokens_of(prompt[:MAX_PROMPT]))
    hits = settled(find(prompt[:MAX_PROMPT]), words)
    wanted, unwanted = _part_negated(hits)
    banned: set[str] = set()
    for hit in [*unwanted, *find((negative_prompt or "")[:MAX_PROMPT])]:
        banned |= _forbidden(hit)
    return _build(wanted, _widened(banned), words)


def _forbidden(hit: Hit) -> set[str]:
    """What a hit forbids; "man" forbids men and not all people."""
    sex = next((name for table, name in hit.meanings if table == "trait" and name in ("male", "female")), None)
    things = {name for table, name in hit.meanings if table == "thing"}
    if sex and things:
        return {f"{name}/{sex}" for name in things}
    return {name for table, name in hit.meanings if table not in ("number", "negation", "break")}


def literal(scene: Scene, guidance: float, rng: random.Random) -> Scene:
    """What a loose guidance keeps of a scene: the main subject always, the lesser ones by chance."""
    if guidance >= 5:
        return scene
    keep = 0.35 + 0.13 * max(0.0, guidance)
    things = tuple(thing for i, thing in enumerate(scene.things) if i == 0 or rng.random() < keep)
    sky = tuple(name for name in scene.sky if rng.random() < keep + 0.2)
    return replace(scene, things=things, sky=sky)


def rides(prompt: str) -> bool:
    """Whether someone rides something."""
    return _RIDING.search(fold(prompt[:MAX_PROMPT])) is not None


def _part_negated(hits: list[Hit]) -> tuple[list[Hit], list[Hit]]:
    """Split off what follows "no" or "without", up to a stop or three words on."""
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


def _widened(banned: set[str]) -> frozenset[str]:
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
    bound = bind(hits, words, banned)
    things = _things(hits, banned, bound)
    places = _places(hits, banned, bound)
    if "portrait" in found.get("thing", []) and "portrait" not in (thing.name for thing in things):
        places = (Place("studio"),)  # someone or something named sits for the portrait
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
        hues=tuple(bound.free[:2]),
        banned=banned,
    )


def _places(hits: list[Hit], banned: frozenset[str], bound: Bound) -> tuple[Place, ...]:
    places: dict[str, Place] = {}
    for i, hit in enumerate(hits):
        for table, name in hit.meanings:
            if table == "place" and name not in banned:
                old = places.get(name, Place(name))
                places[name] = replace(old, colour=old.colour or bound.colours.get(i))
    return tuple(places.values())


def _things(hits: list[Hit], banned: frozenset[str], bound: Bound) -> tuple[Thing, ...]:
    """Every subject once, a man and a woman apart."""
    things: dict[str, Thing] = {}
    number, number_at = 0, -9
    for i, hit in enumerate(hits):
        plural = any(kind == "plural" for kind, _ in hit.meanings)
        for table, name in hit.meanings:
            if table == "number":
                number, number_at = int(name), hit.at
            elif table == "thing" and name not in banned:
                traits = frozenset(bound.traits.get(i, ()))
                key = "/".join([name, *sorted(traits & {"male", "female"})])
                near = number if hit.at - number_at <= 4 else 0
                accents = tuple(bound.accents.get(i, {}).items())
                new = Thing(name, near or (3 if plural else 1), bound.colours.get(i), traits, accents)
                if key in things:
                    things[key] = _joined(things[key], new)
                elif key not in banned and len(things) < MAX_THINGS:
                    things[key] = new
                    number = 0
    return _sat(_one_person(things))


def _joined(old: Thing, new: Thing) -> Thing:
    return replace(
        old,
        colour=old.colour or new.colour,
        traits=old.traits | new.traits,
        accents=old.accents or new.accents,
    )


def _one_person(things: dict[str, Thing]) -> list[Thing]:
    """A lone "person" or "figure" beside a man or woman is the same one."""
    plain = things.get("person")
    other = next((key for key in things if key.startswith("person/")), None)
    if plain and plain.count == 1 and other:
        things[other] = _joined(things[other], plain)
        del things["person"]
    return list(things.values())


def _sat(things: list[Thing]) -> tuple[Thing, ...]:
    """For a portrait, only whoever sits for it."""
    portrait = next((thing for thing in things if thing.name == "portrait"), None)
    if portrait is None:
        return tuple(things)
    others = tuple(thing for thing in things if thing.name not in (*_SITTERS, "portrait"))
    for sitter in things:
        if sitter.name in ("person", "child", "princess"):
            portrait = _joined(portrait, sitter)
        if sitter.name == "princess":
            beard = {"beard"} if "male" in sitter.traits and "young" not in sitter.traits else set()
            portrait = replace(portrait, traits=portrait.traits | {"crown"} | beard)
    return others or (portrait,)
