"""The server's checkpoints: one that it does not have is silently ignored there, so it is looked up before."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from render_worker.errors import EngineNotConfigured, UnexpectedReply
from render_worker.outbound.exchange import Reply
from render_worker.outbound.replies import printable

MOST_NAMED = 5  # in a sentence
HASH_AT_END = re.compile(r" \[\w+\]$")
FILE_ENDING = re.compile(r"\.(?:safetensors|ckpt|gguf|pth?|bin|sft)$", re.IGNORECASE)
FOLDERS = re.compile(r"^.*[/\\]")
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")  # as the recipe's `model` must be


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of the server."""

    title: str
    """By which every one of these servers knows it."""
    names: frozenset[str]
    """By which a person may know it."""


def find(wanted: str, reply: Reply) -> Checkpoint:
    """Return the checkpoint of a name, of those that the server lists.

    Raises EngineNotConfigured if it has none of that name, UnexpectedReply if the reply is no such list.
    """
    found = list(_checkpoints(reply))
    for match in (lambda it: it.title == wanted, lambda it: wanted.casefold() in it.names):
        if checkpoint := next(filter(match, found), None):
            return checkpoint
    known = ", ".join(printable(it.title) for it in found[:MOST_NAMED]) or "none"
    more = ", …" if len(found) > MOST_NAMED else ""
    raise EngineNotConfigured(f"AUTOMATIC1111_MODEL names no checkpoint of its server, which has {known}{more}.")


def model_name(configured: str | None) -> str | None:
    """Return the name by which clients may ask for the configured checkpoint; None if there is none that fits."""
    name = FILE_ENDING.sub("", HASH_AT_END.sub("", (configured or "").strip()))
    return name if MODEL_NAME.fullmatch(name) and name.lower() != "auto" else None


def _checkpoints(reply: Reply) -> Iterator[Checkpoint]:
    try:
        listed = json.loads(reply.body)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list):
        raise UnexpectedReply(f"{reply.service} answered no list of checkpoints.")
    for entry in listed:
        if isinstance(entry, dict) and isinstance(title := entry.get("title"), str) and title:
            yield Checkpoint(title, frozenset(_names(entry)))


def _names(entry: dict[str, object]) -> Iterator[str]:
    """Yield each name of a checkpoint, in small letters: with and without folder, ending and hash."""
    for field in ("title", "model_name", "filename", "hash", "sha256"):
        if isinstance(whole := entry.get(field), str) and whole:
            for name in (whole, HASH_AT_END.sub("", whole)):
                file = FOLDERS.sub("", name)
                yield from (it.casefold() for it in (name, FILE_ENDING.sub("", name), file, FILE_ENDING.sub("", file)))
