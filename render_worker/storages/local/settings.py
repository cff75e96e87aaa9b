"""Settings of the storage `local`."""

from pathlib import Path

from pydantic import AliasChoices, Field

from render_worker.storages.settings import StorageSettings


class LocalStorageSettings(StorageSettings):
    """Settings of the folder on this machine."""

    title = "Storage `local`"

    local_storage_dir: Path = Field(
        Path(".data/images"),
        validation_alias=AliasChoices("local_storage_dir", "storage_path"),
        description="Folder of the pictures. STORAGE_PATH is another name, which LOCAL_STORAGE_DIR overrides.",
    )
    local_storage_mb: int = Field(
        256,
        ge=1,
        description="Size of that folder in MiB; sketches are evicted first, then the oldest pictures of the client "
        "that has most there.",
    )
