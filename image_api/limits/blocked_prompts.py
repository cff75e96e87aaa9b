"""The check of prompts for the operator's blocked terms."""

from pathlib import Path
from typing import TYPE_CHECKING

from image_api.limits.errors import PromptBlocked
from image_api.styles import without_style

if TYPE_CHECKING:
    from image_api.blocked_terms import BlockedTerms

BLOCKED = "prompt has words of which this service makes no pictures."


class BlockedPrompts:
    """The prompts that have a term of BLOCKED_TERMS_FILE. Thread-safe."""

    def __init__(self, file: Path | None) -> None:
        """Block none if there is no `file`. Raises ValueError if it cannot be used."""
        self._terms = _terms_of(file) if file else None

    def check(self, prompt: str, negative_prompt: str | None) -> None:
        """Raise PromptBlocked if the prompt has such a term, other than in the words of a style of this service."""
        if not self._terms or not self._terms.found_in(prompt):
            return
        _, own_words, _ = without_style(prompt, negative_prompt)  # the recipe of a lost picture has a style's words
        if self._terms.found_in(own_words):
            raise PromptBlocked(BLOCKED)


def _terms_of(file: Path) -> "BlockedTerms":
    from image_api.blocked_terms import BlockedTerms  # whose patterns take 8 ms to compile

    return BlockedTerms(file)
