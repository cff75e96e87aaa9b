"""The registry of storages: one file a storage, one row here."""

from render_worker.settings import Settings
from render_worker.storages.base import Storage
from render_worker.storages.chain import StorageChain
from render_worker.storages.cloudinary import CloudinaryStorage
from render_worker.storages.gcs import GcsStorage
from render_worker.storages.imgur import ImgurStorage
from render_worker.storages.local import LocalStorage
from render_worker.storages.s3 import S3Storage

STORAGES: dict[str, type[Storage]] = {
    "local": LocalStorage,
    "imgur": ImgurStorage,
    "s3": S3Storage,
    "gcs": GcsStorage,
    "cloudinary": CloudinaryStorage,
}


def build_storages(settings: Settings) -> StorageChain:
    """Return the chain of the storages that STORAGE names, with the local folder as the last fallback."""
    names: tuple[str, ...] = settings.storage or (("imgur",) if settings.imgur_client_id else ())
    if "local" not in names:
        names = (*names, "local")
    return StorageChain(*(STORAGES[name](settings) for name in names), open_seconds=settings.storage_rest_seconds)
