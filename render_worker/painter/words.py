"""Reads a prompt: finds the vocabulary's words in any language and builds the Scene they describe."""

import random
import re
from dataclasses import replace

from render_worker.painter.color import RGB, rgb
from render_worker.painter.scene import Place, Scene, Thing
from render_worker.painter.vocabulary import Hit, find, fold

MAX_PROMPT = 2000
MAX_THINGS = 8
HUES: dict[str, RGB] = {
    name: rgb(value)
    for name, value in {
        "red": "#d93a34", "crimson": "#b01f3c", "orange": "#ee8a2b", "golden": "#e8b23a", "yellow": "#f4d13b",
        "green": "#46a356", "emerald": "#1f9d6f", "lime": "#a4d136", "teal": "#1f9e9a", "cyan": "#2cc7dd",
        "blue": "#2f6fd6", "navy": "#243a7d", "purple": "#8450c4", "magenta": "#d934a8", "pink": "#f48fb4",
        "brown": "#84563a", "white": "#f5f3ee", "black": "#2a2830", "grey": "#93979f",
    }.items()
}  # fmt: skip
_SITTERS = ("person", "couple", "child", "dancer")
_RIDING = re.compile(r"\b(?:rid(?:es|ing|er)|on horseback|cycling|mont(?:ant|ando)|reitet|reitend)\b")


def read(prompt: str, negative_prompt: str | None) -> Scene:
    """The scene that a prompt asks for, less what it or the negative prompt forbids."""
    hits = find(prompt[:MAX_PROMPT])
    wanted, unwanted = _part_negated(hits)
    banned = {name for hit in unwanted for _, name in hit.meanings}
    for hit in find((negative_prompt or "")[:MAX_PROMPT]):
        banned.update(name for table, name in hit.meanings if table not in ("number", "negation", "break"))
    return _build(wanted, _widened(banned))


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


def _build(hits: list[Hit], banned: frozenset[str]) -> Scene:
    found: dict[str, list[str]] = {}
    for hit in hits:
        for table, name in hit.meanings:
            if name not in banned and name not in found.setdefault(table, []):
                found[table].append(name)
    sky = found.get("sky", [])
    if "fullmoon" in sky and "moon" not in sky:
        sky.append("moon")
    colours, hues = _bind_colours(hits, banned)
    things = _count_things(hits, banned, colours)
    places = tuple(Place(name, colours.get(name)) for name in found.get("place", []))
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
        hues=hues,
        banned=banned,
    )


def _bind_colours(hits: list[Hit], banned: frozenset[str]) -> tuple[dict[str, RGB], tuple[RGB, ...]]:
    """Give each colour word to the subject it stands beside; colours beside none are the whole picture's."""
    bound: dict[str, RGB] = {}
    free: list[RGB] = []
    for i, hit in enumerate(hits):
        name = next((name for table, name in hit.meanings if table == "hue"), None)
        if name is None or name in banned:
            continue
        owner = _owner(hits, i)
        if owner:
            bound.setdefault(owner, HUES[name])
        elif HUES[name] not in free:
            free.append(HUES[name])
    return bound, tuple(free[:2])


def _owner(hits: list[Hit], i: int) -> str | None:
    at = hits[i].at
    if i + 1 < len(hits) and hits[i + 1].at - at <= 2:
        after = _noun(hits[i + 1])
        if after:
            return after
        second = (
            hits[i + 2]
            if i + 2 < len(hits) and hits[i + 1].meanings[0][0] in ("tone", "style", "number", "season")
            else None
        )
        if second and second.at - at <= 3 and _noun(second):
            return _noun(second)
    return _noun(hits[i - 1]) if i and at - hits[i - 1].at == 1 else None


def _noun(hit: Hit) -> str | None:
    return next((name for table, name in hit.meanings if table in ("thing", "place")), None)


def _count_things(hits: list[Hit], banned: frozenset[str], colours: dict[str, RGB]) -> tuple[Thing, ...]:
    things: dict[str, Thing] = {}
    number, number_at = 0, -9
    for hit in hits:
        for table, name in hit.meanings:
            if table == "number":
                number, number_at = int(name), hit.at
            elif table == "thing" and name not in banned and name not in things and len(things) < MAX_THINGS:
                near = number if hit.at - number_at <= 4 else 0
                plural = any(kind == "plural" for kind, _ in hit.meanings)
                things[name] = Thing(name, near or (3 if plural else 1), colours.get(name))
                number = 0
    if "portrait" in things:
        others = [name for name in things if name not in (*_SITTERS, "portrait")]
        things = {name: thing for name, thing in things.items() if name in (others or ("portrait",))}
    return tuple(things.values())
