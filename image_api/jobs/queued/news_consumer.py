"""The consumer of the queue's news: all processes of a database share them as one group, and no entry is lost."""

import logging
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError
from redis import Redis, ResponseError

from image_api.jobs.queued.loop import Loop
from image_api.outbound.redis_clients import BLOCK_SECONDS, close_idle
from render_worker.contract import NEWS, NEWS_FIELD, QueueNews
from render_worker.serving.deadline import Deadline

BATCH = 200
CLAIM_SECONDS = 5.0
"""After which the entries of a process that does not acknowledge them go to another."""
FORGET_SECONDS = 3600.0  # after which a process that took nothing is forgotten
NEW, OWN = ">", "0"  # positions: entries that no process has, and those that this one has not acknowledged

log = logging.getLogger(__name__)

Entry = tuple[bytes, dict[bytes, bytes]]


class NewsConsumer:
    """Hands news on in batches, each acknowledged once that was written. Thread-safe."""

    def __init__(self, redis: Redis, group: str, take: Callable[[list[QueueNews]], object]) -> None:
        """Read by a client that may block."""
        self._redis = redis
        self._group = group
        self._name = secrets.token_hex(8)
        self._take = take
        self._position = NEW
        self._claim_at = Deadline.after(0)
        self.loop = Loop("consumer", self._step, partial(close_idle, redis))

    def _step(self) -> float:
        try:
            entries = self._entries()
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._make_group()  # Redis has lost its memory, or is a new one
            return 0.0
        if entries:
            self._position = OWN  # also if what follows fails
            self._take([news for _, fields in entries if (news := _parsed(fields))])
            self._redis.xack(NEWS, self._group, *(entry_id for entry_id, _ in entries))
        self._position = NEW
        return 0.0

    def _entries(self) -> Sequence[Entry]:
        """Return the next entries: those that another process left, or those of this one, or new ones."""
        if self._claim_at.expired:
            self._claim_at = Deadline.after(CLAIM_SECONDS)
            if self._claim_left():
                self._position = OWN
        streams: Any = self._redis.xreadgroup(
            self._group,
            self._name,
            {NEWS: self._position},
            count=BATCH,
            block=round(BLOCK_SECONDS * 1000),
        )
        return [(entry_id, fields or {}) for _, entries in streams or () for entry_id, fields in entries]

    def _claim_left(self) -> bool:
        """Make entries that another process left those of this one. Returns False if there are none."""
        idle = round(CLAIM_SECONDS * 1000)
        # Their ids alone: Redis 6.2 gives no id with an entry that was trimmed.
        claimed: Any = self._redis.xautoclaim(NEWS, self._group, self._name, idle, count=BATCH, justid=True)
        consumers: Any = self._redis.xinfo_consumers(NEWS, self._group)
        for it in consumers:
            if not it["pending"] and it["idle"] > FORGET_SECONDS * 1000:
                self._redis.xgroup_delconsumer(NEWS, self._group, it["name"])
        return bool(claimed)

    def _make_group(self) -> None:
        try:
            self._redis.xgroup_create(NEWS, self._group, "0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):  # another process was faster
                raise


def _parsed(fields: dict[bytes, bytes]) -> QueueNews | None:
    """Return an entry's news; None if it was trimmed, or if this version does not understand it."""
    text = fields.get(NEWS_FIELD.encode())
    try:
        return QueueNews.model_validate_json(text) if text else None
    except ValidationError:
        log.warning("an entry of the queue's news is not one that this version understands")
        return None
