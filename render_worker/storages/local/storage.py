"""The folder of this machine, served by the worker itself at /images/<name>."""

import asyncio
import errno
import logging
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

from render_worker.picture import Picture
from render_worker.storages.base import Storage, StoredObject, image_name_in
from render_worker.storages.errors import StorageFailed
from render_worker.storages.local.eviction import Newcomer, evict, eviction_order
from render_worker.storages.local.files import CHEAP, NOT_OURS, image_files
from render_worker.storages.local.lock import lock
from render_worker.storages.local.owners import Owners, digest_of, mark
from render_worker.storages.local.recipes import KeptRecipes
from render_worker.storages.local.settings import LocalStorageSettings
from render_worker.storages.local.tombstones import remove_expired_tombstones, tombstone_of

MIB = 1024 * 1024
RECIPES_SHARE = 16  # one part of so many of LOCAL_STORAGE_MB

NOT_WRITTEN = "The picture could not be written to LOCAL_STORAGE_DIR"
NOT_CHANGED = "LOCAL_STORAGE_DIR could not be changed"

SMALL_BYTES = 32 * 1024  # hardly a picture is smaller
USUAL_BYTES = 256 * 1024  # a larger one that found no room tells nothing about the next
ROOM_TIMES = 2  # a disk's blocks and what others write meanwhile need more room than the picture has bytes

TOMBSTONE_WAIT_SECONDS = 1.0  # for the removal of one
LOCK_SECONDS = 10.0  # another process that changes the folder takes far less

log = logging.getLogger(__name__)
A = TypeVar("A")
T = TypeVar("T")


