"""BLOCKED_TERMS_FILE: the words and phrases that no prompt may have."""

import logging
import re
import stat
import time
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

MAX_BYTES = 256 * 1024  # some 20,000 terms, which take 0.1 s to read
LOOK_SECONDS = 1.0  # the file is looked at for changes as often as this at most
COMMENT = "#"
MAX_MEMO = 4096

# Scripts that write no spaces between words, or join endings to them (Korean): Thai, Lao, Tibetan, Burmese, Khmer,
# Han, kana, Bopomofo and Hangul. A term in one of them is found anywhere in such a text.
SPACELESS = "\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
RUN = re.compile(f"[{SPACELESS}\U00020000-\U0003ffff]+|[^ {SPACELESS}\U00020000-\U0003ffff]+")
IS_SPACELESS = re.compile(f"[{SPACELESS}\U00020000-\U0003ffff]")

# Accents and vowel points, and what is not seen at all: a word is the same with them and without.
IGNORED = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u0640\u064b-\u065f\u0670\u115f\u1160\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\u3164\ufe00-\ufe0f\ufe20-\ufe2f\uffa0\U000e0100-\U000e01ef]"
)

Signature = tuple[int, int, int]
T = TypeVar("T")
Index = dict[str, dict[int, set[T]]]
"""Terms by their first word or character, and by their length, so that many of one beginning cost one look-up."""
NONE: Mapping[int, set[tuple[str, ...]]] = {}
MOST_LINES = 5  # that a line of the log names

log = logging.getLogger(__name__)


class BlockedTerms:
    """The terms of a file, read again when it changes. Thread-safe."""

    def __init__(self, file: Path) -> None:
        """Read the file. Raises ValueError, with a sentence, if it cannot be used."""
        self._file = file
        self._signature: Signature | None = _signature(file)
        self._terms = _terms_of(file)
        self._next_look = time.monotonic() + LOOK_SECONDS

    def found_in(self, prompt: str) -> bool:
        """Return whether a prompt has one of the terms."""
        if time.monotonic() >= self._next_look:
            self.look()
        return self._terms.found_in(prompt)

    def look(self) -> None:
        """Read the file again if it has changed. A version that cannot be used changes nothing but the log."""
        self._next_look = time.monotonic() + LOOK_SECONDS
        signature = _signature(self._file)
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._terms = _terms_of(self._file)
        except ValueError as error:
            log.warning("BLOCKED_TERMS_FILE cannot be used any more, its terms before stay blocked: %s", error)
        else:
            log.info("BLOCKED_TERMS_FILE has changed, and was read again")


class Terms:
    """Words and phrases, found in texts as whole words whatever their case, accents, spaces and punctuation."""

    def __init__(self, text: str) -> None:
        """Parse the terms, one a line. Raises ValueError if one has neither letters nor digits."""
        self._phrases: Index[tuple[str, ...]] = {}
        self._parts: Index[str] = {}
        """Terms of the scripts without spaces."""
        self.trimmed: list[int] = []
        """Lines that begin or end with punctuation, which does not count."""
        for number, line in enumerate(text.splitlines(), 1):
            term = line.strip()
            if term and not term.startswith(COMMENT):
                self._add(term, number)

    def found_in(self, text: str) -> bool:
        """Return whether a text has one of them."""
        words = words_of(text)
        phrases = self._phrases
        for at, word in enumerate(words):
            for length, terms in phrases.get(word, NONE).items():
                if tuple(words[at : at + length]) in terms:
                    return True
        return bool(self._parts) and not text.isascii() and self._has_part("".join(words))

    def _has_part(self, text: str) -> bool:
        parts = self._parts
        return any(
            text[at : at + length] in terms
            for at, char in enumerate(text)
            if char in parts
            for length, terms in parts[char].items()
        )

    def _add(self, term: str, number: int) -> None:
        words = words_of(term)
        if not words:
            raise ValueError(f"line {number} has neither a letter nor a digit; a comment begins with {COMMENT}")
        if any(unicodedata.category(char)[0] in "PS" for char in (term[0], term[-1])):
            self.trimmed.append(number)
        whole = "".join(words)
        if IS_SPACELESS.search(whole):
            self._parts.setdefault(whole[0], {}).setdefault(len(whole), set()).add(whole)
        else:
            self._phrases.setdefault(words[0], {}).setdefault(len(words), set()).add(tuple(words))


def words_of(text: str) -> list[str]:
    """Return the words of a text without what makes them look different only: case, accents, invisible characters."""
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_CHARACTERS)
    return RUN.findall(unicodedata.normalize("NFC", plain))


class _Characters(dict[int, str]):
    """A table for `str.translate`, filled as characters are met: all that belongs to no word becomes a space."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category, plain = unicodedata.category(char), " "
        if category == "Cf" or IGNORED.match(char):
            plain = ""
        elif category[0] in "LMN":
            plain = char
        if len(self) < MAX_MEMO:
            self[code] = plain
        return plain


_CHARACTERS = _Characters()


def _terms_of(file: Path) -> Terms:
    """Return the terms of a file, and log what may block more than it says. Raises ValueError as `_read` and Terms."""
    terms = Terms(_read(file))
    if lines := terms.trimmed:
        named = ", ".join(map(str, lines[:MOST_LINES])) + (", …" if len(lines) > MOST_LINES else "")
        log.warning("BLOCKED_TERMS_FILE: punctuation does not count, so these lines block the words alone: %s", named)
    return terms


def _signature(file: Path) -> Signature | None:
    """Return what changes if a file does; None if it cannot be looked at."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(file: Path) -> str:
    """Return the text of a file. Raises ValueError, with a sentence, if it cannot be used."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe would be waited for
            raise ValueError(f"{file} is no file")
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ValueError(f"{file} is larger than {MAX_BYTES // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not in UTF-8") from None
