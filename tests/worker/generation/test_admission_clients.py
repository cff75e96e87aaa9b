"""Eviction of a client's requests from a full queue."""

import asyncio

import pytest

from render_worker.engines.slots import Slots
from render_worker.errors import QueueFull
from render_worker.generation.admission import Admission
from tests.fakes.admission_clients import Request, end_all, request


async def queue_of(clients: str) -> tuple[Admission, Slots, list[Request]]:
    """Return a full queue in which a request of each of these clients waits; "-" is an unknown one."""
    slots = Slots(1)
    admission = Admission(1, len(clients), [slots])
    found = [await request(admission, slots, "the running one")]
    found += [await request(admission, slots, None if client == "-" else client) for client in clients]
    return admission, slots, found


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
def test_a_client_with_more_than_half_of_a_full_queue_is_evicted_for_one_with_less(waiting, comes, then):
    async def scene():
        admission, slots, found = await queue_of(waiting)
        for client in comes:
            found.append(await request(admission, slots, None if client == "-" else client))
        seen = "".join(one.client or "-" for one in admission.queue_of(slots).waiting)
        lost = [one.task.exception() for one in found if one.task.done()]
        await end_all(*found)
        return seen, {type(error) for error in lost} <= {QueueFull}, len(lost)

    assert asyncio.run(scene()) == (then, True, len(comes))


def test_a_client_alone_may_use_the_whole_queue_and_another_waits_behind_half_of_it():
    async def scene():
        admission, slots, found = await queue_of("a" * 20)
        other = await request(admission, slots, "b")
        for one in found[:20]:  # the running one, and those of a that are left
            await one.end()
        running = admission.queue_of(slots).running, other.task.done()
        await other.end()
        return running, other.positions[0], admission.health().running

    assert asyncio.run(scene()) == ((1, False), 20, 0)
