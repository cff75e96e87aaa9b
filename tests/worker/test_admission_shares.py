"""What a flood at one engine, or of one client, leaves to the others."""

import asyncio
import random

import pytest

from render_worker.admission import CLIENT, Admission, Places
from render_worker.errors import QueueFull
from tests.worker.test_admission import Caller, callers, settled


async def caller(admission: Admission, places: Places, client: str | None = None) -> Caller:
    """A request of that client's."""
    CLIENT.set(client)
    found = Caller(admission, places)
    CLIENT.set(None)
    await settled()
    return found


def counted(*engines: Places) -> list[tuple[int, int]]:
    """How many run and wait at each engine."""
    return [(places.running, len(places.queue)) for places in engines]


async def end_all(*found: Caller) -> None:
    for one in found:
        one.task.cancel()
    await asyncio.gather(*(one.task for one in found), return_exceptions=True)


def test_a_flood_of_a_cheap_engine_leaves_the_others_their_places_and_their_queue():
    async def scene():
        slow, web, cheap = Places(1), Places(4), Places(8, cheap=True)
        admission = Admission(8, 20, [slow, web, cheap])
        flood = await callers(admission, cheap, 50)
        alone = counted(cheap)
        fives = await callers(admission, slow, 5), await callers(admission, web, 9)
        beside = counted(slow, web, cheap)
        await end_all(*flood, *fives[0], *fives[1])
        return alone, beside, counted(slow, web, cheap)

    alone, beside, after = asyncio.run(scene())
    assert alone == [(3, 20)]  # one place more than the engines have between them would be the last
    assert beside == [(1, 4), (4, 5), (3, 11)]
    assert after == [(0, 0)] * 3


@pytest.mark.parametrize(("all_places", "cheap_ones"), [(4, 3), (3, 2), (2, 1), (1, 1)])
def test_a_cheap_engine_never_holds_the_last_place_unless_there_is_no_other(all_places, cheap_ones):
    async def scene():
        slow, cheap = Places(1), Places(all_places, cheap=True)
        admission = Admission(all_places, 20, [slow, cheap])
        found = await callers(admission, cheap, 10)
        running = cheap.running
        found += await callers(admission, slow, 1)
        beside = slow.running
        await end_all(*found)
        return running, beside, admission.at_a_time(cheap)

    assert asyncio.run(scene()) == (cheap_ones, int(all_places > 1), cheap_ones)


def test_with_one_place_a_cheap_engine_runs_when_nothing_else_waits():
    async def scene():
        slow, cheap = Places(1), Places(1, cheap=True)
        admission = Admission(1, 20, [slow, cheap])
        running, waiting = await callers(admission, cheap, 2)
        later = await callers(admission, slow, 2)
        seen = [counted(slow, cheap)]
        for one in (running, *later, waiting):
            await one.end()
            seen.append(counted(slow, cheap))
        return seen

    assert asyncio.run(scene()) == [
        [(0, 2), (1, 1)],
        [(1, 1), (0, 1)],
        [(1, 0), (0, 1)],
        [(0, 0), (1, 0)],
        [(0, 0), (0, 0)],
    ]


@pytest.mark.parametrize("all_places", [2, 3, 8])
def test_a_flood_of_an_engine_that_is_asked_by_http_leaves_the_others_theirs_too(all_places):
    async def scene():
        web, slow, cheap = Places(4), Places(1), Places(all_places, cheap=True)
        admission = Admission(all_places, 20, [web, slow, cheap])
        flood = await callers(admission, web, 60)
        full = counted(web)
        others = [*await callers(admission, slow, 3), *await callers(admission, cheap, 2)]
        beside = counted(slow)
        total = admission.health()
        kept_out = [isinstance(one.task.exception(), QueueFull) for one in others if one.task.done()]
        await end_all(*flood, *others)
        return full, beside, total.waiting, kept_out

    full, beside, waiting, kept_out = asyncio.run(scene())
    assert full == [({2: 1, 3: 2, 8: 4}[all_places], 20)]
    assert (beside, waiting, kept_out) == ([(1, 2)], 20, [])


def test_what_is_saved_takes_no_place_from_an_engine_that_is_idle():
    async def scene():
        web, slow = Places(2), Places(1)
        admission = Admission(4, 20, [web, slow])
        async with admission.place(web, [].append) as leave, admission.place(web, [].append) as leave_too:
            leave()
            leave_too()
            more = await callers(admission, web, 4)
            seen = counted(web)
            more += await callers(admission, slow, 1)
            beside = counted(slow)
            await end_all(*more)
        return seen, beside, counted(web, slow)

    assert asyncio.run(scene()) == ([(3, 3)], [(1, 0)], [(0, 0), (0, 0)])


