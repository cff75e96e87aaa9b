"""Pictures by the names of their files, `<sha256>.<ending>`, for their pages: how each was made, and where it is.

A name is known for a picture of any storage, while `/images/<name>` has those of the render worker's own folder alone.
"""

import re
from collections import deque
from statistics import median
from urllib.parse import urlsplit

from pydantic import BaseModel

from image_api.generation.cache import Cache, Kind
from image_api.generation.results import MIB, Store
from render_worker.contract import IMAGE_NAME, IMAGE_TYPES, GenerateResult, Recipe

RECORDS = Kind("img_page:{}", 16 * MIB)  # some 8,000 pictures of the usual size
ENDINGS = {mimetype: ending for ending, mimetype in IMAGE_TYPES.items()}
MAX_DURATIONS = 100


class PictureRecord(BaseModel):
    """What is known of a picture."""

    recipe: Recipe | None = None
    """How it was made, with the seed that was used."""
    result: GenerateResult | None = None
    """None if it was made before this tier began to remember, and a render worker has it."""


class PictureRecords:
    """The records of pictures by their names, in room of their own. Thread-safe."""

    def __init__(self, cache: Cache, seconds: float) -> None:
        """Store each for a TTL of `seconds`."""
        self._store = Store(cache, RECORDS, PictureRecord.model_validate_json)
        self._seconds = seconds
        self._durations: deque[int] = deque(maxlen=MAX_DURATIONS)

    @property
    def median_seconds(self) -> float | None:
        """Return the median of what the last hundred pictures of this process took; None before the first."""
        durations = list(self._durations)
        return median(durations) / 1000 if durations else None

    def save(self, recipe: Recipe, result: GenerateResult) -> None:
        """Store a picture's recipe and result, unless its name would be none."""
        self._durations.append(result.duration_ms)
        if name := name_of(result):
            record = PictureRecord(recipe=recipe.with_seed_used(result.seed), result=result)
            self._store.put(name, record, self._seconds)

    def get(self, name: str) -> PictureRecord | None:
        """Return the record of a name; None if there is none."""
        return self._store.get(name)

    def forget(self, result: GenerateResult) -> None:
        """Erase the record of a result."""
        if name := name_of(result):
            self._store.drop(name)
        self.forget_at(result.image_url)

    def forget_at(self, address: str) -> None:
        """Erase the record of the picture at an address, if that ends with its name."""
        name = urlsplit(address).path.rpartition("/")[2]
        if re.fullmatch(IMAGE_NAME, name):
            self._store.drop(name)


def name_of(result: GenerateResult) -> str | None:
    """Return the name of a picture: the hash of its content, and the ending of its type. Returns None if it has none,
    as the worker's word for either is not trusted.
    """
    name = f"{result.sha256}.{ENDINGS.get(result.content_type)}"
    return name if re.fullmatch(IMAGE_NAME, name) else None
