"""The request for one picture: its recipe, how long making it may take, and which engines are asked."""

from typing import Annotated, Literal, Self

from pydantic import Field

from render_worker.contract.fields import is_none
from render_worker.contract.recipe import DIFFUSION_NAMES, Recipe

MAX_BODY_BYTES = 64 * 1024  # two texts of 2,000 characters, each character escaped as "\ud83d\ude00", and some room
CLIENT_HEADER = "X-Client-Id"  # the client, as a keyed hash of the API tier's; older workers ignore it
CLIENT_IN_FLIGHT_HEADER = "X-Client-In-Flight"  # how many requests that client has in flight at this API process
NO_REQUEST_ID = "-"
REQUEST_PART, IMAGE_PART = "request", "image"  # of the form that a request with an image travels as
MAX_IMAGE_BYTES = 50 * 1024 * 1024

Preference = Literal["fast", "free", "quality"]
"""Which engines are asked first with model=auto: those with the lowest expected latency, those whose pictures cost
nothing, or those with the best models."""

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
    prefer: Preference | None = Field(None, description="one of fast, free, quality, or left out", exclude_if=is_none)
    """It only goes with model=auto."""
    previews: Literal[True] | None = Field(None, description="true or left out", exclude_if=is_none)
    """Set if the client wants previews, which cost some services' time or money."""
    max_price: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="a number of US dollars from 0 on, or left out",
        exclude_if=is_none,
    )
    """What all attempts at the picture may cost together, in US dollars: engines whose price is higher, or not known,
    are passed over. Set for a client with a budget."""
    as_size: Literal[True] | None = Field(None, description="true or left out", exclude_if=is_none)
    """Set if the client gave width and height as `size`, by which the response then calls them."""

    @property
    def diffusion_names(self) -> list[str]:
        """Return those of DIFFUSION_NAMES that it has, sorted."""
        return sorted(name for name in DIFFUSION_NAMES if getattr(self, name) is not None)

    @property
    def size_names(self) -> list[str]:
        """Return the parameters by which the client asked for width and height."""
        given = [name for name in ("width", "height") if getattr(self, name)]
        return ["size"] if given and (self.as_size or self.size_optional) else given

    def without_size(self) -> Self:
        """Return the request for the shape alone, which every version of the worker knows."""
        return self.model_copy(
            update=dict.fromkeys(("width", "height", "aspect_ratio", "size_optional", "as_size"), None)
        )

    def without_diffusion(self) -> Self:
        """Return the request without DIFFUSION_NAMES, which a worker of an older version does not know."""
        return self.model_copy(update=dict.fromkeys(DIFFUSION_NAMES))
