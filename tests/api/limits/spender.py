"""A process that spends of a budget: `python -m tests.api.limits.spender URL BUDGET TIMES`, in micro-dollars."""

import sys
import threading

from pydantic import SecretStr

from image_api.credentials.key_budgets import KeyBudgets
from image_api.database_url import engine_url
from image_api.errors import ApiError
from image_api.jobs.database.database import Database
from image_api.limits.prices import Prices
from render_worker.contract import GenerateRequest, Model, ModelList

THREADS = 4


def model(price: float | None, name: str = "one", *, answers_auto: bool = True) -> Model:
    """Return a model as a render worker tells of it."""
    return Model(name=name, description="One.", answers_auto=answers_auto, state="ready", price=price)


def budgets_in(database: Database, *models: Model) -> KeyBudgets:
    """Return the budgets of a process, whose render worker has told of these models."""
    return KeyBudgets(lambda: database, Prices(lambda: ModelList(models=list(models))))


def main() -> None:
    """Wait for a line, spend in several threads, and print how often that was allowed."""
    url, budget, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    budgets, bought = budgets_in(Database(engine_url(SecretStr(url))), model(0.03)), []

    def spend() -> None:
        for _ in range(times):
            try:
                reservation = budgets.reserve("key:one", budget, GenerateRequest(prompt="a"))
            except ApiError:
                continue
            assert reservation.max_price == 0.030005
            reservation.settle(0.02)
            bought.append(1)

    sys.stdin.readline()
    threads = [threading.Thread(target=spend) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(f"{len(bought)}\n")


if __name__ == "__main__":
    main()
