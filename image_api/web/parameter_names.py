"""The names that Stable Diffusion's services have for parameters, in requests, and in the sentences of errors."""

import re
from collections.abc import Iterable, Mapping
from functools import partial

from image_api.errors import ApiError, Relayed
from render_worker.contract import InvalidField

NAMES: Mapping[str, str] = {"model": "model_id", "steps": "num_inference_steps", "n": "num_images"}
"""Theirs by ours, for those that differ."""
OWN_NAMES: Mapping[str, str] = {theirs: own for own, theirs in NAMES.items()}
LISTED = r'"?\w+"?(?:(?:, | and )"?\w+"?)*'
NAMED = (
    re.compile(rf"^{LISTED}(?= (?:must|is|was|cannot|goes|only goes)\b)"),
    re.compile(rf"\bleave {LISTED}(?= out\b)"),
    re.compile(r"\b\w+(?==)"),  # like model=auto
)
"""Where the sentence of an error names parameters."""
WORD = re.compile(r"\w+")


def in_client_words(sentence: str, names: Mapping[str, str] = NAMES) -> str:
    """Return an error's sentence with the names of parameters that the client used: `names` has them by ours."""
    for place in NAMED:
        sentence = place.sub(partial(_renamed, names), sentence)
    return sentence


def error_in_client_words(error: ApiError, names: Mapping[str, str] = NAMES) -> ApiError:
    """Return an error whose sentence names parameters as the client did."""
    body = error.body()
    sentence = in_client_words(body.error, names)
    return error if sentence == body.error else Relayed(body.model_copy(update={"error": sentence}), error.status)


def names_of_client(names: Iterable[str] | None) -> list[str] | None:
    """Return names of parameters as the client knows them, sorted; None if there are none."""
    return sorted(NAMES.get(name, name) for name in names or ()) or None


def in_own_names(pairs: Iterable[tuple[str, object]]) -> tuple[list[tuple[str, object]], dict[str, str]]:
    """Return name-value pairs in our names, and which of theirs stood there, by ours.

    Raises InvalidField if a parameter is given by both of its names.
    """
    pairs = list(pairs)
    used = {OWN_NAMES[name]: name for name, _ in pairs if name in OWN_NAMES}
    for name, _ in pairs:
        if name in used:
            raise InvalidField(f"{name} must be left out with {used[name]}, which is another name of it.")
    return [(OWN_NAMES.get(name, name), value) for name, value in pairs], used


def _renamed(names: Mapping[str, str], found: re.Match[str]) -> str:
    return WORD.sub(lambda word: names.get(word[0], word[0]), found[0])
