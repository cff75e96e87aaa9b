"""The interface of storages: save a picture, delete one, and report before saving why that would fail."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, get_args

from render_worker.contract import IMAGE_NAME, StoredFormat
from render_worker.picture import Picture
from render_worker.storages.errors import StorageNotConfigured
from render_worker.storages.settings import StorageSettings

QUERY_OR_FRAGMENT = re.compile(r"[?#]")
IMAGE_REFERENCE = re.compile(rf"(?:.*/)?({IMAGE_NAME})")


@dataclass(frozen=True)
class StoredObject:
    """A saved picture's address and media type: some storages convert what they are given."""

    url: str
    """Absolute, or a path of this worker."""
    content_type: str
    expires_at: str | None = None
    """When a signed link expires, in ISO 8601 and UTC; None if the address does not expire."""


class Storage(ABC):
    """A place for pictures.

    Override `save` and `delete`; `check` if settings or packages may be missing; `unavailable_reason` if the storage
    can tell without a request that saving would fail.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """What people call it, at the beginning of a sentence."""
    description: ClassVar[str]
    """What it is; this and the next three are its columns in docs/storages.md."""
    cost: ClassVar[str]
    needs: ClassVar[str]
    addresses: ClassVar[str]
    requirements: ClassVar[str | None] = None
    """The name of the requirements file with its packages; None if it needs none of its own."""
    remote: ClassVar[bool] = True
    """Whether another service is asked, which may be slow."""
    preflight_blocks: ClassVar[bool] = False
    """Whether `unavailable_reason` may block, as on a disk; it is then called in a thread."""
    content_addressed: ClassVar[bool] = True
    """Whether a file is named by its picture's hash, so that the same picture is saved once."""
    formats: ClassVar[tuple[StoredFormat, ...]] = get_args(StoredFormat)
    """The formats that it accepts."""

    @abstractmethod
    def __init__(self, settings: StorageSettings) -> None:
        """Read the settings; open no file or connection yet."""

    @abstractmethod
    async def save(self, picture: Picture) -> StoredObject:
        """Save a picture and return its address. Raises StorageFailed if that fails."""

    @abstractmethod
    async def delete(self, reference: str) -> bool:
        """Delete the picture of that file name or address.

        Returns False if there is none. Raises StorageFailed if the deletion fails.
        """

    async def saved_elsewhere(self, picture: Picture) -> None:
        """Note that another storage saved the picture; this never raises."""

    def check(self) -> None:
        """Raise StorageNotConfigured if the storage's own settings or packages are missing."""

    def unavailable_reason(self) -> str | None:
        """Return why saving would fail now, as far as that is known without a request; None if nothing is known."""
        try:
            self.check()
        except StorageNotConfigured as error:
            return str(error).rstrip(".")
        return None


def image_name_in(reference: str) -> str | None:
    """Return the file name that a picture's name or address ends with, or None if it ends with no such name.

    People copy spaces with it, and mail programs write capitals.
    """
    found = IMAGE_REFERENCE.fullmatch(QUERY_OR_FRAGMENT.split(reference.strip())[0].lower())
    return found[1] if found else None
