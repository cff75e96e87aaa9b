"""The registry of storages: one row each, from which names, settings and the documents' table derive.

A storage's class is imported when the worker builds it, so that a storage that is not used costs neither time nor
memory, and reading the settings imports none.
"""

import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from render_worker.setting_types import SHOWN_NAME, Listed
from render_worker.storages.cloudinary.settings import CloudinarySettings
from render_worker.storages.gcs.settings import GcsSettings
from render_worker.storages.imgur.settings import ImgurSettings
from render_worker.storages.local.settings import LocalStorageSettings
from render_worker.storages.s3.settings import S3Settings
from render_worker.storages.settings import StorageSettings

if TYPE_CHECKING:
    from render_worker.storages.base import Storage
    from render_worker.storages.chain import StorageChain


@dataclass(frozen=True)
class StorageRegistration:
    """One storage: its settings and where its class is."""

    settings: type[StorageSettings]
    path: str
    """Module and class within this package."""

    def load(self) -> "type[Storage]":
        """Import and return the storage's class."""
        found: type[Storage] = pkgutil.resolve_name(f"{__name__}.{self.path}")
        return found


STORAGES = {
    "local": StorageRegistration(LocalStorageSettings, "local.storage:LocalStorage"),
    "s3": StorageRegistration(S3Settings, "s3.storage:S3Storage"),
    "gcs": StorageRegistration(GcsSettings, "gcs.storage:GcsStorage"),
    "cloudinary": StorageRegistration(CloudinarySettings, "cloudinary.storage:CloudinaryStorage"),
    "imgur": StorageRegistration(ImgurSettings, "imgur.storage:ImgurStorage"),
}


def _known(name: str) -> str:
    if name not in STORAGES:
        wrong = name if SHOWN_NAME.fullmatch(name) else "one of its entries"  # which may be a key in a wrong place
        raise ValueError(f"{wrong} is no storage that it may name")
    return name


StorageName = Annotated[str, AfterValidator(_known)]


class SettingsOfStorages(S3Settings, GcsSettings, CloudinarySettings, ImgurSettings, LocalStorageSettings):
    """The settings of all storages, and which of them are used."""

    title = "Storages"

    storage: Listed[StorageName] | None = Field(
        None,
        min_length=1,
        description=f"Storages in order of preference, of {', '.join(STORAGES)}: the first that can saves the picture; "
        "local is the last unless it is named. Unset means imgur if IMGUR_CLIENT_ID is set, else local.",
    )


def named_storages(settings: SettingsOfStorages) -> tuple[str, ...]:
    """Return the storages that are meant, in order of preference."""
    return settings.storage or (("imgur",) if settings.imgur_client_id else ("local",))


def build_storages(settings: SettingsOfStorages, *, folder_served: bool = True) -> "StorageChain":
    """Return the chain of the storages that are meant, with the local folder as the last fallback if it is served."""
    from render_worker.storages.chain import StorageChain

    names = named_storages(settings)
    if folder_served and "local" not in names:
        names = (*names, "local")
    storages = [STORAGES[name].load()(settings) for name in names]
    return StorageChain(*storages, open_seconds=settings.storage_rest_seconds)
