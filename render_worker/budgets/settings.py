"""Settings of prices and daily budgets."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from render_worker.budgets.amounts import Amounts
from render_worker.serving.celery_address import is_redis
from render_worker.setting_types import SettingsPart


class BudgetSettings(SettingsPart):
    """What pictures cost, what engines may cost in a day, and where that is counted."""

    title = "Prices and budgets"

    engine_prices: Amounts = Field(
        {},
        description="US dollars that a picture costs at most, by engine, like openai=0.04; over what is known of its "
        "models. 0 means that it is free.",
    )
    engine_daily_budget: Amounts = Field(
        {},
        description="US dollars that an engine may cost in a day (UTC), like openai=2.00,replicate=1. It is counted "
        "before each attempt; what may have been billed stays counted.",
    )
    redis_url: SecretStr | None = Field(
        None,
        description="Redis that counts the budgets, for several workers, and holds the queue of a Celery worker; unset "
        "means BUDGET_FILE.",
    )
    budget_file: Path = Field(
        Path(".data/budgets.sqlite3"), description="File that counts the budgets, for all workers of one machine."
    )

    @field_validator("redis_url")
    @classmethod
    def _of_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not is_redis(value.get_secret_value()):
            raise ValueError("it must be an address like redis://:password@host:6379/0, the password percent-encoded")
        return value
