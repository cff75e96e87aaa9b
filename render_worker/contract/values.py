"""How values are read: one rule for a query's texts and for JSON, so that both get the same verdict.

A text is trimmed; an empty one, and null, is as left out. Numbers are read from their digits, in JSON as in a query.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from render_worker.contract.json_object import JsonNumber, JsonObject

MAX_NUMBER = 100  # characters; a double needs 25, and Python's integers get slow with thousands
INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
BOOLEANS = {"true": True, "false": False}

Reader = Callable[[object], object]
"""Returns a field's value as its type has it, or UNREADABLE."""


class _Unreadable:
    """A value that no field accepts."""


UNREADABLE = _Unreadable()


def read(reader: Reader, value: object) -> object:
    """Return a field's value; None if it is as left out."""
    if isinstance(value, str):
        value = value.strip()
    return None if value is None or value == "" else reader(value)


def reader_of(annotation: object) -> Reader:
    """Return the reader of a field with that annotation."""
    choices = list(_choices(annotation))
    if words := {word.lower(): word for word in choices if isinstance(word, str)}:
        return partial(_word, words)
    kinds = [choice if isinstance(choice, type) else type(choice) for choice in choices]
    return next((reader for kind, reader in READERS.items() if kind in kinds), _plain)


def _choices(annotation: object) -> Iterator[object]:
    """Yield the types, and the literal values, that an annotation allows."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        yield from arguments
    elif origin is Annotated:
        yield from _choices(arguments[0])
    elif origin in (Union, UnionType):
        for each in arguments:
            yield from _choices(each)
    elif annotation is not NoneType:
        yield annotation


def _word(words: dict[str, str], value: object) -> object:
    return words.get(value.lower(), UNREADABLE) if isinstance(value, str) else UNREADABLE


def _boolean(value: object) -> object:
    if isinstance(value, bool):
        return value
    return BOOLEANS.get(value.lower(), UNREADABLE) if isinstance(value, str) else UNREADABLE


def _integer(value: object) -> object:
    if type(value) is int:
        return value
    digits = _digits(value)
    if INTEGER.fullmatch(digits):
        return int(digits)
    number = Decimal(digits or "NaN")  # exact: 2147483647.0000001 is no integer, which a float cannot tell
    return int(number) if number == number.to_integral_value() else UNREADABLE


def _number(value: object) -> object:
    if type(value) in (int, float):
        return value
    digits = _digits(value)
    return float(digits) if digits else UNREADABLE


def _digits(value: object) -> str:
    """Return a number as it is spelled; "" if the value is none."""
    text = value.text if isinstance(value, JsonNumber) else value
    return text if isinstance(text, str) and len(text) <= MAX_NUMBER and NUMBER.fullmatch(text) else ""


def _text(value: object) -> object:
    return value if isinstance(value, str) else UNREADABLE


def _plain(value: object) -> object:
    """Return JSON of any kind as Python has it."""
    if isinstance(value, JsonNumber):
        return _integer(value) if INTEGER.fullmatch(value.text) else _number(value)
    if isinstance(value, JsonObject):
        return {name: _plain(inner) for name, inner in value}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


READERS: dict[type, Reader] = {bool: _boolean, int: _integer, float: _number, str: _text}
