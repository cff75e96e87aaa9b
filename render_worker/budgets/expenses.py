"""The expenses of requests in flight and of those that failed lately, which an idempotent retry goes on with."""

from threading import Lock

from cachetools import TTLCache

from render_worker.budgets.expense import Expense

MAX_EXPENSES = 4096
TTL_SECONDS = 3600.0  # the longest time that a request may have, as of the results that are kept for retries


class Expenses:
    """Expenses by the keys of their requests. Thread-safe."""

    def __init__(self) -> None:
        self._recent: TTLCache[str, Expense] = TTLCache(MAX_EXPENSES, TTL_SECONDS)
        self._lock = Lock()

    def begin(self, key: str, max_price: float | None) -> Expense:
        """Return the expense of a request that begins; a retry begins with what the one before may have cost."""
        with self._lock:
            expense = self._recent[key] = Expense(max_price, self._recent.get(key))
            return expense

    def forget(self, key: str) -> None:
        """Forget what a request has cost, as its client knows that."""
        with self._lock:
            self._recent.pop(key, None)

    def cost_of(self, key: str) -> float | None:
        """Return what a request in flight, or one that has failed, may have been billed; None if that is not known."""
        with self._lock:
            expense = self._recent.get(key)
        return expense.cost if expense else None
