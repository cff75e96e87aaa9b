"""The order of eviction from the full folder: fair between clients, within what is cheap and what is costly to remake.

Pictures that are cheap to make again go first. Then the client whose pictures take most bytes gives its oldest one, the
new picture's bytes included: a flood evicts what the flooding client itself had made, and no other's.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from render_worker.storages.local.files import NOT_OURS, ImageFile


class Newcomer(NamedTuple):
    """The picture that is to be saved."""

    owner: str
    size: int
    costly: bool


def eviction_order(files: Iterable[ImageFile], owners: Mapping[str, str], new: Newcomer) -> Iterator[ImageFile]:
    """Yield the files in the order of their eviction for a new picture; `owners` by the files' paths."""
    found = sorted(files)
    kinds = [[file for file in found if file.costly == costly] for costly in (False, True)]
    return chain.from_iterable(_fairly(kind, owners, new) for kind in kinds)


def _fairly(files: list[ImageFile], owners: Mapping[str, str], new: Newcomer) -> Iterator[ImageFile]:
    """Yield files of one kind, given from the oldest on: each time the oldest of the owner with most bytes."""
    lines: defaultdict[str, deque[ImageFile]] = defaultdict(deque)
    for file in files:
        lines[owners[file.path]].append(file)
    held = {owner: sum(file.size for file in line) for owner, line in lines.items()}
    if new.owner in held and files[0].costly == new.costly:
        held[new.owner] += new.size
    # Of equals the owner of the new picture gives first, and then the one with the older picture.
    heap = [(-size, owner != new.owner, lines[owner][0], owner) for owner, size in held.items()]
    heapq.heapify(heap)
    while heap:
        size, is_other, file, owner = heapq.heappop(heap)
        lines[owner].popleft()
        if lines[owner]:
            heapq.heappush(heap, (size + file.size, is_other, lines[owner][0], owner))
        yield file


def evict(files: Iterable[ImageFile], surplus: int) -> bool:
    """Remove the first files until they make up `surplus` bytes; return whether any was removed."""
    removed = False
    for file in files:
        if surplus <= 0:
            break
        with suppress(*NOT_OURS):
            Path(file.path).unlink(missing_ok=True)
            removed = True
            surplus -= file.size
    return removed
