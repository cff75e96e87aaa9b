"""Making a lost picture again: once for all that fetch it, and not again for a while, whatever came of it."""

import time
from collections.abc import Callable, Iterator

from image_api.errors import ApiError, ServiceBusy, Stopping
from image_api.generation.cache import REMAKES, Cache
from image_api.generation.replay import parsed, text_of, told
from render_worker.contract import GenerateResult

AGAIN_SECONDS = 60.0
LOOK_SECONDS = 0.25
UNDER_WAY = b""


class Regenerations:
    """What came of making pictures again, by their recipes' keys, for all processes of this service."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def begins(self, key: str, seconds: float) -> bool:
        """Return whether nobody has begun in the last minute; if so, the one that asks has now, for so long at most."""
        begins = self._cache.add(REMAKES, key, UNDER_WAY, seconds)
        if begins:
            self._cache.lease(REMAKES, key)
        return begins

    def once(self, key: str, make: Callable[[], GenerateResult]) -> GenerateResult:
        """Return what `make` makes, or raise its ApiError; either is kept for a minute, but for a refusal."""
        try:
            outcome: GenerateResult | ApiError = make()
        except ApiError as error:
            if isinstance(error, ServiceBusy | Stopping):
                self._cache.drop(REMAKES, key)
                raise
            outcome = error
        except BaseException:  # a fault, or this greenlet's end: others may try
            self._cache.drop(REMAKES, key)
            raise
        finally:
            self._cache.release(REMAKES, key)
        self._cache.put(REMAKES, key, text_of(outcome), AGAIN_SECONDS)
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    def outcome(self, key: str) -> Iterator[GenerateResult | None]:
        """Yield the result of the last minute's making, and None for each moment until it is there.

        Raises the ApiError with which it failed. Yields nothing more if it was refused, or its process died.
        """
        while (text := self._cache.get(REMAKES, key)) == UNDER_WAY:
            yield None
            alive = not self._cache.shared or self._cache.leased(REMAKES, key)
            time.sleep(LOOK_SECONDS)
            if not alive and self._cache.get(REMAKES, key) == UNDER_WAY:
                self._cache.drop(REMAKES, key)
                return
        if text and (outcome := parsed(text)):
            yield told(outcome)
