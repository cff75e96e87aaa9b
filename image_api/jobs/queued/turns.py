"""Which pending jobs go into the queue next, in fair order: little waits there, where none can be overtaken."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Any

from sqlalchemy import (
    Connection,
    CursorResult,
    Row,
    Select,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
)

from image_api.jobs.database.tables import PENDING, PROCESSING, by_index, jobs
from image_api.jobs.runner.leases import IS_DUE
from image_api.jobs.store.fair_order import oldest, owners_in_order
from render_worker.contract import AUTO_QUEUE

MIN_WINDOW = 20  # refilled within some 50 ms of each news; so many wait there before the first has begun
MAX_IMAGE_BYTES = 64 * 1024 * 1024  # of the images that lie in Redis
MODEL_IMAGE_BYTES = 16 * 1024 * 1024  # of those that a model may have there, whatever others have
MAX_INTEGER = 2**31 - 1  # of the column of an image's size

MODEL = func.coalesce(jobs.c.request["model"].as_string(), literal_column(f"'{AUTO_QUEUE}'"))
IS_UNPUBLISHED = IS_DUE & jobs.c.published_at.is_(None)
IS_PUBLISHED = PENDING & jobs.c.published_at.is_not(None)
IMAGE_BYTES = func.coalesce(func.sum(jobs.c.image_bytes), 0)
WAITING = by_index(
    select(MODEL.label("model"), func.count().label("jobs"), IMAGE_BYTES.label("bytes"))
    .where(IS_PUBLISHED)
    .group_by(text("1")),
    "jobs_published",
)
RUNNING = by_index(select(func.count(), IMAGE_BYTES).where(PROCESSING), "jobs_processing")
FIRST = by_index(select(jobs).where(IS_UNPUBLISHED).order_by(jobs.c.owner, jobs.c.id).limit(1), "jobs_pending")
FIRST_AFTER = FIRST.where(jobs.c.owner > bindparam("last"))
OLDEST = oldest(select(jobs).where(IS_UNPUBLISHED))
OF_OWNER = by_index(
    select(jobs)
    .where(IS_UNPUBLISHED & (jobs.c.owner == bindparam("its_owner")))
    .order_by(jobs.c.owner, jobs.c.id)
    .limit(bindparam("room")),
    "jobs_pending",
)


@dataclass(frozen=True)
class Window:
    """What of the jobs is in the queue, or begun. One whose Celery worker is gone keeps no other model's out."""

    waiting: Mapping[str, int]
    """Jobs in the queue, by their models."""
    running: int
    image_bytes: Mapping[str, int]
    """Of those that wait, by their models."""
    running_bytes: int
    models: Collection[str] = ()
    """Those whose queues take more: a model that no Celery worker has told of has none."""

    @property
    def size(self) -> int:
        """Return how many jobs of a model may wait in the queue: as many as are made at a time."""
        return max(MIN_WINDOW, self.running)

    @property
    def open(self) -> list[str]:
        """Return the models of which more jobs may wait."""
        return [model for model in self.models if self.waiting.get(model, 0) < self.size]

    def fitting(self, rows: Iterable[Row[Any]]) -> Iterator[Row[Any]]:
        """Yield the rows that there is room for, also for their images in Redis."""
        waiting, images = Counter(self.waiting), Counter(self.image_bytes)
        for row in rows:
            model = row.request.get("model", AUTO_QUEUE)
            if waiting[model] < self.size and row.image_bytes <= self.image_room(model, images):
                waiting[model] += 1
                images[model] += row.image_bytes
                yield row

    def image_room(self, model: str, images: Mapping[str, int]) -> int:
        """Return how many bytes a model's next image may have beside those that wait; the only one may have any."""
        of_model = self.running_bytes + images.get(model, 0)
        of_all = self.running_bytes + sum(images.values())
        return max(MODEL_IMAGE_BYTES - of_model, MAX_IMAGE_BYTES - of_all, 0) if of_model else MAX_INTEGER


def window_of(connection: Connection, models: Collection[str] = ()) -> Window:
    """Return what is in the queue, of all processes of this service, with room for these models."""
    waiting = connection.execute(WAITING).all()
    running, image_bytes = connection.execute(RUNNING).one()
    jobs_of, bytes_of = ({row.model: int(row[at]) for row in waiting} for at in (1, 2))
    return Window(jobs_of, int(running), bytes_of, int(image_bytes), models)


def is_any_due(connection: Connection, now: float, window: Window | None = None) -> bool:
    """Return whether a job is due that is not in the queue, and that the window has room for, if there is one."""
    query = _fitting(FIRST, window) if window else FIRST
    return connection.execute(query, {"now": now}).first() is not None


def turns_of(
    connection: Connection, now: float, last_owner: str, window: Window, *, by_age: bool = False
) -> list[Row[Any]]:
    """Return the next jobs: those of the owners with the fewest in flight, of equal owners in turn; or the oldest."""
    turns = _Turns(connection, now, window)
    if by_age:
        return turns.oldest()
    found: list[Row[Any]] = []
    for _, equals in owners_in_order(connection, last_owner):
        room = window.size - len(found)
        if room <= 0:
            break
        lines = [turns.of_owner(owner, room) for owner in equals]
        found += islice(filter(None, chain.from_iterable(zip_longest(*lines))), room)
    return found or turns.next_after(last_owner)  # those owners that were looked at have none that is due


class _Turns:
    """The lines of owners, of the models that have room."""

    def __init__(self, connection: Connection, now: float, window: Window) -> None:
        self._connection = connection
        self._now = now
        self._window = window

    def oldest(self) -> list[Row[Any]]:
        """Return the oldest job, if there is one."""
        return list(self._rows(OLDEST))

    def next_after(self, owner: str) -> list[Row[Any]]:
        """Return the oldest job of the next owner, if there is one."""
        return list(self._rows(FIRST_AFTER, last=owner)) or list(self._rows(FIRST))

    def of_owner(self, owner: str, room: int) -> Iterable[Row[Any]]:
        """Return the next jobs of an owner."""
        return self._rows(OF_OWNER, its_owner=owner, room=room)

    def _rows(self, query: Select[Any], **given: object) -> CursorResult[Any]:
        return self._connection.execute(_fitting(query, self._window), {"now": self._now, **given})


def _fitting(query: Select[Any], window: Window) -> Select[Any]:
    """Return a query of the jobs that have room: their models, and their images."""
    room = {model: window.image_room(model, window.image_bytes) for model in window.open}
    fits = (MODEL.in_([model]) & (jobs.c.image_bytes <= size) for model, size in room.items())
    return query.where(or_(false(), *fits))
