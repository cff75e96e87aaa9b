"""What the families below /v1/images have in common: a prompt, its style, and the four ways to ask for a size."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field

from image_api.generation.options import GenerationOptions
from image_api.styles import StyleName
from render_worker.contract import (
    OPEN,
    AspectRatio,
    Fields,
    GenerateResult,
    Preference,
    Recipe,
    Size,
    Text,
    Within,
    alternative_text,
    is_side,
    nearest_shape,
    proportion_of,
    size_of,
    to_side,
)

LIKE = Recipe.model_fields
"""What /generate accepts, by name."""


def like(name: str) -> str:
    """Return what /generate accepts as the parameter of that name."""
    return Recipe.model_fields[name].description or ""


def if_left_out(value: str | float | bool) -> Any:
    """Return what tells documents the default of a field that is None without one, as OpenAI's clients send null."""
    return Field(json_schema_extra={"default": value})


class PictureRequest(Fields):
    """A picture of a prompt. Width and height win over `size`, and so does an aspect ratio that is not its own."""

    prompt: Text = Field(description=like("prompt"))
    style: StyleName | None = Field(None, description=GenerationOptions.model_fields["style"].description)
    aspect_ratio: AspectRatio | None = Field(None, description=like("aspect_ratio"))
    """The proportion, of any size or with a width or a height; 1:1 if nothing says the size."""
    size: Annotated[str | None, if_left_out(OPEN)] = Field(
        None,
        pattern=r"^([Aa][Uu][Tt][Oo]|[1-9][0-9]{1,3}[Xx][1-9][0-9]{1,3})$",
        description=f"{OPEN}, or a width and a height from 10 to 9999, like 1024x1024",
    )
    """A wish, because clients of such routes always send one: another size is in `ignored`."""
    width: Annotated[int | None, LIKE["width"]] = None
    height: Annotated[int | None, LIKE["height"]] = None
    within: Within = None
    prefer: Preference | None = Field(None, description=GenerationOptions.model_fields["prefer"].description)

    @property
    def wished_size(self) -> Size | None:
        """Return the width and height that `size` gives, if it gives any."""
        return None if self.size is None or self.size.lower() == OPEN else size_of(self.size)

    def options_with(self, fields: Mapping[str, object]) -> GenerationOptions:
        """Return the options of /generate that these fields, left out if they are None, and the request's own are.

        Raises InvalidField as `parse` does, or if the style leaves no room for the prompt.
        """
        wish = self._granted_wish()
        chosen = {"within": self.within, "prefer": self.prefer}
        given = {"prompt": self.prompt, "style": self.style, **fields, **chosen, **self._size_fields(wish)}
        options = GenerationOptions.parse((name, value) for name, value in given.items() if value is not None)
        return options.model_copy(update={"size_optional": True if wish else None})

    @property
    def alt(self) -> str:
        """Return the picture's alternative text, without the words of the style."""
        return alternative_text(self.prompt)

    def ignored(self, result: GenerateResult) -> list[str] | None:
        """Return what was ignored of the request: `size` if it is not the picture's, an aspect ratio only then."""
        names, made = set(result.ignored or ()) - {"size"}, (result.width, result.height)
        if self.wished_size not in (None, made):
            names.add("size")
        if self.aspect_ratio and proportion_of(self.aspect_ratio) == Fraction(*made):  # an older worker's shape
            names.discard("aspect_ratio")
        return sorted(names) or None

    def _size_fields(self, wish: Size | None) -> dict[str, object]:
        width, height = wish or (self.width, self.height)
        fields: dict[str, object] = {"width": width, "height": height, "aspect_ratio": self.aspect_ratio}
        if self.wished_size and not any(value is not None for value in fields.values()):
            return {"shape": nearest_shape(Fraction(*self.wished_size))}
        return fields

    def _granted_wish(self) -> Size | None:
        """Return what `size` gives if engines may be asked for that: else it only says the shape, or nothing at all."""
        size = self.wished_size
        if size is None or self.width is not None or self.height is not None or not all(map(is_side, size)):
            return None
        return size if self.aspect_ratio is None or _has_ratio(size, self.aspect_ratio) else None


def _has_ratio(size: Size, aspect_ratio: str) -> bool:
    """Return whether a size has an aspect ratio, as nearly as its step allows."""
    width, height = size
    return to_side(width / proportion_of(aspect_ratio)) == height
