"""What is read out of any service's reply in the same way."""

import json

MAX_WORDS = 200


def json_object(body: bytes) -> dict[str, object] | None:
    """The JSON object that a body is; None where it is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def printable(words: object) -> str:
    """A service's words, made fit to be repeated in a sentence; "" where they are no text."""
    text = words if isinstance(words, str) else ""
    return "".join(character for character in text if character.isprintable()).strip(" .")[:MAX_WORDS]
