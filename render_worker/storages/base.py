"""What a storage is."""

import asyncio
import logging
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, get_args

from render_worker.contract import IMAGE_NAME, OutputFormat, StorageProblem
from render_worker.errors import StorageFailed, StorageNotConfigured, StorageResting
from render_worker.imaging import Picture
from render_worker.resting import PROBE_SECONDS, Rest
from render_worker.settings import Settings

BEHIND_THE_PATH = re.compile(r"[?#]")
NAMED = re.compile(rf"(?:.*/)?({IMAGE_NAME})")

FAILURES = 2  # in a row, after which a storage rests: each may have cost a picture its time
ENOUGH_SECONDS = 5.0  # of a request's time: a storage that does nothing with so much hangs
AT_ONCE = ("rate_limited", "timeout", "unreachable")  # the kinds of failure that another picture would only meet again

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stored:
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
    """Whether somebody outside is asked, who may take his time."""
    formats: ClassVar[tuple[OutputFormat, ...]] = get_args(OutputFormat)
    """What it takes."""

    @abstractmethod
    def __init__(self, settings: Settings) -> None:
        """Read what the storage needs; touch nothing yet."""

    @abstractmethod
    async def save(self, picture: Picture) -> Stored:
        """Keep a picture; StorageFailed where that cannot be done."""

    @abstractmethod
    async def delete(self, word: str) -> bool:
        """Remove the picture of that file name or address; False where there is none, StorageFailed where that cannot
        be done.
        """

    async def kept_elsewhere(self, picture: Picture) -> None:
        """Take note that another storage keeps the picture now; this never fails."""

    def check(self) -> None:
        """Raise StorageNotConfigured where the storage's own settings or packages are missing."""

    def problem(self) -> str | None:
        """Why the storage would not keep a picture now, known without asking anybody."""
        try:
            self.check()
        except StorageNotConfigured as error:
            return str(error).rstrip(".")
        return None


class ServiceFailed(StorageFailed):
    """A service outside did not do what was asked of it; the code tells how it said so."""

    def __init__(
        self,
        storage: type[Storage],
        kind: str,
        sentence: str,
        retry_after: int | None = None,
        *,
        by_request: bool = False,
    ) -> None:
        super().__init__(sentence, retry_after)
        self.code = f"{storage.name}_{kind}"
        self.by_request = by_request
        self.trips = kind in AT_ONCE
        self.wall = kind == "rate_limited"


def too_late(storage: type[Storage], seconds: float) -> ServiceFailed:
    """What a service is that takes longer than it may."""
    return ServiceFailed(storage, "timeout", f"{storage.title} did not answer within {seconds:g} seconds.")


def unreachable(storage: type[Storage]) -> ServiceFailed:
    """What a service is to which there is no connection, or one that broke off."""
    return ServiceFailed(storage, "unreachable", f"{storage.title} cannot be reached.")


def unsupported(storage: type[Storage], output_format: OutputFormat) -> ServiceFailed:
    """What a service is that does not take such pictures."""
    sentence = f"{storage.title} takes no {output_format} pictures."
    return ServiceFailed(storage, "unsupported_format", sentence, by_request=True)


def name_in(word: str) -> str | None:
    """The file name that a picture's name or address ends with; None where it ends with none.

    People copy spaces with it, and mail programs write capitals.
    """
    found = NAMED.fullmatch(BEHIND_THE_PATH.split(word.strip())[0].lower())
    return found[1] if found else None


@dataclass(frozen=True)
class Kept:
    """A picture that some storage keeps."""

    stored: Stored
    storage: str
    problem: StorageProblem | None
    """What kept a storage before it from keeping the picture."""


