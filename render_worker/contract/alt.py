"""The alternative text of a picture, for pages that show it."""

import unicodedata

MAX_CHARACTERS = 125  # after so many some screen readers break off
MAX_WORD = 40  # characters; in a longer one, as a script without spaces has it, the text is cut within
ELLIPSIS = "\u2026"
JOINER = "\u200d"  # of two characters to one, as in emoji
FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def alternative_text(prompt: str) -> str:
    """Return a prompt as one line of at most 125 characters, cut between two words if it is longer."""
    text = " ".join(prompt.split())
    if len(text) <= MAX_CHARACTERS:
        return text
    longest = MAX_CHARACTERS - len(ELLIPSIS)
    cut = text.rfind(" ", longest - MAX_WORD, longest + 1)
    if cut < 0:
        cut = next((at for at in range(longest, 0, -1) if not _is_continued(text, at)), longest)
    return text[:cut].rstrip(" ,;:.-\u2013\u2014") + ELLIPSIS


def _is_continued(text: str, at: int) -> bool:
    """Return whether the characters before and at that index belong together."""
    mark = unicodedata.category(text[at]).startswith("M") or "\U0001f3fb" <= text[at] <= "\U0001f3ff"  # skin tones
    return mark or JOINER in text[at - 1 : at + 1] or _is_in_flag(text, at)


def _is_in_flag(text: str, at: int) -> bool:
    """Return whether an index is between the two letters of a flag, which are regional indicators."""
    letters_before = at - len(text[:at].rstrip(FLAG_LETTERS))
    return letters_before % 2 == 1 and text[at] in FLAG_LETTERS
