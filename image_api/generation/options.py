"""The options of one generation: what a client of /generate can ask for, in a query or in a body."""

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
RECIPE_FIELDS = set(Recipe.model_fields)  # of the options, those that decide how the picture looks


class GenerationOptions(Recipe):
    """A recipe, and how its result is cached and returned."""

    internal_fields = frozenset({"negative_prompt_optional", "cache_without_seed"})

    format: Literal["json", "redirect", "image"] | None = Field(None, description="one of json, redirect, image")
    cache: bool = Field(True, description="true or false")
    within: Within = None
    cache_without_seed: bool = False
    """Whether identical requests share a result even if they have no seed. Routes set it, not clients."""

    def recipe(self) -> Recipe:
        """Return the recipe alone."""
        return Recipe(**self.model_dump(include=RECIPE_FIELDS))

    def styled_by(self, style: Style) -> Self:
        """Return the options with both prompts in a style. Raises InvalidField if one is too long for that."""
        return self.model_copy(
            update={
                "prompt": style.applied_to(self.prompt),
                "negative_prompt": style.added_to(self.negative_prompt),
                "negative_prompt_optional": True if style.negative_prompt and not self.negative_prompt else None,
            }
        )

    @classmethod
    def parse_query(cls, query: bytes, **fixed: object) -> Self:
        """Return the options of a query string, and those that the address fixes. Raises InvalidField as `parse`."""
        # Bytes that are not UTF-8 become lone surrogates, which the field's own check refuses by name.
        text = query.decode(errors="surrogateescape")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_QUERY_FIELDS)
        except ValueError:
            raise InvalidField(f"The query must have at most {MAX_QUERY_FIELDS} parameters.") from None
        return cls.parse([*((name, cls._typed(name, text)) for name, text in pairs), *fixed.items()])

    @classmethod
    def _typed(cls, name: str, text: str) -> object:
        kind = cls.model_fields[name].annotation if name in cls.model_fields else str
        if kind in (int, int | None) and INTEGER.fullmatch(text):
            return int(text)
        if kind is bool and text in BOOLEANS:
            return BOOLEANS[text]
        if kind in (float, float | None) and NUMBER.fullmatch(text):
            return float(text)
        return text  # the field's own check says what it accepts
