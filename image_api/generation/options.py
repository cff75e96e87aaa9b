"""What a caller of /generate can say, in an address or in a body."""

import re
from typing import Literal, Self
from urllib.parse import parse_qsl

from pydantic import Field

from image_api.styles import Style
from render_worker.contract import InvalidField, Recipe, Within

INTEGER = re.compile(r"-?[0-9]{1,12}")
NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,20})?")
BOOLEANS = {"true": True, "false": False}
MAX_QUERY_FIELDS = 100


class GenerationOptions(Recipe):
    """A recipe, and how the caller wants to be answered."""

    internal_fields = frozenset({"negative_prompt_optional"})

    format: Literal["json", "redirect", "image"] | None = Field(None, description="one of json, redirect, image")
    cache: bool = Field(True, description="true or false")
    within: Within = None

    def styled_by(self, style: Style) -> Self:
        """The same in a style's words; InvalidField where they leave no room for the prompt."""
        return self.model_copy(
            update={
                "prompt": style.applied_to(self.prompt),
                "negative_prompt": style.negative_prompt,
                "negative_prompt_optional": True if style.negative_prompt else None,
            }
        )

    @classmethod
    def parse_query(cls, query: bytes) -> Self:
        """Read the part of an address behind the question mark; InvalidField as in `parse`."""
        # What is no UTF-8 becomes lone surrogates, which the field's own check refuses by name.
        text = query.decode(errors="surrogateescape")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_QUERY_FIELDS)
        except ValueError:
            raise InvalidField(f"The query must have at most {MAX_QUERY_FIELDS} parameters.") from None
        return cls.parse((name, cls._typed(name, text)) for name, text in pairs)

    @classmethod
    def _typed(cls, name: str, text: str) -> object:
        kind = cls.model_fields[name].annotation if name in cls.model_fields else str
        if kind is int and INTEGER.fullmatch(text):
            return int(text)
        if kind is bool and text in BOOLEANS:
            return BOOLEANS[text]
        if kind in (float, float | None) and NUMBER.fullmatch(text):
            return float(text)
        return text  # no number: the field's own check says what it wants
