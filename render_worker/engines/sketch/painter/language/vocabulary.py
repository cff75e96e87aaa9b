"""The vocabulary and its matcher: tokenization and the known words of a text, in any language."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_WORD = re.compile(r"[^\W_]+(?:[-'&][^\W_]+)*|[,.;:!?\n]")
_MARKS = re.compile("[\u0300-\u036f\u064b-\u0655\ufe0f]")
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\u2190-\u2bff\U0001f000-\U0001faff]")
_LONGEST_PHRASE = 4
_ARABIC_PREFIXES = ("وال", "بال", "ال", "و")

Meaning = tuple[str, str]  # a vocabulary table and a name in it


@dataclass(frozen=True)
class Vocabulary:
    """The known words, by how each is matched: whole, by their stem, or anywhere (scripts without spaces)."""

    whole: Mapping[str, tuple[Meaning, ...]]
    stems: Mapping[str, tuple[Meaning, ...]]
    anywhere: Mapping[str, tuple[Meaning, ...]]


@dataclass(frozen=True)
class Hit:
    """A recognised word: index of its first token, meanings, number of tokens, and its neighbours ("" if none)."""

    at: int
    meanings: tuple[Meaning, ...]
    size: int = 1
    word: str = ""
    before: str = ""
    after: str = ""


def fold(text: str) -> str:
    """Return the text case-folded, without accents, in its compatibility form."""
    return _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))


def load_vocabulary(path: Path) -> Vocabulary:
    """Return the vocabulary of a TOML file."""
    whole: dict[str, tuple[Meaning, ...]] = {}
    stems: dict[str, tuple[Meaning, ...]] = {}
    anywhere: dict[str, tuple[Meaning, ...]] = {}
    for table, names in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for name, words in names.items():
            for word in words.split(","):
                folded = fold(word.strip())
                target = anywhere if _UNSPACED.search(folded) else stems if folded.endswith("*") else whole
                folded = folded.rstrip("*")
                if (table, name) not in target.get(folded, ()):
                    target[folded] = (*target.get(folded, ()), (table, name))
    return Vocabulary(whole, stems, anywhere)


VOCABULARY = load_vocabulary(Path(__file__).with_name("vocabulary.toml"))


def find_words(text: str) -> list[Hit]:
    """Return every recognised word in order, each with all its meanings."""
    tokens = _split(fold(text))
    hits: list[Hit] = []
    i = 0
    while i < len(tokens):
        used, meanings = _match(tokens, i)
        if used:
            before, after = tokens[i - 1] if i else "", tokens[i + used] if i + used < len(tokens) else ""
            hits.append(Hit(i, meanings, used, tokens[i], before, after))
        i += max(1, used)
    return hits


def tokenize(text: str) -> list[str]:
    """Return the tokens of a text as they are matched."""
    return _split(fold(text))


def _split(text: str) -> list[str]:
    """Return words of spaced scripts, and the longest known runs of characters of the other scripts."""
    tokens: list[str] = []
    longest = max(len(word) for word in VOCABULARY.anywhere)
    start = i = 0
    while i < len(text):
        if not _UNSPACED.match(text[i]):
            i += 1
            continue
        tokens.extend(_WORD.findall(text[start:i]))
        size = next((n for n in range(longest, 0, -1) if text[i : i + n] in VOCABULARY.anywhere), 0)
        if size:
            tokens.append(text[i : i + size])
        i += max(1, size)
        start = i
    return tokens + _WORD.findall(text[start:])


def _match(tokens: list[str], i: int) -> tuple[int, tuple[Meaning, ...]]:
    """Return how many tokens from index i are known as one phrase, and its meanings; 0 if none is."""
    if tokens[i] in ",.;:!?\n":
        return 1, (("break", "stop"),)
    for size in range(min(_LONGEST_PHRASE, len(tokens) - i), 1, -1):
        start = " ".join(tokens[i : i + size - 1])
        for last in _forms(tokens[i + size - 1]):
            if f"{start} {last}" in VOCABULARY.whole:
                meanings = VOCABULARY.whole[f"{start} {last}"]
                return size, meanings if last == tokens[i + size - 1] else (*meanings, ("plural", last))
    meanings = _look_up(tokens[i])
    return (1, meanings) if meanings else (0, ())


def _look_up(token: str) -> tuple[Meaning, ...]:
    """Return the meanings of one token: of itself, of a form, of a stem or of a part; empty if it is unknown."""
    if token in VOCABULARY.anywhere:
        return VOCABULARY.anywhere[token]
    for form in _forms(token):
        if form in VOCABULARY.whole:
            meanings = VOCABULARY.whole[form]
            plural = form != token and token.endswith("s")
            return (*meanings, ("plural", form)) if plural and meanings[0][0] == "thing" else meanings
    for size in range(min(len(token), 14), 1, -1):
        if token[:size] in VOCABULARY.stems:
            return VOCABULARY.stems[token[:size]]
    if "-" in token or "'" in token:
        for part in re.split("[-']", token):
            if len(part) > 2 and part in VOCABULARY.whole:
                return VOCABULARY.whole[part]
    return ()


def _forms(token: str) -> list[str]:
    """Return the token and the words of which it may be a plural or a prefixed form."""
    forms = [token]
    if token.endswith("ies"):
        forms.append(token[:-3] + "y")
    if token.endswith("es"):
        forms.append(token[:-2])
    if token.endswith("s"):
        forms.append(token[:-1])
    prefixes = [prefix for prefix in _ARABIC_PREFIXES if token.startswith(prefix)]
    return forms + [token[len(prefix) :] for prefix in prefixes]
