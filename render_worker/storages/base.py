"""The interface of storages, and their order with its circuit breakers."""

import asyncio
import logging
import math
import re
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, get_args

from render_worker.circuit_breaker import PROBE_SECONDS, CircuitBreaker
from render_worker.contract import IMAGE_NAME, OutputFormat, StorageProblem
from render_worker.errors import StorageCircuitOpen, StorageFailed, StorageNotConfigured
from render_worker.imaging import Picture
from render_worker.settings import Settings
from render_worker.storages.failures import ServiceFailed, unsupported
from render_worker.storages.foresight import Foresight

__all__ = ["SaveOutcome", "ServiceFailed", "Storage", "StorageChain", "StoredObject", "name_in"]

BEHIND_THE_PATH = re.compile(r"[?#]")
NAMED = re.compile(rf"(?:.*/)?({IMAGE_NAME})")

FAILURES = 2  # in a row, which open a storage's breaker: each may have cost a picture its time
ENOUGH_SECONDS = 5.0  # of a request's time: a storage that does nothing with so much hangs
FOLDER_SECONDS = 15.0  # of the folder, which may wait for a lock; one that does nothing with so much hangs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredObject:
    """Where a picture is kept, and as what: some storages change the type of what they are given."""

    url: str
    """Absolute, or a path of this worker."""
    content_type: str
    expires_at: str | None = None
    """When the address stops leading to the picture, in ISO 8601 and UTC; None where it does not."""


class Storage(ABC):
    """Keeps pictures. Override `save`, `delete`, `check` for missing settings, and `problem` where failure is
    foreseeable.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """What people call it, at the beginning of a sentence."""
    outside: ClassVar[bool] = True
    """Whether a service outside is asked, which may be slow."""
    problem_blocks: ClassVar[bool] = False
    """Whether `problem` may block, as on a disk; it is then called in a thread."""
    formats: ClassVar[tuple[OutputFormat, ...]] = get_args(OutputFormat)
    """What it takes."""

    @abstractmethod
    def __init__(self, settings: Settings) -> None:
        """Read what the storage needs; touch nothing yet."""

    @abstractmethod
    async def save(self, picture: Picture) -> StoredObject:
        """Keep a picture; raises StorageFailed if that fails."""

    @abstractmethod
    async def delete(self, word: str) -> bool:
        """Remove the picture of that file name or address; returns False if there is none.

        Raises StorageFailed if that fails.
        """

    async def kept_elsewhere(self, picture: Picture) -> None:
        """Note that another storage keeps the picture now; this never raises."""

    def check(self) -> None:
        """Raise StorageNotConfigured if the storage's own settings or packages are missing."""

    def problem(self) -> str | None:
        """Return why the storage would not keep a picture now, known without a request; None if it would."""
        try:
            self.check()
        except StorageNotConfigured as error:
            return str(error).rstrip(".")
        return None


def name_in(word: str) -> str | None:
    """Return the file name that a picture's name or address ends with; None if it ends with none.

    People copy spaces with it, and mail programs write capitals.
    """
    found = NAMED.fullmatch(BEHIND_THE_PATH.split(word.strip())[0].lower())
    return found[1] if found else None


@dataclass(frozen=True)
class SaveOutcome:
    """A picture that some storage keeps."""

    stored: StoredObject
    storage: str
    problem: StorageProblem | None
    """What kept a storage before it from keeping the picture."""


