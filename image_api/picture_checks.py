"""Whether a cached picture is still there: Imgur, for one, removes pictures, and the operator may delete one."""

import threading
from urllib.parse import urlsplit

from cachetools import TTLCache

from image_api.errors import ApiError, PictureDeleted, PictureUnavailable
from image_api.remote_pictures import RemotePictures
from render_worker.contract import GenerateResult

CHECK_TTL_SECONDS = 300.0
HOST_PAUSE_SECONDS = 60.0  # after a check that took its whole timeout, no other cached response waits for that host
REMADE_PAUSE_SECONDS = 60.0  # in which a request's picture is made again once, whatever its host says
MAX_REMEMBERED = 10_000
WORKER = ""  # its addresses name no host


class PictureChecks:
    """The checks of the last minutes, so that few cached responses wait for one. Thread-safe."""

    def __init__(self, pictures: RemotePictures) -> None:
        self._pictures = pictures
        self._checked: TTLCache[str, bool] = TTLCache(MAX_REMEMBERED, CHECK_TTL_SECONDS)
        self._paused: TTLCache[str, bool] = TTLCache(MAX_REMEMBERED, HOST_PAUSE_SECONDS)
        self._remade: TTLCache[str, bool] = TTLCache(MAX_REMEMBERED, REMADE_PAUSE_SECONDS)
        self._lock = threading.Lock()

    def is_gone(self, key: str, result: GenerateResult) -> bool:
        """Return whether the cached picture of a recipe's key is to be made again: its host says that it is gone.

        Returns False if that was asked within the last minutes or cannot be told, and for a picture of the render
        worker's, whose own address heals.
        """
        if result.image_url.startswith("/") or not self._begin(key, result.image_url):
            return False
        gone = self._ask(result)
        if gone:
            with self._lock:
                self._remade[key] = True
        return gone

    def is_deleted(self, result: GenerateResult) -> bool:
        """Return whether the operator has deleted a picture, of which the render worker has a tombstone then.

        Returns False if the worker does not tell, as when it is asleep; then it is not asked again for a minute.
        """
        with self._lock:
            if WORKER in self._paused:
                return False
        try:
            return self._pictures.is_deleted(result)
        except ApiError:
            with self._lock:
                self._paused[WORKER] = True
            return False

    def _ask(self, result: GenerateResult) -> bool:
        try:
            self._pictures.open(result).close()
        except PictureDeleted:
            return True
        except PictureUnavailable as error:
            if not error.gone:
                self._pause(result.image_url)
            return error.gone
        except ApiError:  # of the render worker, which was asked for a tombstone
            return False
        return False

    def _begin(self, key: str, address: str) -> bool:
        """Return whether the picture is to be checked now, by the caller alone."""
        with self._lock:
            if address in self._checked or key in self._remade or urlsplit(address).netloc in self._paused:
                return False
            self._checked[address] = True
            return True

    def _pause(self, address: str) -> None:
        with self._lock:
            self._paused[urlsplit(address).netloc] = True
