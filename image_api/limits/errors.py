"""The errors of limits, each with its stable code, HTTP status and sentence."""

from typing import ClassVar

from image_api.errors import ApiError
from image_api.rates import Rate
from render_worker.contract import ErrorBody


class RateLimited(ApiError):
    """Raised if a client has had as many new pictures made as it may for now."""

    code = "rate_limited"
    status = 429
    hint: ClassVar[str | None] = "Ask again after that time; pictures that exist already cost nothing."
    retry_after: ClassVar[int | None] = 60

    def __init__(self, sentence: str, retry_after: int | None) -> None:
        """Take the seconds after which the same request can succeed; None if it never can."""
        super().__init__(sentence)
        self._retry_after = retry_after

    def body(self) -> ErrorBody:
        return super().body().model_copy(update={"retry_after": self._retry_after})


class TooManyAtOnce(RateLimited):
    """Raised if a request alone counts as more new pictures than its client may ever have made in one window."""

    hint: ClassVar[str | None] = "Ask for fewer or smaller pictures; those that exist already cost nothing."
    retry_after: ClassVar[int | None] = None

    def __init__(self, rate: Rate, units: int) -> None:
        super().__init__(
            f"This request counts as {units} new pictures, and {rate.amount} per {rate.period} are made for a client.",
            None,
        )


class BudgetSpent(RateLimited):
    """Raised if the pictures of a key have cost as much as they may in a day."""

    code = "budget_exhausted"
    hint: ClassVar[str | None] = "The day ends at 00:00 UTC; engines that are free may answer before."


class PromptBlocked(ApiError):
    """Raised if a prompt has one of the operator's blocked terms, which the sentence does not repeat."""

    code = "prompt_blocked"
    status = 422
    hint: ClassVar[str | None] = "Change the prompt."
