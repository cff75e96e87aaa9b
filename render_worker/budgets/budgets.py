"""The daily budgets of engines: reserve before an attempt, release what was certainly not billed."""

import asyncio
import contextlib
import logging
import math
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from render_worker.budgets.amounts import in_words, micros_of
from render_worker.budgets.errors import BudgetExhausted, BudgetUnavailable
from render_worker.budgets.ledger import Ledger, Reservation
from render_worker.budgets.settings import BudgetSettings
from render_worker.cancellation import run_shielded
from render_worker.errors import EngineError, EngineNotConfigured, WorkerError

TRUSTED_SECONDS = 10.0  # another worker may have given back meanwhile; asking the ledger again costs little

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Account:
    """What this process knows of one engine's budget; amounts are micro-dollars."""

    limit: int
    day: str = ""
    spent: int = 0
    """By all that use the ledger, as it was told last."""
    told: float = -math.inf
    own: int = 0
    """By this process alone: the ledger may lose its sum, and this is not forgotten then."""

    def on(self, day: str) -> "_Account":
        """Return the account, begun anew if the day is another one."""
        if self.day != day:
            self.day, self.spent, self.told, self.own = day, 0, -math.inf, 0
        return self

    def learn(self, spent: int) -> None:
        """Note the sum that the ledger told."""
        self.spent, self.told = spent, time.monotonic()


class Budgets:
    """The daily budgets of the engines that have one. They belong to the loop's thread; states may be read from any."""

    def __init__(
        self, limits: Mapping[str, int] | None = None, ledger: Ledger | None = None, now: Callable[[], datetime] = _now
    ) -> None:
        """Limit engines to so many micro-dollars a day of UTC, counted in `ledger`."""
        self._accounts = {name: _Account(limit) for name, limit in (limits or {}).items()} if ledger else {}
        self._ledger = ledger
        self._now = now

    async def start(self) -> None:
        """Read what was spent before, so that /health says it; a ledger that fails says so with each attempt."""
        for name in self._accounts:
            with contextlib.suppress(BudgetUnavailable):
                spent = await self._of_ledger.spent(name, self._day)
                self._account(name).learn(spent)

    async def close(self) -> None:
        """Close the ledger."""
        if self._ledger:
            await self._ledger.close()

    def check(self, engine: str, price: float | None) -> None:
        """Raise BudgetExhausted if a picture at that price, in dollars, exceeds the budget as far as is known.

        Raises EngineNotConfigured if there is a budget, and the price is not known.
        """
        if engine not in self._accounts or price == 0:
            return
        micros = _known(engine, price)
        account = self._account(engine)
        is_recent = time.monotonic() - account.told < TRUSTED_SECONDS
        if micros > account.limit or (is_recent and account.spent + micros > account.limit):
            raise self._exhausted(engine)

    def limits(self, engine: str) -> bool:
        """Return whether an engine has a budget."""
        return engine in self._accounts

    def state(self, engine: str, price: float | None) -> tuple[dict[str, str], EngineError | None]:
        """Return an engine's budget as details of its health, and what keeps it from buying a picture at a price."""
        if engine not in self._accounts:
            return {}, None
        try:
            micros = 0 if price == 0 else _known(engine, price)
        except EngineNotConfigured as error:
            return {}, error
        account = self._accounts[engine]
        spent = account.spent if account.day == self._day else 0
        details = {"budget_today": in_words(account.limit), "spent_today": in_words(spent)}
        return details, self._exhausted(engine) if micros and spent + micros > account.limit else None

    @contextlib.asynccontextmanager
    async def charged(self, engine: str, price: float | None) -> AsyncIterator[None]:
        """Do within this what may cost `price`. It stays counted unless a WorkerError says that it was not billed.

        Raises BudgetExhausted, BudgetUnavailable or EngineNotConfigured before.
        """
        if engine not in self._accounts or price == 0:
            yield
            return
        reservation = await self._reserve(engine, _known(engine, price))
        try:
            yield
        except WorkerError as error:
            if error.unbilled:
                await run_shielded(self._release(reservation))
            raise

    async def _reserve(self, engine: str, micros: int) -> Reservation:
        account, reservation = self._account(engine), Reservation(engine, self._day, micros)
        counting = asyncio.ensure_future(self._of_ledger.reserve(reservation, account.limit, account.own))
        try:
            counted, spent = await asyncio.shield(counting)
        except asyncio.CancelledError:
            await run_shielded(self._take_back(counting, reservation))
            raise
        if account.day == reservation.day:
            account.learn(spent)
            account.own += micros if counted else 0
        if not counted:
            raise self._exhausted(engine)
        return reservation

    async def _take_back(self, counting: "asyncio.Future[tuple[bool, int]]", reservation: Reservation) -> None:
        """Release what is being counted for a request that was cancelled before its engine was asked."""
        with contextlib.suppress(BudgetUnavailable):
            counted, _ = await counting
            if counted:
                await self._of_ledger.release(reservation)

    async def _release(self, reservation: Reservation) -> None:
        """Take the amount back; if that fails it stays counted, which is on the safe side."""
        account = self._account(reservation.engine)
        if account.day == reservation.day:
            account.own = max(0, account.own - reservation.micros)
        try:
            spent = await self._of_ledger.release(reservation)
        except BudgetUnavailable as error:
            log.warning("budget of %s: what was not billed stays counted: %s", reservation.engine, error)
            return
        if account.day == reservation.day:
            account.learn(spent)

    def _account(self, engine: str) -> _Account:
        return self._accounts[engine].on(self._day)

    @property
    def _of_ledger(self) -> Ledger:
        assert self._ledger  # noqa: S101 - no account is without one
        return self._ledger

    @property
    def _day(self) -> str:
        return self._now().date().isoformat()

    def _exhausted(self, engine: str) -> BudgetExhausted:
        now = self._now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        limit = in_words(self._accounts[engine].limit)
        return BudgetExhausted(
            f"The budget of {limit} a day for {engine} is used up until 00:00 UTC.",
            math.ceil((midnight - now).total_seconds()),
        )


def _known(engine: str, price: float | None) -> int:
    """Return the price in micro-dollars. Raises EngineNotConfigured if it is not known."""
    if price is None:
        raise EngineNotConfigured(
            f"ENGINE_DAILY_BUDGET limits {engine}, and what its picture costs is not known: set "
            f"ENGINE_PRICES={engine}=…, in US dollars."
        )
    return micros_of(price)


def build_budgets(settings: BudgetSettings) -> Budgets:
    """Return the budgets of the settings; without any nothing is opened or imported."""
    return Budgets(settings.engine_daily_budget, _ledger(settings) if settings.engine_daily_budget else None)


def require_ledger(settings: BudgetSettings) -> None:
    """Exit with a sentence if budgets are set that cannot be counted."""
    if settings.engine_daily_budget and (problem := _ledger(settings).problem()):
        sys.exit(problem)


def _ledger(settings: BudgetSettings) -> Ledger:
    if settings.redis_url:
        from render_worker.budgets.redis_ledger import RedisLedger

        return RedisLedger(settings.redis_url.get_secret_value())
    from render_worker.budgets.file_ledger import FileLedger  # SQLite takes memory, and few have a budget

    return FileLedger(settings.budget_file)
