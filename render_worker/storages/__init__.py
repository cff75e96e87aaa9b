"""Where pictures are kept: one file a storage, one row here."""

from render_worker.settings import Settings
from render_worker.storages.base import Storage, Storages
from render_worker.storages.imgur import ImgurStorage
from render_worker.storages.local import LocalStorage

STORAGES: dict[str, type[Storage]] = {"local": LocalStorage, "imgur": ImgurStorage}


def build_storages(settings: Settings) -> Storages:
    """The storages that STORAGE names in their order, and behind them the local folder, which needs nobody."""
    names = settings.storage or (("imgur",) if settings.imgur_client_id else ())
    return Storages(*(STORAGES[name](settings) for name in names if name != "local"), LocalStorage(settings))
