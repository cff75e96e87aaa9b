"""Errors of an engine's daily budget, and of what one request may cost."""

from render_worker.errors import EngineError, QuotaExhausted


class BudgetExhausted(QuotaExhausted):
    """Raised if a picture might exceed what the operator allows an engine to cost in a day."""

    hint = "Ask again after 00:00 UTC, or with another model; the operator sets ENGINE_DAILY_BUDGET."


class OverMaxPrice(EngineError):
    """Raised if a picture may exceed the request's `max_price`, or its price is not known."""

    code = "over_budget"
    status = 429
    caused_by_request = unbilled = True
    hint = "Ask with a higher max_price, or for a model that is free."


class BudgetUnavailable(EngineError):
    """Raised if it cannot be counted what an engine has cost: then nothing is bought."""

    code = "engine_budget_unavailable"
    status = 503
    retry_after = 30
    hint = "The operator looks at REDIS_URL, or else at BUDGET_FILE."
