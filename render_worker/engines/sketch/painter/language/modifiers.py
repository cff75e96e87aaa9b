"""Modifier attachment: which subject of a prompt a colour, an age, a hat or a beard belongs to."""

from dataclasses import dataclass, field, replace

from ..canvas.color import RGB, rgb
from .vocabulary import Hit, Meaning

HUES: dict[str, RGB] = {
    name: rgb(value)
    for name, value in {
        "red": "#d93a34", "crimson": "#b01f3c", "orange": "#ee8a2b", "golden": "#e8b23a", "yellow": "#f4d13b",
        "green": "#46a356", "emerald": "#1f9d6f", "lime": "#a4d136", "teal": "#1f9e9a", "cyan": "#2cc7dd",
        "blue": "#2f6fd6", "navy": "#243a7d", "purple": "#8450c4", "magenta": "#d934a8", "pink": "#f48fb4",
        "brown": "#84563a", "white": "#f5f3ee", "black": "#2a2830", "grey": "#93979f",
    }.items()
}  # fmt: skip
PEOPLE = ("person", "child", "princess", "couple", "portrait")
PARTS = ("hat", "hair", "beard", "eyes", "glasses", "garment")
_ROMANCE = {"un", "une", "la", "le", "les", "el", "los", "las", "una", "uno", "uma", "il", "gli", "du", "del", "con"}
_GERMAN = {"ein", "eine", "einen", "einem", "einer", "der", "mit", "und", "das"}
_SMALL = {
    "and",
    "or",
    "in",
    "on",
    "at",
    "is",
    "the",
    "a",
    "with",
    "of",
    "by",
    "under",
    "over",
    "near",
    "for",
    "to",
    "as",
}
_BETWEEN = ("tone", "style", "number", "season", "hue", "hue_after")
_REACH = 2  # unknown words allowed between a colour and its noun


@dataclass
class Modifiers:
    """By index of a hit: its colour, traits and colours of parts; and the colours left for the whole picture."""

    colours: dict[int, RGB] = field(default_factory=dict)
    traits: dict[int, set[str]] = field(default_factory=dict)
    accents: dict[int, dict[str, RGB]] = field(default_factory=dict)
    free: list[RGB] = field(default_factory=list)


def disambiguate(hits: list[Hit], words: set[str]) -> list[Hit]:
    """Return the hits with words of two meanings decided: a rose or the colour rose, an English hut or a German hat."""
    out = []
    for i, hit in enumerate(hits):
        tables = [table for table, _ in hit.meanings]
        drop: set[str] = set()
        if "thing" in tables and ("hue" in tables or "hue_after" in tables):
            before = i > 0 and _gap(hits[i - 1], hit) == 0 and _is_noun(hits[i - 1])
            after = "hue" in tables and i + 1 < len(hits) and _gap(hit, hits[i + 1]) == 0 and _is_noun(hits[i + 1])
            drop = {"thing", "plural"} if before or after else {"hue", "hue_after"}
        elif "thing" in tables and ("trait", "hat") in hit.meanings:
            drop = {"thing"} if words & _GERMAN else {"trait"}
        out.append(replace(hit, meanings=tuple(m for m in hit.meanings if m[0] not in drop)) if drop else hit)
    return out


def attach_modifiers(hits: list[Hit], words: set[str], banned: frozenset[str]) -> Modifiers:
    """Return every colour and trait with the hit that it belongs to; what is banned is left out."""
    modifiers = Modifiers()
    for i, hit in enumerate(hits):
        for table, name in hit.meanings:
            if name in banned:
                continue
            if table == "trait":
                _attach_trait(hits, i, name, modifiers)
            elif table in ("hue", "hue_after"):
                _attach_colour(hits, i, HUES[name], _follows_noun(hit, table, words), modifiers)
    return modifiers


def _follows_noun(hit: Hit, table: str, words: set[str]) -> bool:
    """Return whether this colour word stands after its noun."""
    return table == "hue_after" or (hit.word.isascii() and bool(words & _ROMANCE))


def _attach_trait(hits: list[Hit], i: int, name: str, modifiers: Modifiers) -> None:
    owner: int | None = i if is_person(hits[i]) else None
    if owner is None and name in ("old", "young", "blond", "male", "female"):
        owner = _beside(hits, i)
    elif owner is None:
        owner = _owner(hits, i)
    if owner is not None:
        modifiers.traits.setdefault(owner, set()).add(name)


