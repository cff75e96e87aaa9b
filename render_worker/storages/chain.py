"""The chain of storages: fallback from one to the next, with a circuit breaker and a share of the time for each."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from render_worker.circuit_breaker import HALF_OPEN_SECONDS, CircuitBreaker
from render_worker.contract import OutputFormat, StorageProblem
from render_worker.picture import AUTO_FORMATS, Picture
from render_worker.serving.deadline import Deadline
from render_worker.storages.base import Storage, StoredObject
from render_worker.storages.errors import StorageCircuitOpen, StorageFailed, StorageNotConfigured, unsupported_format
from render_worker.storages.preflight import Preflight

FAILURES_TO_OPEN = 2  # in a row: each may have cost a picture its time
HANGING_SECONDS = 5.0  # a service that has not answered after so much of a request's time hangs
FOLDER_SECONDS = 15.0  # of the local folder, which may wait for a lock; it hangs if it takes longer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SaveOutcome:
    """A saved picture, and the name of the storage that has it."""

    stored: StoredObject
    storage: str
    problem: StorageProblem | None
    """Why the preferred storage did not save the picture; None if it did."""


@dataclass
class _Save:
    """One picture on its way through the chain."""

    picture: Picture
    deadline: Deadline
    """Of the storages that are services."""
    failures: dict[Storage, StorageFailed]
    last_resorts: list[Storage] = field(default_factory=list)
    """Storages with an open breaker or a failed preflight, which are tried if no other saves the picture."""


class StorageChain:
    """Storages in order of preference: the first that can saves the picture, so that none is lost while any works.

    Each has a circuit breaker: an open one is skipped, unless no other storage saves the picture. This belongs to the
    loop's thread; the storages' state may be read from any.
    """

    def __init__(self, *storages: Storage, open_seconds: int = 60) -> None:
        """Order `storages` by preference; a breaker stays open for `open_seconds` if the failure does not say."""
        self._storages = storages
        self._breakers = {
            storage: CircuitBreaker(storage.name, FAILURES_TO_OPEN, open_seconds, StorageCircuitOpen)
            for storage in storages
        }
        self._preflights = {
            storage: Preflight(storage.unavailable_reason, blocks=storage.preflight_blocks) for storage in storages
        }
        self._next_probe = 0.0  # of the monotonic clock

    def __iter__(self) -> Iterator[Storage]:
        return iter(self._storages)

    @property
    def name(self) -> str:
        """Return the name of the preferred storage."""
        return self._storages[0].name

    def check(self) -> None:
        """Raise StorageNotConfigured, before a picture is made, if a storage that was named cannot be used."""
        for storage in self._storages:
            storage.check()

    @property
    def configured(self) -> bool:
        """Return whether `check` would pass."""
        try:
            self.check()
        except StorageNotConfigured:
            return False
        return True

    async def preflight(self, output_format: OutputFormat) -> None:
        """Raise StorageFailed with every reason, before a picture is made, if no storage would save it now."""
        await self._only_half_open(output_format)

    @asynccontextmanager
    async def attempt(self, output_format: OutputFormat) -> AsyncIterator[None]:
        """Make and save a picture within this. Raises StorageFailed as `preflight` does.

        While every breaker that matters is half-open, one picture is made as their probe, and another only when that
        has ended or HALF_OPEN_SECONDS have passed: a probe that takes long must not keep all other clients out.
        """
        next_probe = None
        if await self._only_half_open(output_format, fresh=True):
            self._next_probe = next_probe = time.monotonic() + HALF_OPEN_SECONDS
        try:
            yield
        finally:
            if self._next_probe == next_probe:
                self._next_probe = 0.0

    async def _only_half_open(self, output_format: OutputFormat, *, fresh: bool = False) -> bool:
        """Return whether only storages with a half-open breaker would be asked.

        Raises StorageFailed if no storage would be, or if another probe began less than HALF_OPEN_SECONDS ago. What is
        behind the first available storage is not looked at: it may hang.
        """
        refusals = []
        for storage in self._storages:
            refusal = self._skip_reason(storage, output_format) or await self._preflight_failure(storage, fresh=fresh)
            if refusal:
                refusals.append(refusal)
            elif self._breakers[storage].state == "closed":
                return False
        if len(refusals) == len(self._storages):
            raise _combined(refusals)
        remaining = self._next_probe - time.monotonic()
        if remaining > 0:
            raise StorageFailed(
                "After failures the storages are tried again with another picture.", math.ceil(remaining)
            )
        return True

    def _skip_reason(self, storage: Storage, output_format: OutputFormat) -> StorageFailed | None:
        """Return why the storage is skipped, because of the format or its breaker; None if it is asked."""
        for stored_format in AUTO_FORMATS if output_format == "auto" else (output_format,):
            if stored_format not in storage.formats:
                return unsupported_format(type(storage), stored_format)
        try:
            self._breakers[storage].raise_if_open()
        except StorageFailed as refusal:
            return refusal
        return None

    async def _preflight_failure(self, storage: Storage, *, fresh: bool = False) -> StorageFailed | None:
        reason = await self._preflights[storage].reason(fresh=fresh)
        return StorageFailed(f"{storage.title}: {reason}.") if reason else None

    async def save(self, picture: Picture, seconds: float) -> SaveOutcome:
        """Save a picture in the first storage that can. Raises StorageFailed with every reason if none can.

        Those that are services have `seconds` together, and share the remaining time, so that none uses up the time of
        those behind it. The local folder has its own time wherever it stands, also when none remains. Storages with an
        open breaker or a failed preflight are tried last, unless that cannot succeed.
        """
        refusals = {storage: self._skip_reason(storage, picture.output_format) for storage in self._storages}
        skipped = {storage: refusal for storage, refusal in refusals.items() if refusal}
        save = _Save(picture, Deadline.after(seconds), skipped)
        save.last_resorts += [
            storage
            for storage, refusal in save.failures.items()
            if not (refusal.caused_by_request or refusal.service_blocked)
        ]
        available = [storage for storage, refusal in refusals.items() if not refusal]
        outcome = await self._save_in_first(available, save)
        outcome = outcome or await self._save_in_first(save.last_resorts, save, insist=True)
        if outcome is None:
            raise _combined([save.failures[storage] for storage in self._storages])
        return outcome

    async def _save_in_first(
        self, storages: Sequence[Storage], save: _Save, *, insist: bool = False
    ) -> SaveOutcome | None:
        """Save the picture in the first of the storages that can, and note the failures of others in `save`.

        With `insist` neither a breaker nor a preflight keeps a storage from being asked. Returns None if none can.
        """
        for position, storage in enumerate(storages):
            if not insist and (failure := await self._preflight_failure(storage)):
                save.failures[storage] = failure
                save.last_resorts.append(storage)
                continue
            try:
                seconds = _time_share(storages[position:], save.deadline)
                stored = await self._save_within(seconds, storage, save.picture, insist=insist)
            except StorageFailed as failure:
                kind = {"kind": failure.code}
                log.warning("%s did not save a picture: %s: %s", storage.name, failure.code, failure, extra=kind)
                save.failures[storage] = failure
            else:
                await self._notify_others(storage, save.picture)
                return SaveOutcome(stored, storage.name, self._storage_problem(storage, save.failures))
        return None

    async def _save_within(self, seconds: float, storage: Storage, picture: Picture, *, insist: bool) -> StoredObject:
        """Save the picture through the breaker. Raises StorageFailed if that fails or takes longer than `seconds`."""
        breaker = self._breakers[storage]
        try:
            async with asyncio.timeout(seconds):
                with breaker.call(insist=insist):
                    return await self._save_in(storage, picture)
        except TimeoutError:
            timeout = StorageFailed(f"The storage {storage.name} took longer than the request's time allows.")
            if seconds >= HANGING_SECONDS:
                timeout.trips_breaker = True
                breaker.record_failure(timeout)
            raise timeout from None

    async def _save_in(self, storage: Storage, picture: Picture) -> StoredObject:
        try:
            return await storage.save(picture)
        except StorageFailed as failure:
            # The breaker does not count what the preflight sees from now on: it is over as soon as its cause is.
            failure.caused_by_request |= await self._preflights[storage].reason(fresh=True) is not None
            raise

    def _storage_problem(self, saved_by: Storage, failures: dict[Storage, StorageFailed]) -> StorageProblem | None:
        """Return why the preferred storage did not save the picture; None if it did."""
        preferred = self._storages[0]
        if saved_by is preferred:
            return None
        failure = failures[preferred]
        return StorageProblem(
            storage=preferred.name, code=failure.code, error=str(failure), retry_after=failure.retry_after
        )

    async def _notify_others(self, saved_by: Storage, picture: Picture) -> None:
        for storage in self._storages:
            if storage is not saved_by:
                await storage.saved_elsewhere(picture)

    @property
    def available(self) -> bool:
        """Return whether some storage would save a picture now."""
        return self.configured and len(self.unavailable_reasons()) < len(self._storages)

    def unavailable_reasons(self) -> list[str]:
        """Return the reasons why storages would not save a picture now, each with the storage's name before it."""
        preflights = {storage: self._preflights[storage].reason_blocking() for storage in self._storages}
        reasons = {storage.name: reason or self._open_reason(storage) for storage, reason in preflights.items()}
        return [f"{name}: {reason}" for name, reason in reasons.items() if reason]

    def _open_reason(self, storage: Storage) -> str | None:
        breaker = self._breakers[storage]
        return breaker.reason if breaker.state == "open" else None


def _combined(failures: list[StorageFailed]) -> StorageFailed:
    """Return one failure with every reason, and the soonest `retry_after`."""
    soonest = min((it.retry_after for it in failures if it.retry_after is not None), default=None)
    return StorageFailed(" ".join(str(failure) for failure in failures), soonest)


def _time_share(storages: Sequence[Storage], deadline: Deadline) -> float:
    """Return for how many seconds the first of the storages may save, if the others come behind it."""
    if not storages[0].remote:
        return FOLDER_SECONDS
    return deadline.share(sum(storage.remote for storage in storages))
