"""A service's words as errors and the log may repeat them: without the request's texts, and without secrets."""

import contextlib
import contextvars
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from render_worker.outbound.replies import MAX_WORDS, printable

MAX_READ = 2000  # characters that are looked through: a secret may go on where the words are cut
RUN = 12  # characters in a row, spaces apart, by which a text or a key is known again if it is cut, wrapped or escaped
LEAST = 4  # a shorter text is in every sentence by chance

_private: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("private", default=())


@contextlib.contextmanager
def kept_private(*texts: str | None) -> Iterator[None]:
    """Let `repeatable` hold back words that repeat one of the texts, within this and in tasks that begin in it."""
    token = _private.set((*_private.get(), *(text for text in texts if text)))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # closed by the garbage collector, in a context that has none of this
            _private.reset(token)


def repeatable(words: object, max_length: int = MAX_WORDS, *, secrets: Iterable[str] = ()) -> str:
    """Return a service's words so that they can be repeated within a sentence.

    Returns "" if they are no text, or repeat a secret or what is `kept_private`, be it in part.
    """
    if not isinstance(words, str):
        return ""
    read = unquote(words[:MAX_READ])
    if any(_repeats(read, unquote(secret)) for secret in (*secrets, *_private.get())):
        return ""
    return printable(words[:MAX_READ], max_length)


def _repeats(words: str, secret: str) -> bool:
    bare = _bare(secret)
    if len(bare) >= RUN:
        read = _bare(words)
        return any(read[start : start + RUN] in bare for start in range(len(read) - RUN + 1))
    whole = " ".join(secret.split()).casefold()
    spaced = " ".join(words.split()).casefold()
    return len(bare) >= LEAST and bool(re.search(rf"(?<!\w){re.escape(whole)}(?!\w)", spaced))


def _bare(text: str) -> str:
    """Return what is left of a text when it is wrapped, or stripped of what cannot be printed."""
    return "".join(it for it in text.casefold() if it.isprintable() and not it.isspace())
