"""Leases over both databases: each job runs in one process at a time, and what a former one brings is refused."""

import contextlib
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_api.jobs.errors import JobOver
from image_api.jobs.job import Outcome
from image_api.jobs.runner.conclusion import Retry
from image_api.jobs.runner.leases import MAX_INTERRUPTIONS, Lease
from image_api.jobs.store.fair_order import JOBS_IN_A_ROW, SINGLES_IN_A_ROW
from tests.api.jobs.processes import DONE, Process

PAST, FUTURE = 1.0, 4e9
AGAIN = Retry(60, {"error": "No.", "code": "engine_failed", "status": 502}, [], [])


@pytest.fixture
def here(database_url) -> Process:
    return Process(database_url)


@pytest.fixture
def there(here, database_url) -> Process:
    return Process(database_url)


def owners(claimed) -> str:
    return "".join(job.owner for job in claimed)


@pytest.mark.parametrize(
    ("submitted", "order"),
    [("aaabc", "bcaaa"), ("abc", "abc"), ("aabbc", "cabab"), ("aaa", "aaa"), ("bbba", "abbb")],
)
def test_the_owner_with_the_fewest_jobs_in_flight_comes_next_and_equals_take_turns(here, submitted, order):
    for owner in submitted:
        here.submit(owner)
    assert owners([job for _ in submitted for job in here.leases.claim(1)]) == order
    assert here.leases.claim(1) == []


def test_several_are_claimed_in_the_same_order_and_of_each_owner_the_oldest_first(here):
    first, second, third = (here.submit("a").id for _ in range(3))
    of_b, of_c = here.submit("b").id, here.submit("c").id
    assert [job.id for job in here.leases.claim(2)] == [of_b, of_c]
    assert [job.id for job in here.leases.claim(9)] == [first, second, third]


def test_what_runs_is_in_flight_as_well(here):
    for owner in "aab":
        here.submit(owner)
    assert owners(here.leases.claim(1)) == "b"
    assert owners(here.leases.claim(1)) == "a"
    here.submit("b")
    here.submit("c")
    assert owners(here.leases.claim(3)) == "cab"


@pytest.mark.parametrize(("others", "in_a_row"), [("b", SINGLES_IN_A_ROW), ("bb", JOBS_IN_A_ROW)])
def test_one_with_many_jobs_is_served_although_others_submit_few_again_and_again(here, others, in_a_row):
    for _ in range(5):
        here.submit("a")
    for owner in others[1:]:
        here.submit(owner)
    order = ""
    while "a" not in order:
        here.submit("b")
        (job,) = here.leases.claim(1)
        order += job.owner
        here.leases.finish(Lease.of(job), DONE)
    assert order == "b" * in_a_row + "a"


def test_a_due_job_is_found_behind_many_owners_that_have_none(here, monkeypatch):
    monkeypatch.setattr("image_api.jobs.runner.leases.owners_in_order", lambda *_: [(1, ["x"]), (2, ["y"])])
    for owner in "ab":
        here.submit(owner)
    assert owners(here.leases.claim(3)) == "ab"


def test_a_claimed_job_is_processing_and_begun(here):
    here.submit()
    (job,) = here.leases.claim(1)
    assert (job.status, job.attempts, job.interruptions) == ("processing", 1, 0)
    assert job.started_at >= job.created_at
    assert not here.leases.is_due()
    assert here.kept() == {}


def test_two_processes_never_claim_the_same_job(here, there):
    ids = {here.submit(f"owner {number % 7}").id for number in range(40)}
    claimed = []
    with ThreadPoolExecutor(8) as pool:
        for jobs in pool.map(lambda number: (here, there)[number % 2].leases.claim(3), range(20)):
            claimed += [job.id for job in jobs]
    assert sorted(claimed) == sorted(ids)


def test_a_lapsed_lease_is_taken_and_the_former_process_changes_nothing_any_more(here, there):
    here.submit()
    (before,) = here.leases.claim(1)
    assert not there.leases.is_due()
    here.set(before, lease_until=PAST)
    assert there.leases.is_due()
    (job,) = there.leases.claim(1)
    assert (job.id, job.attempts, job.interruptions) == (before.id, 2, 1)
    former = Lease.of(before)
    assert here.leases.renew({former: None}).taken == {former}
    assert not here.leases.keep(former, [{"index": 0}])
    assert not here.leases.retry(former, AGAIN)
    assert not here.leases.finish(former, Outcome("failed", error={"code": "timeout"}))
    here.leases.give_back([former])
    assert here.store.get(job.id).status == "processing"
    assert there.leases.finish(Lease.of(job), DONE)
    assert not there.leases.finish(Lease.of(job), DONE)
    assert here.store.get(job.id).images == DONE.images


def test_an_earlier_attempt_of_the_same_process_changes_nothing_either(here, there):
    here.submit()
    (before,) = here.leases.claim(1)
    here.set(before, lease_until=PAST)
    (between,) = there.leases.claim(1)
    there.set(between, lease_until=PAST)
    (job,) = here.leases.claim(1)
    assert job.attempts == 3
    assert not here.leases.finish(Lease.of(before), DONE)
    assert here.leases.finish(Lease.of(job), DONE)


def test_a_process_that_was_paused_goes_on_with_what_none_has_taken(here):
    here.submit()
    (job,) = here.leases.claim(1)
    here.set(job, lease_until=PAST)
    assert here.leases.claim(1, {Lease.of(job)}) == []
    lost = here.leases.renew({Lease.of(job): {"phase": "generating", "message": "Half."}})
    assert (lost.taken, lost.canceled) == (set(), set())
    assert here.value(job, "lease_until") > PAST
    assert here.store.get(job.id).progress == {"phase": "generating", "message": "Half."}


