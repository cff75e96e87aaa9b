"""The expense of one request: what its attempts may have been billed, within what they may cost together."""

import contextlib
from collections.abc import Iterator

from render_worker.budgets.amounts import dollars_of, in_words, micros_of
from render_worker.budgets.errors import OverMaxPrice
from render_worker.errors import WorkerError


class Expense:
    """Counts the prices of a request's attempts, in micro-dollars. It belongs to the loop's thread."""

    def __init__(self, max_price: float | None = None, before: "Expense | None" = None) -> None:
        """Allow so many US dollars for all attempts together, with those `before`.

        None means any price, also one that is not known.
        """
        self._limit = None if max_price is None else int(round(max_price * 1e6, 3))  # rounded down
        self._billed: int = before._billed if before else 0
        self._unpriced: int = before._unpriced if before else 0

    @property
    def cost(self) -> float | None:
        """Return what may have been billed at most, in US dollars; None if that is not known."""
        return None if self._unpriced else dollars_of(self._billed)

    def check(self, engine: str, price: float | None) -> None:
        """Raise OverMaxPrice if an attempt at that price, in US dollars, may exceed what is allowed."""
        if self._limit is None or price == 0:
            return
        left = self._limit - self._billed
        if price is None:
            raise OverMaxPrice(f"What a picture of {engine} costs is not known, and this one may cost {_most(left)}.")
        if micros_of(price) > left:
            costs = in_words(micros_of(price))
            raise OverMaxPrice(f"A picture of {engine} costs up to {costs}, and this one may cost {_most(left)}.")

    @contextlib.contextmanager
    def charged(self, engine: str, price: float | None) -> Iterator[None]:
        """Do within this what may cost `price`. It stays counted unless a WorkerError says that it was not billed.

        Raises OverMaxPrice before.
        """
        self.check(engine, price)
        self._count(price, 1)
        try:
            yield
        except WorkerError as error:
            if error.unbilled:
                self._count(price, -1)
            raise

    def _count(self, price: float | None, sign: int) -> None:
        if price is None:
            self._unpriced += sign
        else:
            self._billed += sign * micros_of(price)


def _most(left: int) -> str:
    return f"{in_words(left)} more at most" if left > 0 else "nothing more"
