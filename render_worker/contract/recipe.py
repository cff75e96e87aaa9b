"""The recipe: all that decides how a picture looks."""

import hashlib
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, WithJsonSchema, field_validator

from render_worker.contract.errors import InvalidField
from render_worker.contract.fields import MAX_TEXT, Fields, Text, is_none
from render_worker.contract.sizes import (
    MAX_SIDE,
    MIN_SIDE,
    RATIO_PATTERN,
    SIDE_STEP,
    Shape,
    Size,
    is_side,
    nearest_shape,
    proportion_of,
    to_side,
)

MAX_SEED = 2**31 - 1
AUTO = "auto"  # the model that is whichever engine can answer
OPEN = "auto"  # of a size or an aspect ratio: as left out
LOSSLESS = 100  # of `output_compression`
MAX_STEPS = 100
MODEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$"
LORA_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$"

DIFFUSION_NAMES = frozenset({"steps", "scheduler", "lora_path", "lora_scale"})
"""Parameters that only engines honour which run the model themselves."""

SIDE = f"a multiple of {SIDE_STEP} from {MIN_SIDE} to {MAX_SIDE:,}, or left out"

StoredFormat = Literal["png", "jpeg", "webp"]
OutputFormat = Literal[StoredFormat, "auto"]
"""`auto`: JPEG if the engine's file is one, else PNG."""


def _auto_in_lower_case(model: str) -> str:
    """Return the name; a word of ours may come in any case, but an engine's models may differ by it."""
    return model.lower() if model.lower() == AUTO else model


def _aspect_ratio(text: str) -> str | None:
    """Return an aspect ratio, None for `auto`. Raises ValueError if it is none."""
    if text.lower() == OPEN:
        return None
    proportion_of(text)
    return text


def below_its_folder(name: str) -> str:
    """Return a name of folders and a file. Raises ValueError if it leaves the folder that it is relative to."""
    if not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise ValueError("a name with an empty part, or with dots alone")
    return name


AspectRatio = Annotated[
    str, AfterValidator(_aspect_ratio), WithJsonSchema({"type": "string", "pattern": RATIO_PATTERN})
]


