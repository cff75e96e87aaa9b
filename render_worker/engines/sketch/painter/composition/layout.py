"""Layout: how many subjects, how big and in which part of the picture."""

import random

from ..language.scene import Thing
from ..scenery.location import Location
from ..scenery.view import View
from ..subjects.registry import SUBJECTS, Subject
from .placement import WET, Placement, hold_umbrella, paint_subject

_MOUNTS = ("horse", "unicorn", "elephant", "camel", "bicycle", "dragon", "zebra")
_RIDERS = ("person", "knight", "wizard", "astronaut", "child", "princess", "robot")
_LAYERS = {"far": 0, "span": 0, "air": 1, "orbit": 1}
_HOLDERS = ("person", "child", "couple", "princess", "robot")
_FULL_LENGTH = ("person", "knight", "wizard", "princess", "astronaut", "dancer", "robot")
MAX_SUBJECTS = 14


def place_subjects(view: View, location: Location, riding: bool) -> None:
    """Paint every subject, the farther first."""
    things = list(view.scene.things)
    rider = _take_rider(things) if riding else None
    shade = _take_umbrella(things)
    placements = _placements(view, location, things)
    for placement in sorted(placements, key=lambda f: (_LAYERS.get(f.subject.stands, 2), f.foot)):
        paint_subject(view, location, placement, rider if placement.thing.name in _MOUNTS else None)
        if shade and placement.thing.name in _HOLDERS:
            hold_umbrella(view, placement, shade)


def _take_rider(things: list[Thing]) -> Thing | None:
    """Remove and return the subject that rides another. Returns None if none can."""
    mount = next((thing for thing in things if thing.name in _MOUNTS), None)
    rider = next((thing for thing in things if thing.name in _RIDERS), None)
    if mount is None or rider is None:
        return None
    things.remove(rider)
    return rider


def _take_umbrella(things: list[Thing]) -> Thing | None:
    """Remove and return an umbrella that one of the people holds. Returns None if it stands by itself."""
    umbrella = next((thing for thing in things if thing.name == "umbrella"), None)
    if umbrella is None or not any(thing.name in _HOLDERS for thing in things):
        return None
    things.remove(umbrella)
    return umbrella


def _placements(view: View, location: Location, things: list[Thing]) -> list[Placement]:
    groups: dict[str, list[tuple[Thing, Subject]]] = {}
    total = 0
    for thing in things:
        subject = SUBJECTS[thing.name]
        kind = _zone(subject, location)
        for _ in range(min(thing.count, MAX_SUBJECTS - total)):
            groups.setdefault(kind, []).append((thing, subject))
            total += 1
    placements: list[Placement] = []
    left = view.rng.random() < 0.5
    for kind, members in groups.items():
        placements += _row(view, location, kind, members, crowd=len(groups) > 1, first=things[0], left=left)
    return placements


def _zone(subject: Subject, location: Location) -> str:
    """Return the zone of the location that a subject belongs to: near, far, high, span or bust."""
    stands = subject.stands
    if location.whole in ("underwater", "space"):
        return "high"
    if stands in ("air", "orbit"):
        return "high"
    if stands == "deep":
        return "near"
    if stands in ("far", "span", "bust"):
        return stands if not location.whole or stands == "bust" else "near"
    return "near"


def _row(
    view: View,
    location: Location,
    kind: str,
    members: list[tuple[Thing, Subject]],
    crowd: bool,
    first: Thing,
    left: bool,
) -> list[Placement]:
    """Return placements that spread the subjects of one zone over the width."""
    canvas, rng = view.canvas, view.rng
    count = len(members)
    slots = _slots(rng, count, (left if kind in ("far", "span") else not left) if crowd else None)
    shrink = (1.0, 0.8, 0.68, 0.6, 0.54)[min(count, 5) - 1] * (0.92 if crowd else 1.0)
    shrink *= max(0.5, 1 - 0.035 * max(0, count - 5))
    out = []
    for (thing, subject), slot in zip(members, slots, strict=True):
        main = thing.name == first.name  # a man and a woman are of a size
        height = canvas.unit * subject.size * shrink * rng.uniform(0.92, 1.06)
        height *= 1.0 if main else 0.78
        if kind == "near" and location.whole == "" and crowd and not main:
            height *= 0.9
        widest = canvas.width * (0.94 if kind == "span" else min(0.86, 1.12 / count))
        height = min(height, widest / subject.aspect, canvas.height * 0.92)
        near = rng.uniform(0.35, 0.75) if count > 1 else rng.uniform(0.5, 0.7)
        if kind == "near" and count > 1:
            height *= 0.72 + 0.5 * near
        foot = _foot(view, location, kind, near, height)
        if location.whole == "studio" and subject.stands != "bust":
            height *= 1.5
            if thing.name in _FULL_LENGTH:  # a portrait is from the waist up
                height *= 1.5
                foot = canvas.height * 1.02 + height * 0.42
        elif kind in ("far", "near"):
            height = min(height, foot - canvas.height * 0.04)
        half = min(canvas.width * 0.46, height * subject.aspect / 2)
        x = min(canvas.width - half * 0.92, max(half * 0.92, canvas.width * slot))
        out.append(
            Placement(
                thing, subject, canvas.width / 2 if kind in ("span", "bust") and count == 1 else x, foot, height, main
            )
        )
    return out


def _slots(rng: random.Random, count: int, left: bool | None) -> list[float]:
    if count == 1:
        if left is None:
            return [rng.choice((0.38, 0.5, 0.62))]
        return [rng.uniform(0.24, 0.32) if left else rng.uniform(0.66, 0.74)]
    slots = [(i + 0.5 + rng.uniform(-0.16, 0.16)) / count for i in range(count)]
    middle_first = sorted(slots, key=lambda slot: abs(slot - 0.45))
    return middle_first if rng.random() < 0.5 else [1 - slot for slot in middle_first]


def _foot(view: View, location: Location, kind: str, near: float, height: float) -> float:
    """Return the y of the foot of a subject, in pixels."""
    canvas, rng, horizon = view.canvas, view.rng, view.horizon
    high = canvas.height - horizon
    if kind == "bust":
        return float(canvas.height) + height * 0.02
    if location.whole in ("underwater", "space"):
        return canvas.height * rng.uniform(0.36, 0.62) + height / 2
    if kind == "high":
        low, high_up = (0.3, 0.55) if near > 0.5 or location.whole else (0.26, 0.82)
        return max(height * 1.06, horizon * rng.uniform(low, high_up) + height / 2)
    if kind == "span":
        return horizon + high * 0.34
    if location.floor == "roof":
        return horizon + high * (0.44 if kind == "near" else 0.1)
    if kind == "far":
        return horizon + high * (rng.uniform(0.16, 0.3) if location.floor not in WET else 0.16)
    foot = horizon + high * (0.22 + 0.66 * near)
    return min(canvas.height * 0.97, max(foot, height * 1.04))
