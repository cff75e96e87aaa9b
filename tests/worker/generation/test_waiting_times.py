"""The time that a waiting client is told: never less than what the running pictures still take by their own record."""

import asyncio
from dataclasses import dataclass, field

import pytest

from render_worker.contract import Progress
from render_worker.engines.slots import Slots
from render_worker.generation.admission import Admission
from render_worker.generation.latency import Latencies
from render_worker.generation.progress import ProgressReporter
from tests.fakes.virtual_time import run_virtually

USUAL = {"slow": 10.0, "quick": 2.0}


@dataclass(eq=False)
class Picture:
    """A request, and what its client was told, each with its time."""

    told: list[tuple[float, Progress]] = field(default_factory=list)
    reporter: ProgressReporter | None = None
    task: asyncio.Task | None = None

    def expected(self) -> list[tuple[float, int | None]]:
        return [(at, progress.expected_seconds) for at, progress in self.told if progress.phase == "queued"]


class Worker:
    """What the pipeline makes of admission, latencies and reporters, with pictures that take the test's time."""

    def __init__(self, concurrency: int = 8, recent: tuple[float, ...] = (10,) * 8 + (60,) * 2, **slots: int) -> None:
        self.slots = {name: Slots(size) for name, size in (slots or {"slow": 1}).items()}
        self.admission = Admission(concurrency, 10, self.slots.values())
        self.latencies = Latencies()
        self.begun = asyncio.get_running_loop().time()
        for seconds in recent:
            self.latencies.add("slow", seconds)
        self.latencies.add("quick", 2)

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time() - self.begun

    async def until(self, moment: float) -> None:
        await asyncio.sleep(moment - self.now)

    def ask(self, seconds: float, engine: str = "slow", says: int | None = None) -> Picture:
        picture = Picture()
        slots = self.slots[engine]
        picture.reporter = ProgressReporter(
            "an-id",
            engine,
            self.latencies,
            lambda progress: picture.told.append((round(self.now, 2), progress)),
            usual=USUAL[engine],
            slots=lambda: self.admission.seconds_to_slots(slots),
        )
        picture.task = asyncio.create_task(self._make(picture, slots, seconds, says))
        return picture

    async def _make(self, picture: Picture, slots: Slots, seconds: float, says: int | None) -> None:
        reporter = picture.reporter
        async with self.admission.slot(slots, reporter.queued, remaining=lambda: reporter.remaining):
            reporter.begin()
            reporter("generating", expected_seconds=says)
            await asyncio.sleep(seconds)


@pytest.fixture
def virtually(monkeypatch):
    return lambda scene: run_virtually(scene(), monkeypatch)


@pytest.mark.parametrize(("comes", "told"), [(1, 19), (4, 16), (9, 11), (20, 50), (59, 11), (100, 35)])
def test_a_client_behind_one_picture_is_told_what_that_still_takes_and_its_own_time(virtually, comes, told):
    """The median is 10 and the p90 60 seconds; it was told 20 at any time."""

    async def scene():
        worker = Worker()
        worker.ask(300)
        await worker.until(comes)
        second = worker.ask(1)
        await asyncio.sleep(0)
        return second.expected()

    assert virtually(scene) == [(comes, told)]


def test_it_hears_of_it_if_the_picture_takes_longer_than_it_was_told(virtually):
    async def scene():
        worker = Worker()
        first = worker.ask(50)
        await worker.until(4)
        second = worker.ask(1)
        differences = []
        while worker.now < 49:
            await asyncio.sleep(1.5)
            at, told = second.expected()[-1]
            differences.append(at + told - worker.now - first.reporter.remaining)
        return second.expected(), differences

    expected, differences = virtually(scene)
    assert expected[0] == (4, 16)
    assert expected[1][0] - 10 <= 1  # when the first had exceeded the median
    assert min(differences) >= 9  # so is its own time, a second for the report
    assert len(expected) == 2  # and no other report than that


def test_an_overdue_picture_is_never_expected_to_end_at_once(virtually):
    async def scene():
        worker = Worker()
        worker.ask(400)
        await worker.until(5)
        second = worker.ask(1)
        left = []
        while worker.now < 390:
            await asyncio.sleep(3.3)
            at, told = second.expected()[-1]
            left.append(at + told - worker.now)
        return second.expected(), left

    expected, left = virtually(scene)
    assert min(left) > 10
    late = [told for at, told in expected if at > 60]
    assert late == sorted(late)
    assert len(late) < 40  # and yet it is no flood


@pytest.mark.parametrize(("slots", "told"), [(2, [13, 18, 23]), (3, [10, 13, 18])])
def test_each_slot_is_counted_by_what_is_left_of_it(virtually, slots, told):
    async def scene():
        worker = Worker(recent=(10,), slow=slots)
        worker.ask(10)
        await worker.until(5)
        worker.ask(10)
        await worker.until(7)
        waiting = [worker.ask(1) for _ in range(3)]
        await asyncio.sleep(0)
        return [(it.expected() or [(0, 10)])[0][1] for it in waiting]

    assert virtually(scene) == told


def test_the_next_one_waits_for_the_one_that_has_just_been_let_in(virtually):
    async def scene():
        worker = Worker(recent=(10,))
        worker.ask(6)
        await worker.until(1)
        worker.ask(10)
        third = worker.ask(10)
        await worker.until(6.5)
        return third.expected()

    assert virtually(scene) == [(1, 29), (6, 20)]


def test_another_engine_s_picture_may_hold_the_slot_that_it_waits_for(virtually):
    async def scene():
        worker = Worker(concurrency=1, slow=1, quick=1)
        worker.ask(300)
        await worker.until(20)
        second = worker.ask(1, "quick")
        await asyncio.sleep(0)
        return second.expected()

    assert virtually(scene) == [(20, 42)]


def test_what_the_service_itself_says_counts(virtually):
    async def scene():
        worker = Worker()
        worker.ask(90, says=90)
        await worker.until(30)
        second = worker.ask(1)
        await asyncio.sleep(0)
        return second.expected()

    assert virtually(scene) == [(30, 70)]


def test_before_the_first_picture_nothing_is_told(virtually):
    async def scene():
        worker = Worker(recent=())
        worker.ask(10)
        await worker.until(3)
        second = worker.ask(1)
        await worker.until(9)
        return second.expected()

    assert virtually(scene) == [(3, None)]


def test_a_full_queue_has_room_when_the_running_picture_ends(virtually):
    async def scene():
        worker = Worker()
        worker.ask(300)
        found = []
        for moment in (4, 20, 100):
            await worker.until(moment)
            found.append(
                worker.latencies.seconds_to_slot("slow", worker.admission.seconds_to_slots(worker.slots["slow"]))
            )
        return found

    assert virtually(scene) == [6, 40, 25]
