"""A folder of this machine, served by the worker itself at /images/<name>."""

import asyncio
import errno
import logging
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, TypeVar

from render_worker.contract import IMAGE_NAME
from render_worker.errors import StorageFailed
from render_worker.imaging import Picture
from render_worker.settings import Settings
from render_worker.storages.base import Storage, StoredObject, name_in
from render_worker.storages.lock import lock

MIB = 1024 * 1024
OURS = re.compile(rf"{IMAGE_NAME}|\.new-.*")  # nothing else that lies in the folder is ever removed

MARKER = ".deleted"  # behind a picture's name: an empty file that says that the operator deleted it
MARKER_SECONDS = 365 * 24 * 3600  # as long as an API tier may remember how to make the picture again

WRITTEN = "The picture could not be written to LOCAL_STORAGE_DIR"
CHANGED = "LOCAL_STORAGE_DIR could not be changed"

LEAST_BYTES = 32 * 1024  # hardly a picture is smaller
USUAL_BYTES = 256 * 1024  # one that was larger, and found no room, says nothing of the next
ROOM_TIMES = 2  # a disk's blocks and what others write meanwhile want more room than the picture has bytes

CHEAP = stat.S_ISVTX  # of a file it means nothing to Linux, and `stat`, which the age needs too, tells it

NOTE_SECONDS = 1.0  # for a marker to go
LOCK_SECONDS = 10.0  # another process that changes the folder takes far less
NOT_OURS = (PermissionError, IsADirectoryError)  # a file of another owner in a sticky folder, or no file at all

log = logging.getLogger(__name__)
A = TypeVar("A")
T = TypeVar("T")


class _File(NamedTuple):
    """A file of the folder; files sort in the order of their removal."""

    costly: bool
    time: int
    size: int
    path: str