def test_what_a_process_has_claimed_without_knowing_it_is_run_again(here):
    here.submit()
    (lost,) = here.leases.claim(1)  # the connection broke before the answer to the commit
    here.set(lost, lease_until=PAST)
    (job,) = here.leases.claim(1, running=set())
    assert (job.id, job.attempts, job.interruptions) == (lost.id, 2, 1)


def test_a_renewal_tells_of_a_cancellation_elsewhere(here, there):
    here.submit()
    (job,) = here.leases.claim(1)
    there.store.cancel(job.id)
    assert here.leases.renew({Lease.of(job): None}).canceled == {Lease.of(job)}
    assert not here.leases.finish(Lease.of(job), DONE)
    assert here.store.get(job.id).status == "canceled"


def test_what_is_interrupted_too_often_ends_with_the_reason(here, there):
    job = here.submit(image=b"an image")
    here.set(job, interruptions=MAX_INTERRUPTIONS, attempts=MAX_INTERRUPTIONS)
    here.leases.claim(1)
    here.set(job, lease_until=PAST)
    assert there.leases.claim(1) == []
    ended = here.store.get(job.id)
    assert (ended.status, ended.error["code"], ended.error["status"]) == ("failed", "job_interrupted", 503)
    assert here.leases.image_of(job) is None
    assert here.kept() == {}


def test_what_was_made_before_too_many_interruptions_is_kept(here, there):
    job = here.submit(n=3)
    (claimed,) = here.leases.claim(1)
    assert here.leases.keep(Lease.of(claimed), [{"index": 1, "image_url": "/images/b.png"}])
    here.set(job, interruptions=MAX_INTERRUPTIONS, lease_until=PAST)
    there.leases.claim(1)
    ended = here.store.get(job.id)
    assert (ended.status, [it["index"] for it in ended.images]) == ("completed", [1])
    assert [(it["index"], it["code"]) for it in ended.failed] == [(0, "job_interrupted"), (2, "job_interrupted")]


def test_of_a_cancellation_and_a_finish_one_counts(here, there):
    for _ in range(8):
        here.submit(image=b"an image")
        (job,) = here.leases.claim(1)
        with ThreadPoolExecutor(2) as pool:
            finishing = pool.submit(here.leases.finish, Lease.of(job), DONE)
            cancelling = pool.submit(there.store.cancel, job.id)
        assert finishing.result() == (cancelling.exception() is not None)
        assert isinstance(cancelling.exception(), JobOver | None)
        assert here.store.get(job.id).status == ("completed" if finishing.result() else "canceled")
    assert here.kept() == {}


def test_a_retry_waits_for_its_time(here):
    here.submit()
    (job,) = here.leases.claim(1)
    assert here.leases.retry(Lease.of(job), AGAIN)
    waiting = here.store.get(job.id)
    assert (waiting.status, waiting.attempts, waiting.error) == ("pending", 1, AGAIN.error)
    assert waiting.not_before == pytest.approx(job.started_at + AGAIN.seconds, abs=30)
    assert here.kept() == {"one": (1, 0)}
    assert not here.leases.is_due()
    assert here.leases.claim(1) == []
    here.set(job, not_before=PAST)
    assert [it.attempts for it in here.leases.claim(1)] == [2]


def test_what_is_given_back_is_taken_at_once_as_if_it_had_not_begun(here, there):
    here.submit()
    (job,) = here.leases.claim(1)
    here.leases.give_back([Lease.of(job)])
    assert here.store.get(job.id).status == "pending"
    (again,) = there.leases.claim(1)
    assert (again.attempts, again.interruptions, job.is_repeated, again.is_repeated) == (1, 0, False, True)


def test_a_job_cancelled_while_pending_never_begins(here):
    job = here.submit()
    here.store.cancel(job.id)
    assert not here.leases.is_due()
    assert here.leases.claim(1) == []


def test_a_clock_that_was_set_back_holds_up_neither_a_retry_nor_a_takeover(here, there):
    here.submit()
    (job,) = here.leases.claim(1)
    here.set(job, lease_until=FUTURE)
    (taken,) = there.leases.claim(1)
    assert taken.id == job.id
    there.leases.retry(Lease.of(taken), AGAIN)
    here.set(job, not_before=FUTURE)
    assert here.leases.is_due()
    assert len(here.leases.claim(1)) == 1


def test_an_idle_process_writes_nothing(here):
    here.submit()
    here.leases.claim(1)
    written = []
    here.database.write = lambda *arguments: written.append(arguments)
    assert not here.leases.is_due()
    assert written == []


def test_the_queues_numbers_are_those_of_the_rows_whatever_happens(here, there):
    chance = random.Random(18)
    held: list[tuple[Process, Lease]] = []
    for _ in range(120):
        process = chance.choice((here, there))
        match chance.randrange(7):
            case 0 | 1:
                process.submit(chance.choice("abc"), image=chance.choice((None, b"xx")))
            case 2:
                held += [(process, Lease.of(job)) for job in process.leases.claim(2)]
            case _ if not held:
                continue
            case 3:
                owner, lease = held.pop(chance.randrange(len(held)))
                owner.leases.finish(lease, DONE)
            case 4:
                owner, lease = held.pop()
                owner.leases.retry(lease, Retry(0, {}, [], []))
            case 5:
                owner, lease = held.pop()
                owner.leases.give_back([lease])
            case 6:
                owner, lease = chance.choice(held)
                owner.set(owner.store.get(lease.job_id), lease_until=PAST)
                if chance.random() < 0.5:
                    with contextlib.suppress(JobOver):
                        process.store.cancel(lease.job_id)
        assert here.kept() == here.counted()