class Recipe(Fields):
    """All that decides how a picture looks."""

    prompt: Text = Field(description=f"a text of 1 to {MAX_TEXT:,} characters in UTF-8 without control characters")
    """What the picture shows. It is trimmed, and may have line breaks and tabs."""
    negative_prompt: Text | None = Field(
        None, description=f"a text of 1 to {MAX_TEXT:,} characters in UTF-8 without control characters, or left out"
    )
    """What to avoid."""
    seed: int = Field(-1, ge=-1, le=MAX_SEED, description=f"an integer from -1 (random) to {MAX_SEED}")
    """An identical request with the same seed gets the same picture."""
    guidance_scale: Annotated[float, AfterValidator(abs)] = Field(  # abs: -0 is 0
        7.0, ge=0, le=20, allow_inf_nan=False, description="a number from 0 to 20"
    )
    """How closely to follow the prompt; 7 asks for nothing special. Perchance gets 1 if it is less."""
    shape: Shape = Field("square", description="one of portrait, landscape, square")
    """A proportion in the engine's own size: 2:3, 3:2 or 1:1."""
    width: int | None = Field(
        None, ge=MIN_SIDE, le=MAX_SIDE, multiple_of=SIDE_STEP, description=SIDE, exclude_if=is_none
    )
    """Pixels, with `height` or `aspect_ratio`."""
    height: int | None = Field(
        None, ge=MIN_SIDE, le=MAX_SIDE, multiple_of=SIDE_STEP, description=SIDE, exclude_if=is_none
    )
    """Pixels, with `width` or `aspect_ratio`."""
    aspect_ratio: AspectRatio | None = Field(
        None,
        description=f"{OPEN}, a ratio from 1:4 to 4:1, like 16:9, or left out",
        exclude_if=is_none,
    )
    """The proportion, of any size or with a width or a height."""
    size_optional: Literal[True] | None = Field(None, description="true or left out", exclude_if=is_none)
    """Set if width and height are a wish: an engine that cannot make them makes the shape, and is not asked later."""
    model: Annotated[str, AfterValidator(_auto_in_lower_case)] = Field(
        "auto", pattern=MODEL_PATTERN, description="auto or a name from /models"
    )
    """The engine that makes the picture, one of its models, or whichever can."""
    output_format: OutputFormat = Field("png", description="one of png, jpeg, webp, auto")
    """The stored file. `auto`: as the engine made it, and each client gets what its `Accept` prefers."""
    output_compression: int | None = Field(
        None,
        ge=0,
        le=100,
        description="an integer from 0 to 100 (the quality of jpeg and webp), 100 with png, or left out",
        exclude_if=is_none,
    )
    """The quality of a `jpeg` or `webp`, and of what `auto` becomes: 90, 85 if left out. A `png` keeps every pixel."""
    image: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        description="the SHA-256 of a picture, in lower-case hexadecimal digits, or left out",
        exclude_if=is_none,
    )
    """The picture to begin with, by its digest. Its bytes are `image_data`."""
    strength: float | None = Field(
        None,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="a number above 0, 1 at most, and goes with image only",
        exclude_if=is_none,
    )
    """How far the picture may depart from `image`; if left out, the engine decides."""
    steps: int | None = Field(
        None,
        ge=1,
        le=MAX_STEPS,
        description=f"an integer from 1 to {MAX_STEPS}, or left out",
        exclude_if=is_none,
    )
    """Denoising steps; if left out, the engine decides."""
    scheduler: str | None = Field(
        None,
        pattern=r"^[A-Za-z][A-Za-z0-9_+-]{0,59}$",
        description="the name of a scheduler, like euler or dpmpp_2m, or left out",
        exclude_if=is_none,
    )
    """By which the steps are computed; if left out, the model's own."""
    lora_path: Annotated[str, AfterValidator(below_its_folder)] | None = Field(
        None,
        pattern=LORA_PATTERN,
        description="the name of a LoRA from /v1/loras/list, or left out",
        exclude_if=is_none,
    )
    """The LoRA that is added to the model."""
    lora_scale: float | None = Field(
        None,
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="a number from 0 to 2, and goes with lora_path only",
        exclude_if=is_none,
    )
    """Its weight; 1 if left out."""
    negative_prompt_optional: Literal[True] | None = Field(None, description="true or left out", exclude_if=is_none)
    """Set if the negative prompt belongs to a style: an engine without negative prompts drops it without a note."""

    _image_data: bytes = PrivateAttr(b"")

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        """Return the recipe of name-value pairs, its shape being the nearest to the size or aspect ratio, if given.

        Raises InvalidField as Fields does, or if two contradict each other.
        """
        return super().parse(pairs)._checked()

    @field_validator("output_compression")
    @classmethod
    def _goes_with_format(cls, value: int | None, info: ValidationInfo) -> int | None:
        """Return None for a PNG, which is always lossless. Raises ValueError if it is to be compressed with a loss."""
        if info.data.get("output_format") != "png":
            return value
        if value not in (None, LOSSLESS):
            raise ValueError("a PNG has no quality")
        return None

    def with_image(self, data: bytes) -> Self:
        """Return the recipe with a picture to begin with."""
        copy = self.model_copy(update={"image": hashlib.sha256(data).hexdigest()})
        copy._image_data = data
        return copy

    @property
    def image_data(self) -> bytes:
        """Return the bytes of the picture to begin with; b"" if there is none, or if only its digest is known."""
        return self._image_data

    def with_seed_used(self, seed: int | None) -> "Recipe":
        """Return the recipe by which the same picture is made again, given the seed that its engine used.

        The recipe's own seed stays, and so does a random one if the engine does not return the seed that it used.
        """
        used = seed if seed is not None and 0 <= seed <= MAX_SEED and self.seed < 0 else self.seed
        recipe = self if type(self) is Recipe else Recipe(**self.model_dump(include=set(Recipe.model_fields)))
        return recipe.model_copy(update={"seed": used})

    @property
    def size_required(self) -> bool:
        """Return whether a picture of another size than the exact one, if there is one, is a failure."""
        return self.model != AUTO and not self.size_optional

    @property
    def exact_size(self) -> Size | None:
        """Return width and height in pixels if both are given, or one of them and the aspect ratio; else None."""
        if self.width and self.height:
            return self.width, self.height
        return next(iter(self._sizes_by_proportion()), None)

    @property
    def proportion(self) -> Fraction | None:
        """Return width divided by height as the aspect ratio gives it; None if it is not given."""
        return proportion_of(self.aspect_ratio) if self.aspect_ratio else None

    def _sizes_by_proportion(self) -> list[Size]:
        """Return the sizes that the aspect ratio gives with the width, and with the height, as far as it has those."""
        if not (proportion := self.proportion):
            return []
        by_width = [(self.width, to_side(self.width / proportion))] if self.width else []
        return by_width + ([(to_side(self.height * proportion), self.height)] if self.height else [])

    def _checked(self) -> Self:
        """Return the recipe with its shape. Raises InvalidField if two of its parameters contradict each other."""
        if self.strength is not None and self.image is None:
            raise InvalidField("strength goes with image only; leave it out, or send the image.")
        if self.lora_scale is not None and self.lora_path is None:
            raise InvalidField("lora_scale goes with lora_path only; leave it out, or name the LoRA.")
        return self._with_its_shape()

    def _with_its_shape(self) -> Self:
        """Return the recipe with the shape nearest to its size. Raises InvalidField if two contradict each other."""
        size = self._checked_size()
        proportion = Fraction(*size) if size else self.proportion
        if proportion is None:
            return self
        shape = nearest_shape(proportion)
        if "shape" in self.model_fields_set and self.shape != shape:
            raise InvalidField(f"shape must be {shape} with this size or aspect ratio, or left out.")
        return self.model_copy(update={"shape": shape})

    def _checked_size(self) -> Size | None:
        """Return the exact size, if any. Raises InvalidField if it is incomplete, out of bounds or contradictory."""
        size = self.exact_size
        if size is None:
            for given, missing in (("width", "height"), ("height", "width")):
                if getattr(self, given):
                    raise InvalidField(f"{missing} is required with {given}, or aspect_ratio in its place.")
            return None
        for name, pixels in zip(("width", "height"), size, strict=True):
            if not is_side(pixels):
                raise InvalidField(
                    f"aspect_ratio must give a {name} from {MIN_SIDE} to {MAX_SIDE:,}, and here it gives {pixels:,};"
                    " ask for another size."
                )
        if self.aspect_ratio and size not in self._sizes_by_proportion():
            raise InvalidField("aspect_ratio must be that of the width and height asked for, or left out.")
        return size