class LocalStorage(Storage):
    """Files named by their content, written atomically. When the folder is full those that are cheap to make again are
    removed first, and of each kind the oldest.

    The age is the file's time, but never before that of one that was saved earlier: a clock that is set back would
    otherwise have the newest removed.
    """

    name = "local"
    title = "The local folder"
    outside = False
    problem_blocks = True

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.local_storage_dir.resolve()
        self._limit = settings.local_storage_mb * MIB
        self._thread = ThreadPoolExecutor(1, "local-storage")  # one changes the folder at a time
        self._rest_seconds = settings.storage_rest_seconds
        self._wanted = LEAST_BYTES  # on the disk, for the next picture to have a chance …
        self._wanted_until = 0.0  # … until then, of the monotonic clock
        self._newest = 0  # time of a file, in nanoseconds
        self._forgetting: Future[None] | None = None

    def problem(self) -> str | None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return f"LOCAL_STORAGE_DIR cannot be made: {error.strerror}"
        if not os.access(self.folder, os.W_OK | os.X_OK):
            return "LOCAL_STORAGE_DIR cannot be written to"
        try:
            return None if self._could_write() else "the disk of LOCAL_STORAGE_DIR is full"
        except OSError as error:
            return f"LOCAL_STORAGE_DIR cannot be read: {error.strerror}"

    def _could_write(self) -> bool:
        """Return whether there is room on the disk, or would be without older pictures."""
        wanted = LEAST_BYTES if time.monotonic() > self._wanted_until else self._wanted
        missing = wanted - shutil.disk_usage(self.folder).free
        # It looks at as many files as it takes: there may be tens of thousands.
        return missing <= 0 or any(size >= missing for size in accumulate(file.size for file in self._files()))

    async def save(self, picture: Picture) -> StoredObject:
        await self._in_turn(self._save, picture)
        return StoredObject(f"/images/{picture.name}", picture.content_type)

    async def delete(self, word: str) -> bool:
        """Remove the picture and leave a tombstone (the marker), so that it is not remade like one that got lost.

        A deletion is no ban: if the same bytes are made anew they are kept, and the marker goes.
        """
        name = name_in(word)
        return name is not None and await self._in_turn(self._delete, name)

    async def mark(self, word: str) -> None:
        """Leave the marker of a picture that another storage had."""
        if name := name_in(word):
            await self._in_turn(self._mark, name)

    async def kept_elsewhere(self, picture: Picture) -> None:
        """Remove the picture's marker: it is one again. If the marker stays, a picture that gets lost is not remade.

        It waits for a moment at most, and not at all while an earlier picture's marker waits: the disk may hang.
        """
        at_once = self._forgetting is not None and not self._forgetting.done()
        self._forgetting = self._thread.submit(self._forget, picture.name)
        await asyncio.wait({asyncio.wrap_future(self._forgetting)}, timeout=0 if at_once else NOTE_SECONDS)

    def _forget(self, name: str) -> None:
        with suppress(OSError):
            (self.folder / (name + MARKER)).unlink(missing_ok=True)

    async def _in_turn(self, change: Callable[[float, A], T], what: A) -> T:
        """Change the folder in its own thread, so that nothing else waits for another process's lock.

        The change gets its deadline on the monotonic clock: those behind it have waited already.
        """
        end = time.monotonic() + LOCK_SECONDS
        return await asyncio.get_running_loop().run_in_executor(self._thread, change, end, what)

    def _delete(self, end: float, name: str) -> bool:
        if not (self.folder / name).exists():
            return False
        with _said(CHANGED), self._alone(end):
            with suppress(OSError):  # on a full disk there is room for it only behind the picture: see delete.py
                (self.folder / (name + MARKER)).touch()  # first: the worker never sees the one gone without the other
            (self.folder / name).unlink(missing_ok=True)
            self._forget_old_markers()
        return True

    def _mark(self, end: float, name: str) -> None:
        with _said(CHANGED), self._alone(end):
            if (self.folder / name).exists():
                return  # it was saved again meanwhile
            (self.folder / (name + MARKER)).touch()
            self._forget_old_markers()

    def _forget_old_markers(self) -> None:
        old = time.time() - MARKER_SECONDS
        for marker in self.folder.glob(f"*{MARKER}"):
            with suppress(FileNotFoundError, *NOT_OURS):  # another process forgets them, too
                if re.fullmatch(IMAGE_NAME, marker.stem) and marker.stat().st_mtime < old:
                    marker.unlink()

    def _save(self, end: float, picture: Picture) -> None:
        target = self.folder / picture.name
        with _said(WRITTEN, target), self._alone(end):
            if not self._is_there(target, picture):
                self._make_room(len(picture.data))
                self._write_or_make_room(target, picture)
                self._wanted_until = 0.0
            with suppress(PermissionError):  # another owner's, in a sticky folder: see kept_elsewhere
                (self.folder / (picture.name + MARKER)).unlink(missing_ok=True)

    @contextmanager
    def _alone(self, end: float) -> Iterator[None]:
        """Lock out other processes that change the folder, as the delete command.

        The lock is the folder's own, so that there is no file for it to be served, counted or missing on a full disk.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            lock(handle, end)
            yield
        finally:
            os.close(handle)  # which gives the lock back

    def _is_there(self, target: Path, picture: Picture) -> bool:
        """Return whether the picture is there, whole; if so, it was made again and is no longer among the oldest."""
        try:
            found = target.stat()
            if found.st_size != len(picture.data) or not stat.S_ISREG(found.st_mode):
                return False
            with suppress(PermissionError):  # another owner's, as after a restore: it is kept, with its old time
                now = self._time()
                os.utime(target, ns=(now, now))
                if picture.cheap and not found.st_mode & CHEAP:  # as a version of before wrote it
                    target.chmod(stat.S_IMODE(found.st_mode) | CHEAP)
        except FileNotFoundError:
            return False
        return True

    def _time(self) -> int:
        """Return the time of what is saved now, in nanoseconds: later than that of everything before."""
        newest = self._newest or max((file.time for file in self._files()), default=0)
        self._newest = max(time.time_ns(), newest + 1)
        return self._newest

    def _write_or_make_room(self, target: Path, picture: Picture) -> None:
        size = len(picture.data)
        try:
            self._write(target, picture)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._wanted = min(ROOM_TIMES * size, USUAL_BYTES)
            self._wanted_until = time.monotonic() + self._rest_seconds
            # The disk is smaller than LOCAL_STORAGE_MB, or others fill it: the oldest pictures go for the newest.
            if not self._make_room(size, least=ROOM_TIMES * size):
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
                file.write(picture.data)
            now = self._time()
            if now > time.time_ns():  # the clock was set back
                os.utime(temporary, ns=(now, now))
            Path(temporary).replace(target)
        except BaseException:  # whatever it was, no half-written file stays
            Path(temporary).unlink(missing_ok=True)
            raise

    def _make_room(self, needed: int, least: int = 0) -> bool:
        """Remove the first pictures that are too many, or `least` bytes of them; return whether any was removed."""
        files = sorted(self._files())
        surplus = max(least, sum(file.size for file in files) + needed - self._limit)
        removed = False
        for file in files:
            if surplus <= 0:
                break
            with suppress(*NOT_OURS):
                Path(file.path).unlink(missing_ok=True)
                removed = True
                surplus -= file.size
        return removed

    def _files(self) -> Iterator[_File]:
        """Return what is ours; any of it may be removed by hand meanwhile."""
        for entry in list(os.scandir(self.folder)):  # to the end, which closes it
            if OURS.fullmatch(entry.name):
                with suppress(FileNotFoundError):
                    found = entry.stat()
                    yield _File(not found.st_mode & CHEAP, found.st_mtime_ns, found.st_size, entry.path)


def was_deleted(folder: Path, name: str) -> bool:
    """Return whether the operator deleted the picture of that name."""
    return (folder / (name + MARKER)).exists()


@contextmanager
def _said(problem: str, target: Path | None = None) -> Iterator[None]:
    """Raise StorageFailed if the system fails; one that concerns only the file `target` counts for no breaker."""
    try:
        yield
    except OSError as error:
        failure = StorageFailed(f"{problem}: {error.strerror or type(error).__name__}.")
        failure.caused_by_request = _concerns(error, target)
        raise failure from error


def _concerns(error: OSError, target: Path | None) -> bool:
    """Return whether the system refused that file alone: because of what lies there, or of the picture's size.

    A file that finds no room has its inode already, so the system names none: a smaller one may find room.
    """
    if isinstance(error, NOT_OURS):
        return str(target) in {str(error.filename), str(error.filename2)}
    return error.errno == errno.ENOSPC and error.filename is None
