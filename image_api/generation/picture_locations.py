"""Which of several render workers has a picture, so that it is found at once, also by other processes."""

from pydantic import BaseModel

from image_api.generation.cache import Cache, Kind
from image_api.generation.results import MIB, Store

LOCATIONS = Kind("img_worker:{}", 4 * MIB)  # some 7,000 pictures
LOCATION_SECONDS = 30 * 24 * 3600.0  # afterwards each worker is asked


class PictureLocation(BaseModel):
    """Where a picture is."""

    worker: str
    """The worker's identity, from which its address cannot be told."""


class PictureLocations:
    """The locations of pictures by their names. Thread-safe."""

    def __init__(self, cache: Cache) -> None:
        self._store = Store(cache, LOCATIONS, PictureLocation.model_validate_json)

    def get(self, name: str) -> str | None:
        """Return the identity of the worker that has a picture; None if it is not known."""
        found = self._store.get(name)
        return found.worker if found else None

    def put(self, name: str, worker: str) -> None:
        """Remember the worker that has a picture."""
        self._store.put(name, PictureLocation(worker=worker), LOCATION_SECONDS)
