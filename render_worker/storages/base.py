"""What a storage is."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from render_worker.contract import StorageProblem
from render_worker.errors import StorageFailed, StorageNotConfigured
from render_worker.imaging import Picture
from render_worker.settings import Settings


@dataclass(frozen=True)
class Stored:
    """Where a picture is kept, and as what: some storages change the type of what they are given."""

    url: str
    """Absolute, or a path of this worker."""
    content_type: str


class Storage(ABC):
    """Keeps pictures. Override `save`, `check` for missing settings, and `problem` where failure is foreseeable."""

    name: ClassVar[str]

    @abstractmethod
    def __init__(self, settings: Settings) -> None:
        """Read what the storage needs; touch nothing yet."""

    @abstractmethod
    async def save(self, picture: Picture) -> Stored:
        """Keep a picture; StorageFailed where that cannot be done."""

    def check(self) -> None:
        """Raise StorageNotConfigured where the storage's own settings are missing."""

    def problem(self) -> str | None:
        """Why the storage would not keep a picture now, known without asking anybody."""
        return None


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
        """Raise StorageNotConfigured, before a picture is made, where the storage that is meant cannot be asked."""
        self._storages[0].check()

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

        A storage that has others behind it gets so many seconds, so that they still have time to keep the picture.
        """
        failures: list[StorageFailed] = []
        problem: StorageProblem | None = None
        for storage in self._storages:
            try:
                stored = await self._within(seconds, storage, picture)
                return Kept(stored, storage.name, problem)
            except StorageFailed as failure:
                failures.append(failure)
                problem = problem or StorageProblem(
                    storage=storage.name, code=failure.code, error=str(failure), retry_after=failure.retry_after
                )
        raise StorageFailed(" ".join(str(failure) for failure in failures)) from failures[-1]

    async def _within(self, seconds: float, storage: Storage, picture: Picture) -> Stored:
        if storage is self._storages[-1]:
            return await storage.save(picture)
        try:
            async with asyncio.timeout(seconds):
                return await storage.save(picture)
        except TimeoutError:
            raise StorageFailed(f"The storage {storage.name} took longer than the request's time allows.") from None

    @property
    def usable(self) -> bool:
        """Whether some storage would keep a picture now."""
        return self.configured and any(not storage.problem() for storage in self._storages)

    def problems(self) -> list[str]:
        """Why storages would not keep a picture now."""
        return [f"{storage.name}: {problem}" for storage in self._storages if (problem := storage.problem())]
