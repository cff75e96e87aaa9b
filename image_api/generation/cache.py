"""The store behind the typed results: in this process's memory, or in Redis for all processes. It also gives leases.

A cache forgets and never fails: while Redis cannot be reached, nothing is stored and nothing is found.
"""

import contextlib
import threading
from dataclasses import dataclass
from typing import Protocol

from cachetools import LRUCache

from render_worker.serving.deadline import Deadline

ENTRY_BYTES = 500  # what an entry takes in memory besides its value


@dataclass(frozen=True)
class Kind:
    """A kind of entries, with a bound of its own, so that a flood of one evicts no other."""

    key: str
    """The format of the Redis key around ours."""
    memory_bytes: int


class Cache(Protocol):
    """Stores bytes by kind and key, each with a TTL in seconds. Thread-safe; no method raises if Redis is away."""

    shared: bool
    """Whether other processes may store entries and hold leases, too."""

    def get(self, kind: Kind, key: str) -> bytes | None:
        """Return the value, None if there is none or if it has expired."""

    def put(self, kind: Kind, key: str, value: bytes, seconds: float) -> None:
        """Store a value for `seconds`."""

    def add(self, kind: Kind, key: str, value: bytes, seconds: float) -> bool:
        """Store a value for `seconds` if there is none. Returns whether it is stored."""

    def drop(self, kind: Kind, key: str) -> None:
        """Delete a value."""

    def lease(self, kind: Kind, key: str) -> bool:
        """Take the lease of a key, renewed until it is released. Returns False if another process has it."""

    def leased(self, kind: Kind, key: str) -> bool:
        """Return whether a process has the lease of a key."""

    def release(self, kind: Kind, key: str) -> None:
        """Release a lease."""

    def close(self) -> None:
        """Close the connections, and renew no lease any more: this process ends."""


Entry = tuple[Deadline, bytes]


class MemoryCache:
    """The cache of one process: no other one could hold a lease."""

    shared = False

    def __init__(self) -> None:
        self._entries: dict[Kind, LRUCache[str, Entry]] = {}
        self._lock = threading.Lock()

    def get(self, kind: Kind, key: str) -> bytes | None:
        with self._lock:
            return self._get(kind, key)

    def put(self, kind: Kind, key: str, value: bytes, seconds: float) -> None:
        with self._lock:
            self._put(kind, key, value, seconds)

    def add(self, kind: Kind, key: str, value: bytes, seconds: float) -> bool:
        with self._lock:
            if self._get(kind, key) is not None:
                return False
            self._put(kind, key, value, seconds)
            return True

    def drop(self, kind: Kind, key: str) -> None:
        with self._lock:
            self._entries_of(kind).pop(key, None)

    def lease(self, kind: Kind, key: str) -> bool:
        return True

    def leased(self, kind: Kind, key: str) -> bool:
        return False

    def release(self, kind: Kind, key: str) -> None:
        pass

    def close(self) -> None:
        pass

    def _entries_of(self, kind: Kind) -> LRUCache[str, Entry]:
        if kind not in self._entries:
            self._entries[kind] = LRUCache(kind.memory_bytes, getsizeof=_size)
        return self._entries[kind]

    def _get(self, kind: Kind, key: str) -> bytes | None:
        entry = self._entries_of(kind).get(key)
        return entry[1] if entry and not entry[0].expired else None

    def _put(self, kind: Kind, key: str, value: bytes, seconds: float) -> None:
        with contextlib.suppress(ValueError):  # it alone is larger than the bound of its kind
            self._entries_of(kind)[key] = Deadline.after(seconds), value


def _size(entry: Entry) -> int:
    return ENTRY_BYTES + len(entry[1])