def test_an_engine_alone_may_use_the_whole_queue():
    async def scene():
        slow, cheap = Places(1), Places(4, cheap=True)
        admission = Admission(4, 2, [slow, cheap])
        found = await callers(admission, slow, 4)
        refused = [one.task.exception() for one in found if one.task.done()]
        seen = counted(slow)
        await end_all(*found[:3])
        return seen, [type(error) for error in refused]

    assert asyncio.run(scene()) == ([(1, 2)], [QueueFull])


def test_the_newest_beyond_an_engine_s_share_gives_way_and_the_others_move_up():
    async def scene():
        slow, cheap = Places(1), Places(1, cheap=True)
        admission = Admission(1, 3, [slow, cheap])
        flood = await callers(admission, cheap, 4)
        new = await caller(admission, slow)
        with pytest.raises(QueueFull, match="gave way") as given:
            await flood[3].task
        seen = counted(slow, cheap)
        await end_all(*flood[:3], new)
        return seen, given.value.retry_after, [one.positions for one in (*flood, new)]

    assert asyncio.run(scene()) == ([(0, 1), (1, 2)], 15, [[], [1], [2, 1], [3], [1]])


def test_what_moves_on_from_another_engine_keeps_nobody_from_his_share():
    """A crowd that falls back from one engine may fill another's queue beyond its share."""

    async def again(admission, places):
        async with admission.place(places, [].append, again=True):
            await asyncio.sleep(60)

    async def scene():
        one, two = Places(1), Places(1)
        admission = Admission(2, 4, [one, two])
        crowd = [asyncio.create_task(again(admission, two)) for _ in range(7)]
        found = await callers(admission, one, 3)
        seen = counted(one, two)
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        await end_all(*found)
        return seen

    assert asyncio.run(scene()) == [(1, 2), (1, 3)]


def test_a_crowd_that_moves_on_is_bounded():
    """What fails at one engine at once, and is no failure of the engine's, could fill the worker's threads else."""

    async def again(admission, places):
        async with admission.place(places, [].append, again=True):
            await asyncio.sleep(60)

    async def scene():
        one, two = Places(1), Places(1)
        admission = Admission(2, 4, [one, two])
        crowd = [asyncio.create_task(again(admission, two)) for _ in range(50)]
        await asyncio.sleep(0.05)
        seen = [counted(one, two)]
        refused = [task for task in crowd if task.done()]
        assert all(isinstance(task.exception(), QueueFull) for task in refused)
        seen.append(len(refused))
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        return seen

    assert asyncio.run(scene()) == [[(0, 0), (1, 5)], 44]


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


def test_one_that_is_cancelled_in_the_moment_of_its_turn_gives_everything_back():
    async def scene():
        places = Places(1)
        admission = Admission(1, 5, [places])
        first, second, third = await callers(admission, places, 3)
        second.task.cancel()
        first.task.cancel()
        await settled()
        seen = counted(places)
        await third.end()
        third.task.cancel()
        await settled()
        return seen, counted(places)

    assert asyncio.run(scene()) == ([(1, 0)], [(0, 0)])


class Chance:
    """Requests that arrive, end and are given up at random."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.size, self.queue_size = self._random.choice([1, 2, 3, 5, 8]), self._random.choice([0, 1, 4, 20])
        self.engines = [Places(1), Places(4), Places(2)][: self._random.randint(1, 3)]
        self.cheap = Places(self.size, cheap=True)
        self.all = [*self.engines, self.cheap]
        self.admission = Admission(self.size, self.queue_size, self.all)
        self.callers: list[Caller] = []

    async def step(self) -> None:
        if not self.callers or self._random.random() < 0.6:
            places = self._random.choice(self.all)
            has_room = not places.cheap and self.admission.health().running < self.size
            self.callers.append(await caller(self.admission, places, self._random.choice([None, *"aab"])))
            assert places.running or not has_room  # whatever the others do
        else:
            one = self.callers.pop(self._random.randrange(len(self.callers)))
            if self._random.random() < 0.5:
                one.task.cancel()
            await one.end()
        for one in self.callers:
            assert not one.task.done() or isinstance(one.task.exception(), QueueFull)
        self.callers = [one for one in self.callers if not one.task.done()]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_comes_and_goes_the_bounds_hold_and_every_request_has_its_turn(seed):
    async def scene():
        chance = Chance(seed)
        for _ in range(400):
            await chance.step()
            found = chance.admission.health()
            assert (found.running <= chance.size, found.waiting <= chance.queue_size) == (True, True)
            assert all(places.making <= places.size for places in chance.all)
            assert chance.cheap.running <= max(1, chance.size - 1)
            if chance.size > len(chance.engines):
                assert all(places.running for places in chance.engines if places.queue)
        for one in chance.callers:
            await one.end()
        await asyncio.gather(*(one.task for one in chance.callers))
        return counted(*chance.all), {places.making for places in chance.all}

    found, making = asyncio.run(scene())
    assert (set(found), making) == ({(0, 0)}, {0})
