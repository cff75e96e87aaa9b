"""A folder of this machine, served by the worker itself at /images/<name>."""

import asyncio
import os
import re
import tempfile
import threading
from pathlib import Path

from render_worker.contract import IMAGE_NAME
from render_worker.errors import StorageFailed
from render_worker.imaging import Picture
from render_worker.settings import Settings
from render_worker.storages.base import Storage, Stored

MIB = 1024 * 1024
OURS = re.compile(rf"{IMAGE_NAME}|\.new-.*")  # nothing else that lies in the folder is ever removed


class LocalStorage(Storage):
    """Files named by their content, written whole or not at all; the oldest go when the folder is full."""

    name = "local"

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.local_storage_dir.resolve()
        self._limit = settings.local_storage_mb * MIB
        self._lock = threading.Lock()

    def problem(self) -> str | None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return f"LOCAL_STORAGE_DIR cannot be made: {error.strerror}"
        return None if os.access(self.folder, os.W_OK) else "LOCAL_STORAGE_DIR cannot be written to"

    async def save(self, picture: Picture) -> Stored:
        await asyncio.to_thread(self._save, picture)
        return Stored(f"/images/{picture.name}", picture.content_type)

    def _save(self, picture: Picture) -> None:
        target = self.folder / picture.name
        try:
            with self._lock:
                self.folder.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    target.touch()  # made again, so no longer among the oldest
                else:
                    self._make_room(len(picture.data))
                    self._write(target, picture.data)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StorageFailed(f"The picture could not be written to LOCAL_STORAGE_DIR: {reason}.") from error

    def _write(self, target: Path, data: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(target)
        except BaseException:  # whatever it was, no half-written file stays
            Path(temporary).unlink(missing_ok=True)
            raise

    def _make_room(self, needed: int) -> None:
        files = sorted(
            (entry.stat().st_mtime_ns, entry.stat().st_size, entry.path)
            for entry in os.scandir(self.folder)
            if OURS.fullmatch(entry.name)
        )
        surplus = sum(size for _, size, _ in files) + needed - self._limit
        for _, size, path in files:
            if surplus <= 0:
                return
            Path(path).unlink(missing_ok=True)
            surplus -= size
