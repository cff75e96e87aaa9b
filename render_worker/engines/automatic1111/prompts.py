"""Prompts that are code for these servers, so that they mean their words.

The web UI's modules/prompt_parser.py has weights `(x:1.2)`, `[x]`, schedules `[a:b:0.5]`, `[a|b]`, and an escape for
them, a backslash, which stable-diffusion.cpp's parser and SD.Next's have as well. Its `AND` and `BREAK` are code in
capitals alone, and CLIP reads small letters. It takes a number after a last colon for the prompt's weight, "10:30" too.
The rest has no escape: it is refused.
"""

import re

from render_worker.contract import Recipe
from render_worker.errors import InvalidParameter
from render_worker.outbound.replies import printable

BRACKETS = re.compile(r"[\\()\[\]]")
KEYWORDS = re.compile(r"\b(?:AND(?:_[A-Z]+)?|BREAK)\b")
LAST_WEIGHT = re.compile(r"(:\s*)(?=[-+]?(?:\d+\.?|\d*\.\d+)\s*$)")
WITHOUT_ESCAPE = {
    "an extra network or style": re.compile(r"<\w+:[^>]*>?"),  # the web UI's modules/extra_networks.py
    "arguments of its own": re.compile(r"</?\s*sd_cpp_extra_args", re.IGNORECASE),  # of stable-diffusion.cpp
    "a wildcard": re.compile(r"__[^_\s](?:[^\n]*?[^_\s])?__"),  # SD.Next, and the extension sd-dynamic-prompts
    "a choice": re.compile(r"\{[^{}|]*\|[^{}]*\}|\$\{"),  # likewise
}
MAX_SHOWN = 40
COMMENT = "#"  # what follows it is left out, if the web UI's option of modules/processing_scripts/comments.py is on


def texts_of(recipe: Recipe) -> dict[str, str]:
    """Return the prompt and the negative prompt as these servers write their words.

    Raises InvalidParameter, which names the field, if one of them holds code that has no escape.
    """
    texts = {"prompt": recipe.prompt, "negative_prompt": recipe.negative_prompt or ""}
    for name, text in texts.items():
        _require_words(name, text)
    return {name: escaped(text) for name, text in texts.items()}


def require_no_comment(recipe: Recipe) -> None:
    """Raise InvalidParameter, which names the field, if one of the texts holds the beginning of a comment."""
    for name, text in (("prompt", recipe.prompt), ("negative_prompt", recipe.negative_prompt or "")):
        if COMMENT in text:
            raise InvalidParameter(
                f"{name} must not hold {COMMENT}, after which engine automatic1111's server leaves out the rest; write"
                " it otherwise."
            )


def escaped(text: str) -> str:
    """Return the text as these servers write its words."""
    small = KEYWORDS.sub(lambda found: found[0].lower(), text)
    return LAST_WEIGHT.sub(r"\1\\", BRACKETS.sub(r"\\\g<0>", small))


def _require_words(name: str, text: str) -> None:
    for meaning, code in WITHOUT_ESCAPE.items():
        if found := code.search(text):
            raise InvalidParameter(
                f"{name} must not hold {printable(found[0], MAX_SHOWN)}, which engine automatic1111's server takes for"
                f" {meaning}; write it otherwise."
            )
