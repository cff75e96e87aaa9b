"""Group commit: operations share transactions, and none spoils another's."""

import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from image_api.errors import ApiError
from image_api.jobs.database import group_commit
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.errors import DatabaseUnavailable, TooManyJobs
from tests.api.jobs.stored import Stored, at_once, make_tables, new_job
from tests.fakes.processes import wait_until


@pytest.fixture
def stored(database_url) -> Stored:
    make_tables(database_url)
    return Stored(database_url)


class Held:
    """The writer of a store, held within an operation, so that what comes meanwhile is one group."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._begun, self._may_end = threading.Event(), threading.Event()

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._stored.database.write, args=(self._operation,))
        self._thread.start()
        assert self._begun.wait(30)

    def _operation(self, _: Transaction) -> None:
        self._begun.set()
        assert self._may_end.wait(30)

    def __exit__(self, *_: object) -> None:
        self._may_end.set()
        self._thread.join()


def together(stored: Stored, *calls) -> list:
    """Have calls be one group of the writer, in this order; return what each returned or raised."""
    results: dict[int, object] = {}

    def run(index: int) -> None:
        try:
            results[index] = calls[index]()
        except Exception as error:  # noqa: BLE001 - it is the result
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    writes = stored.database._writes._writes
    with Held(stored):
        for index, thread in enumerate(threads):
            thread.start()
            wait_until(lambda index=index: writes.qsize() > index, "the operation waits")
    for thread in threads:
        thread.join(60)
    return [results[index] for index in range(len(calls))]


def transactions(stored: Stored) -> list[int]:
    """Return a list to which each transaction's number of operations is added."""
    counts = []
    fill = stored.database._writes._fill

    def counting(group) -> None:
        fill(group)
        counts.append(len(group.writes))

    stored.database._writes._fill = counting
    return counts


def test_what_arrives_meanwhile_is_one_transaction_in_its_order(stored):
    counts = transactions(stored)
    jobs = together(stored, *[stored.submit] * 20)
    assert counts == [1, 20]
    assert [job.id for job in jobs] == sorted(job.id for job in jobs)


def broken(transaction: Transaction) -> None:
    transaction.connection.execute(text("INSERT INTO queues VALUES ('x', 1, 1), ('y', NULL, 1)"))


def wrong(transaction: Transaction) -> None:
    transaction.connection.execute(text("SELECT 1 AS nonsense nonsense"))


def failing(transaction: Transaction) -> None:
    transaction.connection.execute(text("INSERT INTO queues VALUES ('x', 1, 1)"))
    raise ZeroDivisionError


def refusing(_: Transaction) -> None:
    raise TooManyJobs("no")


@pytest.mark.parametrize(
    ("bad", "raised"), [(broken, "IntegrityError"), (failing, "ZeroDivisionError"), (refusing, "TooManyJobs")]
)
@pytest.mark.parametrize("place", [0, 5, 10])
def test_one_that_fails_spoils_no_other(stored, bad, raised, place):
    calls = [stored.submit] * 10
    calls.insert(place, lambda: stored.database.write(bad))
    results = together(stored, *calls)
    assert type(results.pop(place)).__name__ == raised
    assert len({job.id for job in results}) == 10
    assert sorted(job.id for job in results) == sorted(job.id for job in stored.page())
    assert stored.numbers() == {"one": (10, 0)}


def test_of_two_hundred_that_fail_each_is_tried_twice_at_most(stored):
    calls = []

    def fails(transaction: Transaction) -> None:
        calls.append(1)
        failing(transaction)

    results = together(stored, *[lambda: stored.database.write(fails)] * 199, stored.submit)
    assert len(calls) <= 400
    assert [type(it).__name__ for it in results].count("ZeroDivisionError") == 199
    assert stored.numbers() == {"one": (1, 0)}


def test_what_cannot_be_written_is_its_own_fault(stored):
    """It fails only when the whole group is written, so that it has to be found."""
    calls = [stored.submit] * 4
    calls.insert(2, lambda: stored.store.submit(new_job(request={"prompt": object()})))
    results = together(stored, *calls)
    assert "not JSON serializable" in str(results.pop(2))
    assert sorted(job.id for job in results) == sorted(job.id for job in stored.page())


def test_one_that_raises_what_is_no_exception_does_not_end_the_writer(stored):
    def exits(_: Transaction) -> None:
        raise SystemExit(3)

    def write() -> str:
        try:
            stored.database.write(exits)
        except SystemExit:
            return "exit"
        return "returned"

    assert together(stored, write) == ["exit"]
    assert stored.submit()


def test_it_returns_what_the_operation_returns_and_sees_what_came_before(stored):
    def seen(transaction: Transaction) -> int:
        return int(transaction.connection.execute(text("SELECT pending FROM queues")).scalar_one())

    assert together(stored, stored.submit, lambda: stored.database.write(seen), stored.submit)[1] == 1


def test_the_clock_is_the_databases(stored):
    assert abs(stored.database.write(lambda it: it.now) - time.time()) < 60


def test_what_is_given_up_is_surely_not_carried_out(stored):
    done = []
    with Held(stored):
        with pytest.raises(DatabaseUnavailable) as refused:
            stored.database.write(lambda _: done.append(1), seconds=0.05)
        results = at_once(*[lambda: stored.database.write(lambda _: done.append(1), seconds=0.1)] * 5)
    assert isinstance(refused.value, ApiError)
    assert (refused.value.status, refused.value.retry_after) == (503, 10)
    assert {type(it) for it in results} == {DatabaseUnavailable}
    stored.submit()
    assert done == []


def test_large_images_are_not_one_transaction(stored, monkeypatch):
    monkeypatch.setattr(group_commit, "MAX_GROUP_BYTES", 1000)
    counts = transactions(stored)
    results = together(stored, *[lambda: stored.submit(image=b"x" * 400)] * 7)
    assert counts == [1, 3, 3, 1]
    assert stored.numbers() == {"one": (7, 2800)}
    assert len({job.id for job in results}) == 7


def test_a_statement_that_is_wrong_is_told_from_a_database_that_is_gone(stored):
    with pytest.raises((OperationalError, ProgrammingError), match="nonsense"):
        stored.database.write(wrong)
    with pytest.raises((OperationalError, ProgrammingError), match="nonsense"):
        stored.database.read(lambda connection: connection.execute(text("SELECT 1 AS nonsense nonsense")))
    job = stored.submit()
    assert stored.page() == [job]
