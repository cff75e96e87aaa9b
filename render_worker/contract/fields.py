"""Reading a client's fields: unknown, repeated, empty and out-of-range ones are refused by name."""

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
    """Raised if a client's field is invalid; the message is one sentence that names it and says what it accepts."""


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
    """A JSON object as its pairs: unlike a dict it keeps repeated names, and unlike a list it is no array."""


class Fields(BaseModel):
    """A client's fields. Each field's description ends the sentence "<name> must be …"."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    internal_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that only the other tier may set; clients of this model cannot."""

    @classmethod
    def public_fields(cls) -> dict[str, FieldInfo]:
        """Return the fields that clients can set, by name."""
        return {name: field for name, field in cls.model_fields.items() if name not in cls.internal_fields}

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        """Return the fields of name-value pairs. Raises InvalidField if any is unknown, repeated, empty or invalid."""
        pairs = list(pairs)
        known = cls.public_fields()
        for name, count in Counter(name for name, _ in pairs).items():
            if name not in known:
                raise InvalidField(f"{_quoted(name)} is not a parameter here; known are {', '.join(known)}.")
            if count > 1:
                raise InvalidField(f"{_quoted(name)} was given {count} times; give it once.")
        try:
            return cls.model_validate(dict(pairs))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise cls._invalid(str(first["loc"][0]), first["type"]) from None

    @classmethod
    def parse_json(cls, body: bytes) -> Self:
        """Return the fields of a JSON object. Raises InvalidField as `parse` does, and if the body is none."""
        try:
            document = json.loads(body, object_pairs_hook=_JsonObject, parse_int=_integer)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, _JsonObject):
            raise InvalidField('The body must be a JSON object, like {"prompt": "sunset over mountains"}.')
        return cls.parse(document)

    @classmethod
    def _invalid(cls, name: str, problem: str) -> InvalidField:
        accepted = cls.model_fields[name].description
        if problem == "missing":
            return InvalidField(f"{name} is required and must be {accepted}.")
        return InvalidField(f"{name} must be {accepted}.")


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_DIGITS else digits  # Python refuses to read thousands of digits


def _quoted(name: str) -> str:
    """Return a field's name as the client wrote it, in quotes, printable and short."""
    # Not `outbound.replies.printable`: that drops what is unprintable, and so would show another name.
    printable = "".join(character if character.isprintable() else "?" for character in name[:40])
    return f'"{printable}"'
