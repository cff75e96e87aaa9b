"""A contact sheet: what can be asked for, and its single pictures as JSON."""

import math
import secrets
from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field

from image_api.generation.options import COUNT_NAMES, GenerationOptions
from image_api.web.schemas.pictures import PicturesResult

OTHER_NAMES = {
    **GenerationOptions.other_names,
    **dict.fromkeys(("n", *COUNT_NAMES), "seeds is how many pictures are made"),
    "format": "the address ends with it, as /sheet.png does",
    **dict.fromkeys(("image", "strength"), "POST /generate takes an image to begin with, and n"),
    "previews": "an event stream of /generate has them",
}
DRAWN_BELOW = 1_000_000  # a caption of ten digits is hard to read, and to type


class SheetOptions(GenerationOptions):
    """The options of the pictures of a sheet, which have one seed after the other."""

    other_names = OTHER_NAMES
    internal_fields = GenerationOptions.internal_fields | {"n", "format", "seed_drawn", "image", "strength", "previews"}

    seeds: Literal[4, 9] = Field(4, description="4 or 9")
    """How many pictures: two rows of two, or three of three."""
    seed_drawn: bool = False
    """Whether the client left the first seed to this service, which draws one, so that the sheet can be had again."""

    @property
    def columns(self) -> int:
        """Return the number of columns, which is that of rows, too."""
        return math.isqrt(self.seeds)

    @classmethod
    def parse_query(cls, query: bytes, **fixed: object) -> Self:
        """Return the options as GenerationOptions does, but not memoised: each request draws a seed of its own."""
        return cls._parse_query(query, **fixed)

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, object]]) -> Self:
        """Return the options of name-value pairs. Raises InvalidField as GenerationOptions does."""
        options = super().parse(pairs)
        options = options.with_room_for_seeds(options.seeds, f"seeds={options.seeds}")
        drawn = options.seed < 0
        seed = secrets.randbelow(DRAWN_BELOW) if drawn else options.seed
        return options.model_copy(update={"n": options.seeds, "seed": seed, "seed_drawn": drawn})


class SheetResult(PicturesResult):
    """The pictures of a sheet, and where they are one."""

    sheet_url: str | None = None
    """The sheet of exactly these seeds; left out if the engine takes none, so that it would be another one."""
    columns: int
    rows: int
