"""What a storage is."""

import asyncio
import logging
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from render_worker.contract import IMAGE_NAME, StorageProblem
from render_worker.errors import StorageFailed, StorageNotConfigured
from render_worker.imaging import Picture
from render_worker.settings import Settings

BEHIND_THE_PATH = re.compile(r"[?#]")
NAMED = re.compile(rf"(?:.*/)?({IMAGE_NAME})")

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

    def __init__(self, storage: type[Storage], kind: str, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.code = f"{storage.name}_{kind}"
        self.retry_after = retry_after


def too_late(storage: type[Storage], seconds: float) -> ServiceFailed:
    """What a service is that takes longer than it may."""
    return ServiceFailed(storage, "timeout", f"{storage.title} did not answer within {seconds:g} seconds.")


def unreachable(storage: type[Storage]) -> ServiceFailed:
    """What a service is to which there is no connection, or one that broke off."""
    return ServiceFailed(storage, "unreachable", f"{storage.title} cannot be reached.")


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
    """Storages in order: the first that can keeps the picture, so that none is lost while any is left."""

    def __init__(self, *storages: Storage) -> None:
        self._storages = storages

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

    async def save(self, picture: Picture, seconds: float) -> Kept:
        """Keep a picture in the first storage that can; StorageFailed with every reason where none can.

        Those that ask outside have so many seconds together, and share what is left of them: none can use up the time
        of those behind it. The folder takes what it needs, wherever it stands: when no time is left, it is the last
        hope.
        """
        end = time.monotonic() + seconds
        failures: list[StorageFailed] = []
        problem: StorageProblem | None = None
        for place, storage in enumerate(self._storages):
            sharing = sum(one.outside for one in self._storages[place:])
            share = (end - time.monotonic()) / sharing if storage.outside else None
            try:
                kept = Kept(await _within(share, storage, picture), storage.name, problem)
                await self._tell_others(storage, picture)
                return kept
            except StorageFailed as failure:
                log.warning("%s did not keep a picture: %s: %s", storage.name, failure.code, failure)
                failures.append(failure)
                problem = problem or StorageProblem(
                    storage=storage.name, code=failure.code, error=str(failure), retry_after=failure.retry_after
                )
        raise StorageFailed(" ".join(str(failure) for failure in failures)) from failures[-1]

    async def _tell_others(self, keeper: Storage, picture: Picture) -> None:
        for storage in self._storages:
            if storage is not keeper:
                await storage.kept_elsewhere(picture)

    @property
    def usable(self) -> bool:
        """Whether some storage would keep a picture now."""
        return self.configured and any(not storage.problem() for storage in self._storages)

    def problems(self) -> list[str]:
        """Why storages would not keep a picture now."""
        return [f"{storage.name}: {problem}" for storage in self._storages if (problem := storage.problem())]

    def __iter__(self) -> Iterator[Storage]:
        return iter(self._storages)


async def _within(seconds: float | None, storage: Storage, picture: Picture) -> Stored:
    try:
        async with asyncio.timeout(seconds):
            return await storage.save(picture)
    except TimeoutError:
        raise StorageFailed(f"The storage {storage.name} took longer than the request's time allows.") from None
