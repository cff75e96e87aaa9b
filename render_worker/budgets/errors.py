"""Errors of an engine's daily budget."""

from render_worker.errors import EngineError, QuotaExhausted


class BudgetExhausted(QuotaExhausted):
    """Raised if a picture might exceed what the operator allows an engine to cost in a day."""

    hint = "Ask again after 00:00 UTC, or with another model; the operator sets ENGINE_DAILY_BUDGET."


class BudgetUnavailable(EngineError):
    """Raised if it cannot be counted what an engine has cost: then nothing is bought."""

    code = "engine_budget_unavailable"
    status = 503
    retry_after = 30
    hint = "The operator looks at REDIS_URL, or else at BUDGET_FILE."
