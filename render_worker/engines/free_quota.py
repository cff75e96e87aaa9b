"""The error of a quota that costs nothing."""

from render_worker.errors import QuotaExhausted


class FreeQuotaExhausted(QuotaExhausted):
    """Raised if what the service gives for nothing is used up: it comes back by itself after `retry_after`."""

    hint = "It comes back by itself: ask again then. Nothing has to be paid or set."
