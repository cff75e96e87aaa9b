"""The one way to read a caller's fields: what is unknown, repeated, empty or out of range is refused by name."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.fields import FieldInfo

MAX_TEXT = 2_000
MAX_DIGITS = 20


class InvalidField(ValueError):
    """A caller's field that cannot be taken; the message is one sentence that names it and says what it accepts."""


def _without_control_characters(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r\t" for character in text):
        raise ValueError("control character")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT),
    AfterValidator(_without_control_characters),
]


class _JsonObject(list[tuple[str, object]]):
    """A JSON object as its pairs: unlike a dict it remembers a repeated name, and unlike a list it is no array."""


class Fields(BaseModel):
    """A caller's fields. Each field's description ends the sentence "<name> must be …"."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    unsaid: ClassVar[frozenset[str]] = frozenset()
    """Fields that a caller here cannot say."""

    @classmethod
    def sayable(cls) -> dict[str, FieldInfo]:
        """The fields that a caller here can say."""
        return {name: field for name, field in cls.model_fields.items() if name not in cls.unsaid}

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        """Read name-value pairs, refusing unknown, repeated, empty and out-of-range ones with InvalidField."""
        pairs = list(pairs)
        sayable = cls.sayable()
        for name, count in Counter(name for name, _ in pairs).items():
            if name not in sayable:
                known = ", ".join(sayable)
                raise InvalidField(f"{_shown(name)} is not a parameter here; known are {known}.")
            if count > 1:
                raise InvalidField(f"{_shown(name)} was given {count} times; give it once.")
        try:
            return cls.model_validate(dict(pairs))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise cls._refusal(str(first["loc"][0]), first["type"]) from None

    @classmethod
    def parse_json(cls, body: bytes) -> Self:
        """Read a JSON object's fields as `parse` does."""
        try:
            document = json.loads(body, object_pairs_hook=_JsonObject, parse_int=_integer)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, _JsonObject):
            raise InvalidField('The body must be a JSON object, like {"prompt": "sunset over mountains"}.')
        return cls.parse(document)

    @classmethod
    def _refusal(cls, name: str, problem: str) -> InvalidField:
        accepted = cls.model_fields[name].description
        if problem == "missing":
            return InvalidField(f"{name} is required and must be {accepted}.")
        return InvalidField(f"{name} must be {accepted}.")


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits  # Python refuses to read thousands of digits


def _shown(name: str) -> str:
    """A caller's own name for a field, made fit to be repeated to him."""
    printable = "".join(character if character.isprintable() else "?" for character in name[:40])
    return f'"{printable}"'
