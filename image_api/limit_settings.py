"""The settings of limits: the part of this tier's settings that decides how much one client may have made."""

from pathlib import Path

from pydantic import Field, field_validator

from image_api.rates import Rate, parse_rates
from render_worker.serving.environment import EnvironmentSettings


class LimitSettings(EnvironmentSettings):
    """What decides how many new pictures a client may have made, and of which prompts."""

    rate_limit: str = Field(
        "20 per 10 minutes",
        description="New pictures that a client without a key may have made, like 20 per 10 minutes or 5/minute; large"
        " and paid ones count more. Several rates have ; between them. off means any number. Clients on this machine"
        " are exempt.",
    )
    blocked_terms_file: Path | None = Field(
        None,
        description="File with words and phrases, one a line, that no prompt may have: such a request gets 422. It is"
        " read again when it changes.",
    )

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Return the rates of a client without a key; none if it may have any number of pictures made."""
        return parse_rates(self.rate_limit)

    @field_validator("rate_limit")
    @classmethod
    def _of_rates(cls, value: str) -> str:
        parse_rates(value)
        return value

    @field_validator("blocked_terms_file")
    @classmethod
    def _with_terms(cls, value: Path | None) -> Path | None:
        if value:
            from image_api.blocked_terms import Terms, read_terms  # whose patterns take 8 ms to compile

            Terms(read_terms(value))
        return value
