"""Reading a client's fields: unknown, repeated and invalid ones are refused by name."""

import operator
import re
from collections.abc import Iterable, Mapping
from functools import cache, partial
from types import NoneType
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError, WithJsonSchema
from pydantic.fields import FieldInfo

from render_worker.contract.errors import InvalidField
from render_worker.contract.json_object import json_object
from render_worker.contract.trackers import is_tracker
from render_worker.contract.values import Reader, read, reader_of

MAX_TEXT = 2_000
_CONTROL = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
TEXT_PATTERN = rf"^[^{_CONTROL}]*[^{_CONTROL}\s][^{_CONTROL}]*$"
"""What the checks of a text are as a pattern: no control character, and one at least that is not trimmed."""


_HAS_CONTROL = re.compile(f"[{_CONTROL}]")


def _without_control_characters(text: str) -> str:
    if _HAS_CONTROL.search(text):
        raise ValueError("control character")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT),
    AfterValidator(_without_control_characters),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": TEXT_PATTERN}),
]


is_none = partial(operator.is_, None)
"""Return whether a value is None. A field that is left out then is asked so at each dump, which C does fastest."""


class Fields(BaseModel):
    """A client's fields. Each field's description ends the sentence "<name> must be …"."""

    # Its validator is built when it is first used: most are of rarely used routes.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)
    internal_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that only the other tier may set; clients of this model cannot."""

    other_names: ClassVar[Mapping[str, str]] = {}
    """What other services and routes call what these fields are, in lower case, each with what to send in its place.
    Each ends the sentence "<name> is not a parameter here; …"."""

    @classmethod
    def public_fields(cls) -> dict[str, FieldInfo]:
        """Return the fields that clients can set, by name."""
        return {name: field for name, field in cls.model_fields.items() if name not in cls.internal_fields}

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        """Return the fields of name-value pairs, of a query or of JSON alike.

        Raises InvalidField if any is unknown and no tracker, or repeated, or invalid.
        """
        readers = _readers(cls)
        given: dict[str, list[object]] = {}
        for name, value in pairs:
            if name in readers:
                given.setdefault(name, []).append(value)
            elif not is_tracker(name):
                raise cls.unknown(name)
        for name, values in given.items():
            if len(values) > 1:
                raise InvalidField(f"{_quoted(name)} was given {len(values)} times; give it once.")
        found = {name: read(readers[name], value) for name, (value,) in given.items()}
        return cls._validated({name: value for name, value in found.items() if value is not None})

    @classmethod
    def parse_json(cls, body: bytes) -> Self:
        """Return the fields of a JSON object. Raises InvalidField as `parse` does, and if the body is none."""
        try:
            return cls.parse(json_object(body))
        except RecursionError:
            raise InvalidField("The body is nested too deeply.") from None

    @classmethod
    def unknown(cls, name: str) -> InvalidField:
        """Return the refusal of a field that is not known, which says what to send in its place."""
        instead = cls.other_names.get(name.lower()) or f"known are {', '.join(cls._accepted())}"
        return InvalidField(f"{_quoted(name)} is not a parameter here; {instead}.")

    @classmethod
    def _accepted(cls) -> Iterable[str]:
        """Return the names of the public fields, but for those that are known only to be refused."""
        return (name for name, field in cls.public_fields().items() if field.annotation is not NoneType)

    @classmethod
    def _validated(cls, values: dict[str, object]) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise cls._invalid(str(first["loc"][0]), first["type"]) from None

    @classmethod
    def _invalid(cls, name: str, problem: str) -> InvalidField:
        accepted = cls.model_fields[name].description
        if problem == "missing":
            return InvalidField(f"{name} is required and must be {accepted}.")
        return InvalidField(f"{name} must be {accepted}.")


@cache
def _readers(cls: type[Fields]) -> dict[str, Reader]:
    """Return the readers of a model's public fields, by name."""
    return {name: reader_of(field.annotation) for name, field in cls.public_fields().items()}


def _quoted(name: str) -> str:
    """Return a field's name as the client wrote it, in quotes, printable and short."""
    # Not `outbound.replies.printable`: that drops what is unprintable, and so would show another name.
    printable = "".join(character if character.isprintable() else "?" for character in name[:40])
    return f'"{printable}"'
