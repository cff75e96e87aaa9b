"""Clients in a full queue, and in the order of service: which yields, and which comes next."""

import asyncio

import pytest

from render_worker.engines.slots import Slots
from render_worker.errors import QueueFull
from render_worker.generation.admission import Admission
from render_worker.generation.engine_queue import GRANTS_IN_A_ROW, SINGLES_IN_A_ROW, InFlight
from tests.fakes.admission_clients import Request, end_all, request


async def queue_of(clients: str) -> tuple[Admission, Slots, list[Request]]:
    """Return a full queue in which a request of each of these clients waits; "-" is an unknown one."""
    slots = Slots(1)
    admission = Admission(1, len(clients), [slots])
    found = [await request(admission, slots, "the running one")]
    found += [await request(admission, slots, None if client == "-" else client) for client in clients]
    return admission, slots, found


def in_order_of_arrival(admission: Admission, slots: Slots) -> str:
    waiting = sorted(admission.queue_of(slots).waiting, key=lambda waiter: waiter.number)
    return "".join(waiter.client or "-" for waiter in waiting)


async def served(admission: Admission, slots: Slots, count: int, found: list[Request]) -> str:
    """Return the clients of the next requests to be served, one after the other."""
    order = ""
    for _ in range(count):
        (holder,) = admission.queue_of(slots).holders
        order += holder.client or "-"
        await next(one for one in found if one.client == holder.client and one.has_slot).end()
    return order


@pytest.mark.parametrize(
    ("waiting", "comes", "then"),
    [
        ("aaaa", "b", "aaab"),
        ("aaaa", "bb", "aabb"),
        ("aaaa", "bbb", "aabb"),
        ("aaaa", "bc", "aabc"),
        ("aaaa", "bcd", "abcd"),
        ("baaaa", "b", "baaab"),
        ("abaaab", "c", "abaabc"),
        ("aaab", "b", "aabb"),
        ("aabbcc", "d", "aabbcd"),
        ("aaa", "a", "aaa"),
        ("aaa", "-", "aaa"),
        ("---", "a", "---"),
        ("a--", "b", "a--"),
        ("aa--", "b", "a--b"),
        ("-aaa-", "b", "-aa-b"),
        ("aabbb", "a", "aabbb"),
        ("a", "b", "a"),
        ("aa", "ba", "ab"),
        ("abc", "aaaaad", "bcd"),
        ("abc", "aaad", "abc"),
    ],
)
def test_the_client_with_most_in_a_full_queue_yields_to_one_with_less(waiting, comes, then):
    async def scene():
        admission, slots, found = await queue_of(waiting)
        for client in comes:
            found.append(await request(admission, slots, None if client == "-" else client))
        seen = in_order_of_arrival(admission, slots)
        lost = [one.task.exception() for one in found if one.task.done()]
        await end_all(*found)
        return seen, {type(error) for error in lost} <= {QueueFull}, len(lost)

    assert asyncio.run(scene()) == (then, True, len(comes))


def test_a_client_alone_may_use_the_whole_queue_and_another_comes_next():
    async def scene():
        admission, slots, found = await queue_of("a" * 20)
        other = await request(admission, slots, "b")
        await found[0].end()
        running = [waiter.client for waiter in admission.queue_of(slots).holders]
        seen = other.positions[0], [one.positions[-1] for one in found[1:3]]
        await end_all(*found, other)
        return running, *seen

    assert asyncio.run(scene()) == (["b"], 1, [1, 2])


@pytest.mark.parametrize(
    ("waiting", "order"),
    [
        ("aaab", "baaa"),
        ("aabbc", "caabb"),
        ("abcabd", "cdaabb"),
        ("aaabb", "bbaaa"),
        ("---", "---"),
        ("--a", "a--"),
        ("abc", "abc"),
        ("", ""),
    ],
)
def test_the_next_slot_goes_to_the_client_with_the_least_in_flight(waiting, order):
    async def scene():
        admission, slots, found = await queue_of(waiting)
        return await served(admission, slots, 1 + len(waiting), found)

    assert asyncio.run(scene())[len("the running one") :] == order


def test_what_runs_counts_as_in_flight_and_so_does_what_another_engine_has():
    async def scene():
        one, two = Slots(2), Slots(1)
        admission = Admission(4, 20, [one, two])
        found = [await request(admission, one, "a"), await request(admission, two, "b")]
        found += [await request(admission, one, "c"), await request(admission, two, "c")]
        found += [await request(admission, one, client) for client in "aac"]
        positions = [one.positions[-1:] for one in found]
        await end_all(*found)
        return positions

    # Both have three.
    assert asyncio.run(scene()) == [[], [], [], [1], [1], [2], [3]]


def test_positions_are_those_of_the_order_of_service():
    async def scene():
        admission, slots, found = await queue_of("aaa")
        other = await request(admission, slots, "b")
        assert other.task.done() is False
        seen = [list(one.positions) for one in (*found[1:], other)]
        await end_all(*found, other)
        return seen

    # The last of a yields, as there is room for three.
    assert asyncio.run(scene()) == [[1, 2], [2, 3], [3], [1]]


@pytest.mark.parametrize(("others", "most"), [(2, GRANTS_IN_A_ROW), (1, SINGLES_IN_A_ROW)])
def test_a_client_with_more_in_flight_than_all_others_is_still_served(others, most):
    """Others that keep so many in flight without a pause would otherwise have every slot."""

    async def scene():
        slots = Slots(1)
        admission = Admission(1, 20, [slots])
        found = [await request(admission, slots, "busy") for _ in range(5)]
        for turn in range(100):
            number = sum(waiter.client == "other" for waiter in admission.queue_of(slots).waiting)
            found += [await request(admission, slots, "other") for _ in range(others - number)]
            holder = next(one for one in found if one.has_slot)
            if holder.client == "busy" and turn:
                break
            await holder.end()
        await end_all(*found)
        return turn

    assert asyncio.run(scene()) in range(2, most + 3)


def test_what_the_api_tier_tells_of_a_client_counts_as_in_flight():
    """A client that is refused and tries again at once has few here, and many there."""

    async def scene():
        slots = Slots(1)
        admission = Admission(1, 4, [slots])
        found = [await request(admission, slots, client, told=4) for client in "abcde"]
        found.append(await request(admission, slots, "polite", told=1))
        lost = [one.client for one in found if one.task.done()]
        positions = found[-1].positions
        again = await request(admission, slots, "e", told=4)
        refused = again.task.done()
        await found[0].end()
        running = [waiter.client for waiter in admission.queue_of(slots).holders]
        await end_all(*found, again)
        return lost, positions, refused, running

    assert asyncio.run(scene()) == (["e"], [1], True, ["polite"])


def test_the_latest_number_that_was_told_counts_and_none_once_all_have_ended():
    in_flight = InFlight()
    in_flight.add("a", 3)
    in_flight.note("a", 7)
    in_flight.note("b", 9)
    assert (in_flight["a"], in_flight["b"], in_flight.before("b", 9), in_flight.before("a", 0)) == (7, 0, 8, 1)
    in_flight.add("a", 2)
    assert in_flight["a"] == 2
    for _ in range(2):
        in_flight.remove("a")
    assert in_flight["a"] == 0
