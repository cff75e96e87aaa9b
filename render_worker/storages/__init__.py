"""Where pictures are kept: one file a storage, one row here."""

from render_worker.settings import Settings
from render_worker.storages.base import Storage, Storages
from render_worker.storages.imgur import ImgurStorage
from render_worker.storages.local import LocalStorage

STORAGES: dict[str, type[Storage]] = {"local": LocalStorage, "imgur": ImgurStorage}


def build_storages(settings: Settings) -> Storages:
    """The storage that STORAGE names, and behind it the local folder, which needs nobody."""
    name = settings.storage or ("imgur" if settings.imgur_client_id else "local")
    local = LocalStorage(settings)
    return Storages(local) if name == "local" else Storages(STORAGES[name](settings), local)
