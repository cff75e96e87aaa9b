"""The request: all that decides how a picture looks, and how long making it may take."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from render_worker.contract.fields import MAX_TEXT, Fields, Text

MAX_BODY_BYTES = 64 * 1024  # two texts of 2,000 characters, each character escaped as "\ud83d\ude00", and some room
CLIENT_HEADER = "X-Client-Id"  # the client, as a keyed hash of the API tier's; older workers ignore it
MAX_SEED = 2**31 - 1
NO_REQUEST_ID = "-"
LOSSLESS = 100  # of `output_compression`

Shape = Literal["portrait", "landscape", "square"]
SIZES: dict[Shape, tuple[int, int]] = {"portrait": (512, 768), "landscape": (768, 512), "square": (768, 768)}
"""Width and height in pixels of each shape, as Perchance makes them."""

OutputFormat = Literal["png", "jpeg", "webp"]


Within = Annotated[
    float | None,
    Field(
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="a number of seconds above 0, 3,600 at most; it only goes with model=auto",
    ),
]
"""Seconds that the client would wait: engines with a higher expected latency are not asked. It is no deadline."""


def _auto_in_lower_case(model: str) -> str:
    """Return the name; a word of ours may come in any case, but an engine's models may differ by it."""
    return model.lower() if model.lower() == "auto" else model


class Recipe(Fields):
    """All that decides how a picture looks."""

    prompt: Text = Field(description=f"a text of 1 to {MAX_TEXT:,} characters in UTF-8 without control characters")
    negative_prompt: Text | None = Field(
        None, description=f"a text of 1 to {MAX_TEXT:,} characters in UTF-8 without control characters, or left out"
    )
    seed: int = Field(-1, ge=-1, le=MAX_SEED, description=f"an integer from -1 (random) to {MAX_SEED}")
    guidance_scale: Annotated[float, AfterValidator(abs)] = Field(  # abs: -0 is 0
        7.0, ge=0, le=20, allow_inf_nan=False, description="a number from 0 to 20"
    )
    shape: Shape = Field("square", description="one of portrait, landscape, square")
    model: Annotated[str, AfterValidator(_auto_in_lower_case)] = Field(
        "auto", pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$", description="auto or a name from /models"
    )
    output_format: OutputFormat = Field("png", description="one of png, jpeg, webp")
    output_compression: int | None = Field(
        None,
        ge=0,
        le=100,
        description="an integer from 0 to 100 (the quality of jpeg and webp), 100 with png, or left out",
        exclude_if=lambda value: value is None,
    )
    negative_prompt_optional: Literal[True] | None = Field(
        None, description="true or left out", exclude_if=lambda value: value is None
    )
    """Set if the negative prompt belongs to a style: an engine without negative prompts drops it without a note."""

    @field_validator("output_compression")
    @classmethod
    def _goes_with_format(cls, value: int | None, info: ValidationInfo) -> int | None:
        """Return None for a PNG, which is always lossless. Raises ValueError if it is to be compressed with a loss."""
        if info.data.get("output_format") != "png":
            return value
        if value not in (None, LOSSLESS):
            raise ValueError("a PNG has no quality")
        return None

    def with_seed_used(self, seed: int | None) -> "Recipe":
        """Return the recipe by which the same picture is made again, given the seed that its engine used.

        The recipe's own seed stays, and so does a random one if the engine does not return the seed that it used.
        """
        used = seed if seed is not None and 0 <= seed <= MAX_SEED and self.seed < 0 else self.seed
        return Recipe(**{**self.model_dump(include=set(Recipe.model_fields)), "seed": used})

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        return SIZES[self.shape]


class GenerateRequest(Recipe):
    """A request for one picture, with its timeout. The tiers' clocks may differ: the time is a duration, no moment.

    It is idempotent: when it is sent again with the same id and recipe, it gets the result of the first one.
    """

    request_id: str = Field(
        NO_REQUEST_ID, pattern=r"^[A-Za-z0-9-]{1,64}$", description="up to 64 letters, digits and hyphens"
    )
    timeout_seconds: float = Field(
        300.0, gt=0, le=3600, allow_inf_nan=False, description="a number of seconds above 0, 3,600 at most"
    )
    within: Within = None