class StorageChain:
    """Storages in order: the first that can keeps the picture, so that none is lost while any is left.

    Each has a circuit breaker: an open one is skipped, unless no other storage keeps the picture. This belongs to the
    loop's thread; the storages' state may be read from any.
    """

    def __init__(self, *storages: Storage, rest_seconds: int = 60) -> None:
        """`rest_seconds`: how long a breaker stays open if the failure does not say."""
        self._storages = storages
        self._rests = {
            storage: CircuitBreaker(storage.name, FAILURES, rest_seconds, StorageCircuitOpen) for storage in storages
        }
        self._foresight = {storage: Foresight(storage.problem, blocks=storage.problem_blocks) for storage in storages}
        self._next_trial = 0.0  # of the monotonic clock

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

    async def refuse(self, output_format: OutputFormat) -> None:
        """Raise StorageFailed with every reason, before a picture is made, if no storage would keep it now."""
        await self._is_trial(output_format)

    @asynccontextmanager
    async def promised(self, output_format: OutputFormat) -> AsyncIterator[None]:
        """Make and save a picture within this; raises as `refuse` does.

        While every breaker that matters is half-open, one picture is made for a trial, and another only when that has
        ended or PROBE_SECONDS have passed: a trial that takes long must not keep all other clients out.
        """
        next_trial = None
        if await self._is_trial(output_format, again=True):
            self._next_trial = next_trial = time.monotonic() + PROBE_SECONDS
        try:
            yield
        finally:
            if self._next_trial == next_trial:
                self._next_trial = 0.0

    async def _is_trial(self, output_format: OutputFormat, *, again: bool = False) -> bool:
        """Return whether only half-open storages would be asked.

        Raises StorageFailed if none would be, or if another trial began less than PROBE_SECONDS ago. What comes behind
        the first storage that is well is not looked at: it may hang.
        """
        refusals = []
        for storage in self._storages:
            refusal = self._refusal(storage, output_format) or await self._foreseen(storage, again=again)
            if refusal:
                refusals.append(refusal)
            elif self._rests[storage].state == "closed":
                return False
        if len(refusals) == len(self._storages):
            raise _all_of(refusals)
        left = self._next_trial - time.monotonic()
        if left > 0:
            raise StorageFailed("After failures the storages are tried again with another picture.", math.ceil(left))
        return True

    def _refusal(self, storage: Storage, output_format: OutputFormat) -> StorageFailed | None:
        """Return why the storage is not asked, by the format and its breaker."""
        if output_format not in storage.formats:
            return unsupported(type(storage), output_format)
        try:
            self._rests[storage].raise_if_open()
        except StorageFailed as refusal:
            return refusal
        return None

    async def _foreseen(self, storage: Storage, *, again: bool = False) -> StorageFailed | None:
        """Return the failure that its `problem` foresees."""
        problem = await self._foresight[storage].problem(again=again)
        return StorageFailed(f"{storage.title}: {problem}.") if problem else None

    async def save(self, picture: Picture, seconds: float) -> SaveOutcome:
        """Keep a picture in the first storage that can; raises StorageFailed with every reason if none can.

        Those outside have `seconds` together, and share what is left of them, so that none uses up the time of those
        behind it. The folder has its own time wherever it stands, also when none is left. Storages with an open breaker
        or a foreseen problem are tried last, except if that cannot succeed.
        """
        end = time.monotonic() + seconds
        refusals = {storage: self._refusal(storage, picture.output_format) for storage in self._storages}
        failures = {storage: refusal for storage, refusal in refusals.items() if refusal}
        able = [storage for storage in self._storages if storage not in failures]
        last = [
            storage
            for storage, refusal in failures.items()
            if not (refusal.caused_by_request or refusal.service_blocked)
        ]
        for group in (able, last):
            for place, storage in enumerate(group):
                if group is able and (problem := await self._foreseen(storage)):
                    failures[storage] = problem
                    last.append(storage)
                    continue
                try:
                    share = _share(group[place:], end)
                    stored = await self._saved(storage, picture, share, insist=group is last)
                except StorageFailed as failure:
                    kind = {"kind": failure.code}
                    log.warning("%s did not keep a picture: %s: %s", storage.name, failure.code, failure, extra=kind)
                    failures[storage] = failure
                else:
                    await self._tell_others(storage, picture)
                    return SaveOutcome(stored, storage.name, self._problem(storage, failures))
        raise _all_of([failures[storage] for storage in self._storages])

    async def _saved(self, storage: Storage, picture: Picture, share: float, *, insist: bool) -> StoredObject:
        rest = self._rests[storage]
        try:
            async with asyncio.timeout(share):
                with rest.call(insist=insist):
                    return await self._kept_by(storage, picture)
        except TimeoutError:
            late = StorageFailed(f"The storage {storage.name} took longer than the request's time allows.")
            if share >= ENOUGH_SECONDS:
                late.trips_breaker = True
                rest.record_failure(late)
            raise late from None

    async def _kept_by(self, storage: Storage, picture: Picture) -> StoredObject:
        try:
            return await storage.save(picture)
        except StorageFailed as failure:
            # The breaker does not count what `problem` sees from now on: it is over as soon as its cause is.
            failure.caused_by_request |= await self._foresight[storage].problem(again=True) is not None
            raise

    def _problem(self, keeper: Storage, failures: dict[Storage, StorageFailed]) -> StorageProblem | None:
        """Return why the preferred storage did not keep the picture; None if it did."""
        meant = self._storages[0]
        if keeper is meant:
            return None
        failure = failures[meant]
        return StorageProblem(
            storage=meant.name, code=failure.code, error=str(failure), retry_after=failure.retry_after
        )

    async def _tell_others(self, keeper: Storage, picture: Picture) -> None:
        for storage in self._storages:
            if storage is not keeper:
                await storage.kept_elsewhere(picture)

    @property
    def usable(self) -> bool:
        """Return whether some storage would keep a picture now."""
        return self.configured and len(self.problems()) < len(self._storages)

    def problems(self) -> list[str]:
        """Return why storages would not keep a picture now."""
        foreseen = {storage: self._foresight[storage].problem_blocking() for storage in self._storages}
        found = {storage.name: problem or self._reason(storage) for storage, problem in foreseen.items()}
        return [f"{name}: {problem}" for name, problem in found.items() if problem]

    def _reason(self, storage: Storage) -> str | None:
        rest = self._rests[storage]
        return rest.reason if rest.state == "open" else None

    def __iter__(self) -> Iterator[Storage]:
        return iter(self._storages)


def _all_of(failures: list[StorageFailed]) -> StorageFailed:
    """Return one failure with every reason, and the soonest `retry_after`."""
    soonest = min((it.retry_after for it in failures if it.retry_after is not None), default=None)
    return StorageFailed(" ".join(str(failure) for failure in failures), soonest)


def _share(storages: list[Storage], end: float) -> float:
    """Return for how many seconds the first of the storages may save, if the others come behind it."""
    if not storages[0].outside:
        return FOLDER_SECONDS
    return (end - time.monotonic()) / sum(storage.outside for storage in storages)
