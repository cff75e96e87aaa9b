"""The settings of limits: the part of this tier's settings that decides how much one client may have made."""

from pathlib import Path

from pydantic import Field, field_validator

from image_api.blocked_terms import BlockedTerms
from render_worker.serving.environment import EnvironmentSettings


class LimitSettings(EnvironmentSettings):
    """What decides how many new pictures a client may have made, and of which prompts."""

    rate_limit: str | None = Field(
        "20 per 10 minutes",
        description="New pictures that a client without a key may have made, like 20 per 10 minutes or 5/minute; large"
        " and paid ones count more. off means any number. Clients on this machine are exempt.",
    )
    blocked_terms_file: Path | None = Field(
        None,
        description="File with words and phrases, one a line, that no prompt may have: such a request gets 422. It is"
        " read again when it changes.",
    )

    @field_validator("blocked_terms_file")
    @classmethod
    def _with_terms(cls, value: Path | None) -> Path | None:
        if value:
            BlockedTerms(value)
        return value