class LocalStorage(Storage):
    """Files named by their content's hash, written atomically.

    When the folder is full, pictures that are cheap to make again are evicted first, and of each kind the oldest of the
    client that has most. The age is the file's time, but never before that of one that was saved earlier: a clock that
    is set back would otherwise have the newest evicted.
    """

    name = "local"
    title = "The local folder"
    description = "A folder of the worker's machine."
    cost = "the disk"
    needs = "nothing"
    addresses = "the worker's `/images/…`, until the file is evicted or the disk is gone"
    remote = False
    preflight_blocks = True

    def __init__(self, settings: LocalStorageSettings) -> None:
        self.folder = settings.local_storage_dir.resolve()
        self._max_bytes = settings.local_storage_mb * MIB * (RECIPES_SHARE - 1) // RECIPES_SHARE
        self._recipes = kept_recipes(settings)
        self._owners = Owners()
        self._thread = ThreadPoolExecutor(1, "local-storage")  # one changes the folder at a time
        self._full_seconds = settings.storage_rest_seconds
        self._needed = SMALL_BYTES  # free on the disk, or the next picture cannot be written either …
        self._needed_until = 0.0  # … until then, of the monotonic clock
        self._newest = 0  # time of a file, in nanoseconds
        self._tombstone_removal: Future[None] | None = None

    def unavailable_reason(self) -> str | None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return f"LOCAL_STORAGE_DIR cannot be made: {error.strerror}"
        if not os.access(self.folder, os.W_OK | os.X_OK):
            return "LOCAL_STORAGE_DIR cannot be written to"
        try:
            return None if self._has_room() else "the disk of LOCAL_STORAGE_DIR is full"
        except OSError as error:
            return f"LOCAL_STORAGE_DIR cannot be read: {error.strerror}"

    def _has_room(self) -> bool:
        """Return whether there is room on the disk, or would be after an eviction."""
        needed = SMALL_BYTES if time.monotonic() > self._needed_until else self._needed
        missing = needed - shutil.disk_usage(self.folder).free
        # It looks at as many files as it takes: there may be tens of thousands.
        return missing <= 0 or any(size >= missing for size in accumulate(it.size for it in image_files(self.folder)))

    async def save(self, picture: Picture) -> StoredObject:
        await self._in_turn(self._save, picture)
        return StoredObject(f"/images/{picture.name}", picture.content_type)

    async def delete(self, reference: str) -> bool:
        """Delete the picture with its recipe and leave a tombstone, so that it is not remade like one that got lost.

        A deletion is no ban: if the same bytes are made anew they are saved, and the tombstone goes.
        """
        name = image_name_in(reference)
        return name is not None and await self._in_turn(self._delete, name)

    async def leave_tombstone(self, reference: str) -> None:
        """Leave the tombstone of a picture that was deleted from another storage."""
        if name := image_name_in(reference):
            await self._in_turn(self._leave_tombstone, name)

    async def saved_elsewhere(self, picture: Picture) -> None:
        """Remove the picture's tombstone. If it stays, the picture is not remade should it get lost.

        This waits for a moment at most, and not at all while an earlier removal takes long: the disk may hang.
        """
        hangs = self._tombstone_removal is not None and not self._tombstone_removal.done()
        self._tombstone_removal = self._thread.submit(self._remove_tombstone, picture.name)
        seconds = 0 if hangs else TOMBSTONE_WAIT_SECONDS
        await asyncio.wait({asyncio.wrap_future(self._tombstone_removal)}, timeout=seconds)

    def _remove_tombstone(self, name: str) -> None:
        with suppress(OSError):
            tombstone_of(self.folder, name).unlink(missing_ok=True)

    async def _in_turn(self, change: Callable[[float, A], T], subject: A) -> T:
        """Change the folder in its own thread, so that nothing else waits for another process's lock.

        The change gets its deadline on the monotonic clock: it counts from here, because changes wait in a queue.
        """
        deadline = time.monotonic() + LOCK_SECONDS
        return await asyncio.get_running_loop().run_in_executor(self._thread, change, deadline, subject)

    def _delete(self, deadline: float, name: str) -> bool:
        if not (self.folder / name).exists():
            with _translated_errors(NOT_CHANGED):
                return self._recipes.erase(name)
        with _translated_errors(NOT_CHANGED), self._locked(deadline):
            with suppress(OSError):  # a full disk has room for it only after the picture is gone: see delete.py
                tombstone_of(self.folder, name).touch()  # first: the worker never sees one gone without the other
            (self.folder / name).unlink(missing_ok=True)
            self._recipes.erase(name)
            remove_expired_tombstones(self.folder)
        return True

    def _leave_tombstone(self, deadline: float, name: str) -> None:
        with _translated_errors(NOT_CHANGED), self._locked(deadline):
            if (self.folder / name).exists():
                return  # it was saved again meanwhile
            tombstone_of(self.folder, name).touch()
            remove_expired_tombstones(self.folder)

    def _save(self, deadline: float, picture: Picture) -> None:
        target = self.folder / picture.name
        with _translated_errors(NOT_WRITTEN, target), self._locked(deadline):
            if not self._refresh(target, picture):
                self._make_room(picture)
                self._write_or_make_room(target, picture)
                self._needed_until = 0.0
            with suppress(PermissionError):  # another owner's, in a sticky folder: see saved_elsewhere
                tombstone_of(self.folder, picture.name).unlink(missing_ok=True)
            if picture.recipe:
                self._recipes.save(picture.name, picture.recipe, cheap=picture.cheap)

    @contextmanager
    def _locked(self, deadline: float) -> Iterator[None]:
        """Lock out other processes that change the folder, as the delete command.

        The lock is the folder's own, so that there is no file for it to be served, counted or missing on a full disk.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            lock(handle, deadline)
            yield
        finally:
            os.close(handle)  # which releases the lock

    def _refresh(self, target: Path, picture: Picture) -> bool:
        """Make the picture's file the newest; returns False if there is none, or only a part of it."""
        try:
            found = target.stat()
            if found.st_size != len(picture.data) or not stat.S_ISREG(found.st_mode):
                return False
            with suppress(PermissionError):  # another owner's, as after a restore: it is kept, with its old time
                now = self._next_time()
                os.utime(target, ns=(now, now))
                if picture.cheap and not found.st_mode & CHEAP:  # as an earlier version wrote it
                    target.chmod(stat.S_IMODE(found.st_mode) | CHEAP)
        except FileNotFoundError:
            return False
        return True

    def _next_time(self) -> int:
        """Return the time of the next file, in nanoseconds: later than that of every earlier one."""
        newest = self._newest or max((file.time for file in image_files(self.folder)), default=0)
        self._newest = max(time.time_ns(), newest + 1)
        return self._newest

    def _write_or_make_room(self, target: Path, picture: Picture) -> None:
        size = len(picture.data)
        try:
            self._write(target, picture)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._needed = min(ROOM_TIMES * size, USUAL_BYTES)
            self._needed_until = time.monotonic() + self._full_seconds
            # The disk is smaller than LOCAL_STORAGE_MB, or others fill it: the oldest pictures go for the newest.
            if not self._make_room(picture, at_least=ROOM_TIMES * size):
                raise
            log.warning("the disk of LOCAL_STORAGE_DIR is full; the oldest pictures were removed")
            self._write(target, picture)

    def _write(self, target: Path, picture: Picture) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                if picture.cheap:
                    with suppress(OSError):  # a file system without such modes keeps it like any other
                        os.fchmod(handle, stat.S_IRUSR | stat.S_IWUSR | CHEAP)
                mark(handle, picture.client)
                file.write(picture.data)
            now = self._next_time()
            if now > time.time_ns():  # the clock was set back
                os.utime(temporary, ns=(now, now))
            Path(temporary).replace(target)
        except BaseException:  # whatever it was, no half-written file stays
            Path(temporary).unlink(missing_ok=True)
            raise

    def _make_room(self, picture: Picture, at_least: int = 0) -> bool:
        """Evict pictures until the new one fits, or `at_least` bytes of them; return whether any was removed."""
        files, size = list(image_files(self.folder)), len(picture.data)
        surplus = max(at_least, sum(file.size for file in files) + size - self._max_bytes)
        if surplus <= 0:
            return False
        new = Newcomer(digest_of(picture.client), size, costly=not picture.cheap)
        return evict(eviction_order(files, self._owners.of(files), new), surplus)


def kept_recipes(settings: LocalStorageSettings) -> KeptRecipes:
    """Return the recipes of the settings' folder, which take up to a sixteenth of its size."""
    folder, most = settings.local_storage_dir.resolve(), settings.local_storage_mb * MIB
    return KeptRecipes(folder, most // RECIPES_SHARE)


@contextmanager
def _translated_errors(problem: str, target: Path | None = None) -> Iterator[None]:
    """Raise StorageFailed if the system fails; one that concerns only the file `target` counts for no breaker."""
    try:
        yield
    except OSError as error:
        failure = StorageFailed(f"{problem}: {error.strerror or type(error).__name__}.")
        failure.caused_by_request = _concerns_alone(target, error)
        raise failure from error


def _concerns_alone(target: Path | None, error: OSError) -> bool:
    """Return whether the system refused that file alone: because of what lies there, or of the picture's size.

    A file that finds no room has its inode already, so the system names none: a smaller one may find room.
    """
    if isinstance(error, NOT_OURS):
        return str(target) in {str(error.filename), str(error.filename2)}
    return error.errno == errno.ENOSPC and error.filename is None