class Storages:
    """Storages in order: the first that can keeps the picture, so that none is lost while any is left.

    Each has a circuit breaker: one that rests is passed over, unless no other keeps the picture. It belongs to the
    loop's thread; what it says of their state may be read from any.
    """

    def __init__(self, *storages: Storage, rest_seconds: int = 60) -> None:
        """`rest_seconds`: how long a storage that failed is left alone if it does not say."""
        self._storages = storages
        self._rests = {storage: Rest(storage.name, FAILURES, rest_seconds, StorageResting) for storage in storages}
        self._on_trial = False

    @property
    def name(self) -> str:
        """The storage that is meant to keep pictures."""
        return self._storages[0].name

    def check(self) -> None:
        """Raise StorageNotConfigured, before a picture is made, where a storage that was named cannot be asked."""
        for storage in self._storages:
            storage.check()

    @property
    def configured(self) -> bool:
        """Whether `check` would pass."""
        try:
            self.check()
        except StorageNotConfigured:
            return False
        return True

    def refuse(self, output_format: OutputFormat) -> None:
        """Raise StorageFailed with every reason, before a picture is made, if no storage would keep it now."""
        self._is_trial(output_format)

    @contextmanager
    def promised(self, output_format: OutputFormat) -> Iterator[None]:
        """Make and save a picture within this; raises as `refuse` does.

        While all that could keep it are to be tried again after a rest, only one picture is made for that.
        """
        trial = self._is_trial(output_format)
        self._on_trial |= trial
        try:
            yield
        finally:
            self._on_trial &= not trial

    def _is_trial(self, output_format: OutputFormat) -> bool:
        """Whether only storages that rested would be asked; raises StorageFailed if none is, or another picture's."""
        refusals = {storage: self._refusal(storage, output_format) for storage in self._storages}
        able = [storage for storage, refusal in refusals.items() if refusal is None]
        if not able:
            raise _all_of([refusal for refusal in refusals.values() if refusal])
        trial = all(self._rests[storage].state != "closed" for storage in able)
        if trial and self._on_trial:
            sentence = "After failures the storages are being tried again, with another picture."
            raise StorageFailed(sentence, PROBE_SECONDS)
        return trial

    def _refusal(self, storage: Storage, output_format: OutputFormat) -> StorageFailed | None:
        """Why the storage is not asked now, known without asking anybody."""
        if output_format not in storage.formats:
            return unsupported(type(storage), output_format)
        if problem := storage.problem():
            return StorageFailed(f"{storage.title}: {problem}.")
        try:
            self._rests[storage].refuse()
        except StorageFailed as refusal:
            return refusal
        return None

    async def save(self, picture: Picture, seconds: float) -> Kept:
        """Keep a picture in the first storage that can; StorageFailed with every reason where none can.

        Those that ask outside have so many seconds together, and share what is left of them: none can use up the time
        of those behind it. The folder takes what it needs, wherever it stands: when no time is left, it is the last
        hope. The very last are those that were passed over, but for what is surely in vain.
        """
        end = time.monotonic() + seconds
        found = {storage: self._refusal(storage, picture.output_format) for storage in self._storages}
        failures = {storage: refusal for storage, refusal in found.items() if refusal}
        in_vain = [storage for storage, refusal in failures.items() if refusal.by_request or refusal.wall]
        able = [storage for storage in self._storages if storage not in failures]
        passed_over = [storage for storage in failures if storage not in in_vain]
        for group in (able, passed_over):
            for place, storage in enumerate(group):
                sharing = sum(one.outside for one in group[place:])
                share = (end - time.monotonic()) / sharing if storage.outside else None
                try:
                    stored = await self._saved(storage, picture, share, insist=group is passed_over)
                except StorageFailed as failure:
                    kind = {"kind": failure.code}
                    log.warning("%s did not keep a picture: %s: %s", storage.name, failure.code, failure, extra=kind)
                    failures[storage] = failure
                else:
                    await self._tell_others(storage, picture)
                    return Kept(stored, storage.name, self._problem(storage, failures))
        raise _all_of([failures[storage] for storage in self._storages])

    async def _saved(self, storage: Storage, picture: Picture, share: float | None, *, insist: bool) -> Stored:
        rest = self._rests[storage]
        try:
            async with asyncio.timeout(share):
                with rest.attempt(insist=insist):
                    return await _kept_by(storage, picture)
        except TimeoutError:
            late = StorageFailed(f"The storage {storage.name} took longer than the request's time allows.")
            if share is not None and share >= ENOUGH_SECONDS:
                late.trips = True
                rest.failed(late)
            raise late from None

    def _problem(self, keeper: Storage, failures: dict[Storage, StorageFailed]) -> StorageProblem | None:
        """Why the storage that is meant to keep pictures did not."""
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
        """Whether some storage would keep a picture now."""
        return self.configured and len(self.problems()) < len(self._storages)

    def problems(self) -> list[str]:
        """Why storages would not keep a picture now."""
        found = {storage.name: storage.problem() or self._reason(storage) for storage in self._storages}
        return [f"{name}: {problem}" for name, problem in found.items() if problem]

    def _reason(self, storage: Storage) -> str | None:
        rest = self._rests[storage]
        return rest.reason if rest.state == "open" else None

    def __iter__(self) -> Iterator[Storage]:
        return iter(self._storages)


def _all_of(failures: list[StorageFailed]) -> StorageFailed:
    """One failure with every reason, and when the first of the storages may be asked again."""
    soonest = min((it.retry_after for it in failures if it.retry_after is not None), default=None)
    return StorageFailed(" ".join(str(failure) for failure in failures), soonest)


async def _kept_by(storage: Storage, picture: Picture) -> Stored:
    try:
        return await storage.save(picture)
    except StorageFailed as failure:
        # What `problem` sees from now on needs no rest: it is over as soon as its cause is.
        failure.by_request |= storage.problem() is not None
        raise
