"""Where pictures are kept: one file a storage, one row here."""

from render_worker.settings import Settings
from render_worker.storages.base import Storage, StorageChain
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
    """The storages that STORAGE names in their order, and behind them the local folder, which needs nobody."""
    names: tuple[str, ...] = settings.storage or (("imgur",) if settings.imgur_client_id else ())
    if "local" not in names:
        names = (*names, "local")
    return StorageChain(*(STORAGES[name](settings) for name in names), rest_seconds=settings.storage_rest_seconds)