def _beside(hits: list[Hit], i: int) -> int | None:
    """Return the index of the person beside an adjective, after it or else before it.

    Returns None if there is none within four tokens, or a noun or a stop is between.
    """
    for step in (1, -1):
        j = i + step
        while 0 <= j < len(hits) and abs(hits[j].at - hits[i].at) <= 4:
            if is_person(hits[j]):
                return j
            if hits[j].meanings[0] == ("break", "stop") or _is_noun(hits[j]):
                break
            j += step
    return None


def _owner(hits: list[Hit], i: int) -> int | None:
    """Return the index of the person that a hat belongs to: the nearest before it, else the first after it."""
    order = [*range(i - 1, -1, -1), *range(i + 1, len(hits))]
    return next((j for j in order if is_person(hits[j])), None)


def _attach_colour(hits: list[Hit], i: int, colour: RGB, follows: bool, modifiers: Modifiers) -> None:
    target = _noun_beside(hits, i, -1 if follows else 1)
    if target is None:
        target = _noun_beside(hits, i, 1 if follows else -1, 0 if follows else 1)
        if target is not None and not follows and _unknown_noun(hits, i, 1):
            target = None
    if target is not None:
        _assign(hits, target, colour, modifiers)
        return
    wearer = next((j for j in range(i - 1, -1, -1) if is_person(hits[j])), None)
    worn = i > 0 and hits[i - 1].meanings[0] == ("break", "but") and hits[i - 1].word in ("in", "en", "em")
    if _unknown_noun(hits, i, -1 if follows else 1) or (worn and wearer is not None and wearer >= i - 2):
        if wearer is not None:
            modifiers.colours.setdefault(wearer, colour)
            return
        if any(_is_noun(hit) for hit in hits):
            return
    if colour not in modifiers.free:
        modifiers.free.append(colour)


def _noun_beside(hits: list[Hit], i: int, step: int, reach: int = _REACH) -> int | None:
    """Return the index of the nearest noun in one direction, across other modifiers.

    Returns None if more than `reach` unknown words or the end of a clause is between.
    """
    j, last = i + step, hits[i]
    while 0 <= j < len(hits):
        hit = hits[j]
        gap = _gap(last, hit) if step > 0 else _gap(hit, last)
        if gap > reach:
            return None
        if _is_noun(hit):
            return j
        table = hit.meanings[0][0]
        joins = table == "break" and hit.meanings[0][1] != "stop" and 0 <= j + step < len(hits)
        if not (table in _BETWEEN or table == "trait" or (joins and _is_hue(hits[j + step]))):
            return None
        last, j = hit, j + step
    return None


def _assign(hits: list[Hit], target: int, colour: RGB, modifiers: Modifiers) -> None:
    """Assign a colour to a subject, to a part of one, or (sky, light) to the whole picture."""
    meanings = hits[target].meanings
    part = next((name for table, name in meanings if table == "trait" and name in PARTS), None)
    if part and not is_person(hits[target]):
        owner = _owner(hits, target)
        if owner is not None and part == "garment":
            modifiers.colours[owner] = colour
        elif owner is not None:
            modifiers.accents.setdefault(owner, {}).setdefault(part, colour)
    elif ("aim", "whole") in meanings:
        if colour not in modifiers.free:
            modifiers.free.append(colour)
    elif ("aim", "none") not in meanings:
        modifiers.colours.setdefault(target, colour)


def _unknown_noun(hits: list[Hit], i: int, step: int) -> bool:
    """Return whether an unknown word stands in the place of the noun of a colour."""
    word = hits[i].after if step > 0 else hits[i].before
    if not word or word in _SMALL or word in _ROMANCE or not word.isalpha():
        return False
    j = i + step
    known = 0 <= j < len(hits) and (_gap(hits[i], hits[j]) if step > 0 else _gap(hits[j], hits[i])) == 0
    return not known


def is_person(hit: Hit) -> bool:
    """Return whether a hit names a person, which may wear a hat."""
    return any(table == "thing" and name in PEOPLE for table, name in hit.meanings)


def _is_noun(hit: Hit) -> bool:
    return any(_noun_meaning(meaning) for meaning in hit.meanings)


def _noun_meaning(meaning: Meaning) -> bool:
    table, name = meaning
    return table in ("thing", "place", "aim") or (table == "trait" and name in PARTS)


def _is_hue(hit: Hit) -> bool:
    return any(table in ("hue", "hue_after") for table, _ in hit.meanings)


def _gap(first: Hit, second: Hit) -> int:
    return second.at - first.at - first.size
