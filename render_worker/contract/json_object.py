"""The JSON object in a body; a body that holds none is told apart by one sentence that says what it is instead."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from render_worker.contract.errors import InvalidField

ASKED = 'It must be a JSON object in UTF-8, like {"prompt": "sunset over mountains"}.'
SIGNATURES = {
    b"\x1f\x8b": "compressed (gzip); send it uncompressed",
    b"\x28\xb5\x2f\xfd": "compressed (zstd); send it uncompressed",
    **dict.fromkeys((b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"), "compressed (deflate); send it uncompressed"),
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
FORM = re.compile(r"%7B|[A-Za-z_][\w.\[\]%-]*=", re.IGNORECASE)
QUOTES = "'\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT DOUBLE QUOTATION MARK}"
DIGITS = tuple("0123456789")
NUMBER_LETTERS = "0123456789.eExX_"
COMMENTS = ("//", "/*", "#")
PYTHON_WORDS = ("True", "False", "None")
KINDS: dict[type, str] = {list: "an array", str: "a text", bool: "a boolean", type(None): "null"}


class JsonObject(list[tuple[str, object]]):
    """A JSON object as its pairs: unlike a dict it keeps repeated names, and unlike a list it is no array."""


@dataclass(frozen=True, slots=True)
class JsonNumber:
    """A number as the JSON spells it, so that it is read by the rule by which a query's text is."""

    text: str


_DECODER = json.JSONDecoder(
    object_pairs_hook=JsonObject, parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=JsonNumber
)


def json_object(body: bytes) -> JsonObject:
    """Return the JSON object in a body. Raises InvalidField if there is none, and RecursionError if it is too deep."""
    text = _decoded(body)
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidField(_sentence(error)) from None
    if not isinstance(document, JsonObject):
        raise InvalidField(_other_document(document))
    return document


def _decoded(body: bytes) -> str:
    if body.startswith(b"--"):
        raise InvalidField(f"The body is a multipart form. {ASKED}")
    for signature, what in SIGNATURES.items():
        if body.startswith(signature):
            raise InvalidField(f"The body is {what}. {ASKED}")
    try:
        return body.decode(json.detect_encoding(body), "surrogatepass")  # a field's own check refuses surrogates
    except UnicodeDecodeError as error:
        if error.end == len(body) and error.reason == "unexpected end of data":
            raise InvalidField("The body ends in the middle of a character: it was cut off.") from None
        if body.lstrip().startswith(b"{"):
            place = f"byte {error.start + 1:,} is none of it"
            raise InvalidField(f"The body is not UTF-8 but perhaps Latin-1 ({place}); send it in UTF-8.") from None
        raise InvalidField(f"The body is binary data, perhaps compressed. {ASKED}") from None


def _other_document(document: object) -> str:
    if isinstance(document, str) and document.lstrip().startswith("{"):
        return "The body is JSON that was encoded twice, an object within a text; encode it once."
    return f"The body is {KINDS.get(type(document), 'a number')}. {ASKED}"


def _sentence(error: json.JSONDecodeError) -> str:
    """Return what is wrong with a body that is no JSON."""
    found = next(sentence for applies, sentence in FAULTS if applies(error))
    return found.format(at=f"at line {error.lineno}, column {error.colno}", asked=ASKED)


def _rest(error: json.JSONDecodeError) -> str:
    return error.doc[error.pos :]


def _after_comma(error: json.JSONDecodeError) -> bool:
    """Return whether an object or array ends after a comma; since Python 3.13 the decoder says so itself."""
    closed = _rest(error)[:1] in ("}", "]") and error.doc[: error.pos].rstrip().endswith(",")
    return closed or "trailing comma" in error.msg


def _doubled_comma(error: json.JSONDecodeError) -> bool:
    """Return whether there is a comma with nothing before it that it could end."""
    return _rest(error)[:1] == "," and error.doc[: error.pos].rstrip()[-1:] in ("", ",", "{", "[")


def _in_number(error: json.JSONDecodeError) -> bool:
    before, rest = error.doc[: error.pos][-1:], _rest(error)
    return rest[0] in "+-." or (before in DIGITS and rest[0] in NUMBER_LETTERS)


FAULTS: list[tuple[Callable[[json.JSONDecodeError], bool], str]] = [
    (lambda error: not error.doc.strip(), "The body is empty. {asked}"),
    (lambda error: FORM.match(error.doc.lstrip()) is not None, "The body is a form's fields. {asked}"),
    (
        lambda error: "control character" in error.msg and _rest(error)[:1] in ("\r", "\n"),
        "The body's JSON has a raw line break in a text {at}; write it as \\n.",
    ),
    (
        lambda error: "control character" in error.msg,
        "The body's JSON has a raw control character in a text {at}; write a tab as \\t, and leave others out.",
    ),
    (
        lambda error: error.msg.startswith("Unterminated"),
        "The body ends within a text that begins {at}: it was cut off, or a quotation mark is missing.",
    ),
    (lambda error: not _rest(error).strip(), "The body ends in the middle of its JSON, {at}: it was cut off."),
    (
        lambda error: "escape" in error.msg and _rest(error)[1:2] in ("\r", "\n"),
        "The body's JSON has a raw line break after a backslash in a text {at}; write both as \\n.",
    ),
    (
        lambda error: "escape" in error.msg,
        "The body's JSON has an unknown escape in a text {at}; write a backslash as two.",
    ),
    (_after_comma, "The body's JSON has a comma before the end of an object or array {at}; leave it out."),
    (_doubled_comma, "The body's JSON has a comma too many {at}; leave it out."),
    (lambda error: _rest(error).startswith(COMMENTS), "The body's JSON has a comment {at}, which JSON does not know."),
    (lambda error: error.msg == "Extra data", "The body goes on after the end of its JSON, {at}; send one object."),
    (
        _in_number,
        "The body's JSON has a malformed number {at}: one has no leading zero, no sign +, and digits around its point.",
    ),
    (
        lambda error: _rest(error)[0] in QUOTES or error.msg.startswith("Expecting property name"),
        "The body is no JSON {at}: names and texts stand in double quotation marks. {asked}",
    ),
    (
        lambda error: _rest(error).startswith(PYTHON_WORDS),
        "The body is no JSON {at}: it has true, false and null, not True, False and None.",
    ),
    (
        lambda error: error.msg.startswith("Expecting ','"),
        'The body is no JSON {at}: a comma is missing, or a quotation mark within a text is not written as \\".',
    ),
    (lambda error: True, "The body is no JSON {at}. {asked}"),
]
