"""The inputs of a model as its own schema describes them.

A version's `openapi_schema` describes the inputs at components.schemas.Input.properties; the values of an enum are
elsewhere, behind `allOf` and `$ref`.
"""

import re
from fractions import Fraction

RATIO = re.compile(r"([1-9]\d{0,3}):([1-9]\d{0,3})")
LARGEST = 2**53  # a number beyond that bounds nothing here, and some are too large to count with

Property = dict[str, object]


def properties_of(openapi_schema: object) -> dict[str, Property]:
    """Return the inputs by their names, each merged with what it refers to."""
    schemas = _at(openapi_schema, "components", "schemas")
    return {name: _resolved(about, schemas) for name, about in _at(schemas, "Input", "properties").items()}


def values(about: Property | None) -> list[str]:
    """Return the texts that an input may be; [] if it is no enum of texts."""
    return [value for value in _enum(about) if isinstance(value, str)]


def proportions(about: Property | None) -> dict[str, Fraction]:
    """Return the aspect ratios that an input may be, by their texts."""
    return {text: Fraction(int(it[1]), int(it[2])) for text in values(about) if (it := RATIO.fullmatch(text))}


def integers(about: Property) -> list[int]:
    """Return the whole numbers that an input may be; [] if it is no enum of numbers."""
    return [int(number) for value in _enum(about) if (number := number_of(value)) is not None and number % 1 == 0]


def is_number(about: Property) -> bool:
    """Return whether an input takes numbers, as far as its type says."""
    return about.get("type", "integer") in ("integer", "number")


def number_of(value: object) -> float | None:
    """Return a number that can be counted with; None if it is none."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    return value if usable else None  # type: ignore[return-value]  # `usable` says that it is a number


def bounds_of(about: Property, low: float, high: float) -> tuple[float, float]:
    """Return an input's own bounds within these; these alone if its own leave nothing."""
    lowest = max(low, value) if (value := number_of(about.get("minimum"))) is not None else low
    highest = min(high, value) if (value := number_of(about.get("maximum"))) is not None else high
    return (lowest, highest) if lowest <= highest else (low, high)


def _enum(about: Property | None) -> list[object]:
    found = about.get("enum") if about else None
    return found if isinstance(found, list) else []


def _at(document: object, *names: str) -> dict[str, object]:
    """Return the object at a path of names; {} if there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _resolved(about: object, schemas: dict[str, object]) -> Property:
    """Return a property merged with what it refers to; its own entries come first."""
    parts = [about]
    for word in ("allOf", "anyOf", "oneOf"):
        more = about.get(word) if isinstance(about, dict) else None
        parts += more if isinstance(more, list) else []
    found: Property = {}
    for part in parts:
        if not isinstance(part, dict):
            continue
        name = str(part.get("$ref", "")).rpartition("/")[2]
        found = {**part, **_at(schemas, name), **found}
    return found
