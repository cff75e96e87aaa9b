"""File names of pictures: the prompt's words in any script, and the seed, as every file system takes them."""

import re
import unicodedata
from collections.abc import Iterator

MAX_CHARACTERS = 60  # of the words: letters with their marks, and hyphens
MAX_BYTES = 255  # of a whole name: NAME_MAX of Linux; Windows and macOS count units that are no shorter
DEFAULT = "picture"
# With any ending: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
RESERVED = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9¹²³]")
SYMBOLS_IN_ASCII = re.compile(r"[^a-z0-9]+")
BLANK = "\u115f\u1160\u3164\uffa0\u2800\ufffc\ufffd"  # letters and symbols that show nothing
JOINER, NON_JOINER = "\u200d", "\u200c"  # within words of Indic scripts and Persian; the first in emoji, too
DANGLING = re.compile(f"[{JOINER}{NON_JOINER}]+(?=-|$)")
SPACING_VOWELS = "\u0e33\u0eb3"  # of Thai and Lao: letters by category, marks to a reader
VIRAMA = 9  # the combining class of what joins the next consonant to the one before
SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
FLAG_LETTER = re.compile("[\U0001f1e6-\U0001f1ff]")


def file_names(prompt: str, seed: int | None, ending: str) -> tuple[str, str]:
    """Return a name of the prompt's words (letters, digits and emoji, with hyphens between), and one in ASCII.

    Neither is empty, hidden, reserved or too long, or has separators of paths or controls.
    """
    suffix = ("" if seed is None else f"-{seed}") + ending
    words = _words(unicodedata.normalize("NFC", prompt.lower()), MAX_BYTES - len(suffix))
    without_accents = unicodedata.normalize("NFKD", words.casefold()).encode("ascii", "ignore").decode().lower()
    plain = SYMBOLS_IN_ASCII.sub("-", without_accents)[:MAX_CHARACTERS].strip("-")
    return _named(words, suffix), _named(plain, suffix)


def _named(words: str, suffix: str) -> str:
    reserved = RESERVED.fullmatch((words + suffix).partition(".")[0])
    return f"{DEFAULT}-{words}{suffix}" if reserved else f"{words or DEFAULT}{suffix}"


def _words(text: str, max_bytes: int) -> str:
    """Return the words, cut between two characters as a reader counts them."""
    words = ""
    count = 0
    gap = ""
    for character in _characters(text):
        if not _is_kept(character[0]):
            gap = "-" if words else ""
            continue
        count += len(gap) + 1
        if count > MAX_CHARACTERS or len((words + gap + character).encode()) > max_bytes:
            break
        words += gap + character
        gap = ""
    return DANGLING.sub("", words)


def _characters(text: str) -> Iterator[str]:
    """Yield the characters as a reader counts them: each with its marks, conjuncts and emoji sequences whole."""
    cluster = ""
    for character in text:
        if cluster and _continues(cluster, character):
            cluster += character
        elif unicodedata.category(character) != "Cf":  # of these the joiners alone are part of a word
            if cluster:
                yield cluster
            cluster = character
    if cluster:
        yield cluster


def _continues(cluster: str, character: str) -> bool:
    """Return whether a character belongs to the one before it; a rough form of https://unicode.org/reports/tr29."""
    last = cluster[-1]
    if unicodedata.category(character).startswith("M") or character in SPACING_VOWELS:
        return True
    if character in (JOINER, NON_JOINER):
        return not last.isascii() and last not in (JOINER, NON_JOINER)
    if last == JOINER or unicodedata.combining(last) == VIRAMA:
        return _is_kept(character)
    pair = FLAG_LETTER.fullmatch(cluster) and FLAG_LETTER.match(character)
    return bool(pair or (SKIN_TONES.match(character) and _is_kept(last)))


def _is_kept(character: str) -> bool:
    category = unicodedata.category(character)
    return (category[0] in "LN" or category == "So") and character not in BLANK
