"""What a flood of one client leaves to the others in a full queue."""

import asyncio

import pytest

from render_worker.admission import Admission, Places
from render_worker.errors import QueueFull
from tests.worker.admission_clients import Caller, caller, end_all


async def queue_of(clients: str) -> tuple[Admission, Places, list[Caller]]:
    """A full queue in which a request of each of those clients waits, "-" being one that is not known."""
    places = Places(1)
    admission = Admission(1, len(clients), [places])
    found = [await caller(admission, places, "the running one")]
    found += [await caller(admission, places, None if client == "-" else client) for client in clients]
    return admission, places, found


@pytest.mark.parametrize(
    ("waiting", "comes", "then"),
    [
        ("aaaa", "b", "aaab"),
        ("aaaa", "bb", "aabb"),
        ("aaaa", "bbb", "aabb"),
        ("aaaa", "bc", "aabc"),
        ("aaaa", "bcd", "aabc"),
        ("baaaa", "b", "baaab"),
        ("abaaab", "c", "abaabc"),
        ("aaab", "b", "aabb"),
        ("aaa", "a", "aaa"),
        ("aaa", "-", "aaa"),
        ("---", "a", "---"),
        ("a--", "b", "a--"),
        ("aa--", "b", "aa--"),
        ("-aaa-", "b", "-aa-b"),
        ("aabbb", "a", "aabbb"),
        ("a", "b", "a"),
        ("aa", "ba", "ab"),
    ],
)
def test_a_client_with_more_than_half_of_a_full_queue_gives_way_to_one_with_less(waiting, comes, then):
    async def scene():
        admission, places, found = await queue_of(waiting)
        for client in comes:
            found.append(await caller(admission, places, None if client == "-" else client))
        seen = "".join(one.client or "-" for one in places.queue)
        lost = [one.task.exception() for one in found if one.task.done()]
        await end_all(*found)
        return seen, {type(error) for error in lost} <= {QueueFull}, len(lost)

    assert asyncio.run(scene()) == (then, True, len(comes))


def test_a_client_alone_may_use_the_whole_queue_and_another_waits_behind_half_of_it():
    async def scene():
        admission, places, found = await queue_of("a" * 20)
        other = await caller(admission, places, "b")
        for one in found[:20]:  # the running one, and those of a that are left
            await one.end()
        running = places.running, other.task.done()
        await other.end()
        return running, other.positions[0], admission.health().running

    assert asyncio.run(scene()) == ((1, False), 20, 0)
