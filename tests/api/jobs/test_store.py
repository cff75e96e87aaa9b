"""The store of jobs on both databases: submit, status, list, cancel, idempotency, places in the queue."""

import time
from datetime import UTC, datetime
from itertools import pairwise
from uuid import uuid4

import pytest

from image_api.jobs.errors import JobNotFound, JobOver, KeyReused
from image_api.jobs.ids import first_id
from tests.api.jobs.stored import Stored, at_once, make_tables, new_job


@pytest.fixture
def stored(database_url) -> Stored:
    make_tables(database_url)
    return Stored(database_url)


def test_a_job_is_kept_as_it_was_submitted(stored):
    request = {"z": 1, "prompt": 'a "tree" \U0001f333\ud83c \x00 é', "n": 3, "a": None, "guidance": 7.25}
    job, is_new = stored.store.submit(new_job(request=request, webhook_url="https://there/hook", digest="d"))
    found = stored.store.get(job.id)
    assert is_new
    assert found == job
    assert list(found.request.items()) == list(request.items())
    assert (found.status, found.attempts, found.webhook_url) == ("pending", 0, "https://there/hook")
    assert abs(found.created_at - time.time()) < 60
    assert (found.id.int >> 80) == int(found.created_at * 1000 + 0.001)


def test_another_process_sees_it_at_once(stored, database_url):
    job = stored.submit()
    assert Stored(database_url).store.get(job.id) == job


def test_a_job_that_is_not_there(stored):
    with pytest.raises(JobNotFound):
        stored.store.get(uuid4())
    with pytest.raises(JobNotFound):
        stored.store.cancel(uuid4())


def test_pages_have_each_job_once_the_newest_first(stored):
    submitted = [stored.submit().id for _ in range(23)]
    stored.submit("another")
    pages = [stored.page(limit=5)]
    while pages[-1]:
        pages.append(stored.page(limit=5, before=pages[-1][-1].id))
    assert [len(page) for page in pages] == [5, 5, 5, 5, 3, 0]
    assert [job.id for page in pages for job in page] == submitted[::-1]


@pytest.mark.parametrize("status", ["pending", "processing", "completed", "failed", "canceled"])
def test_a_filtered_page_has_the_jobs_of_a_status(stored, status):
    of = {}
    for wanted in ["pending", "processing", "completed", "failed", "canceled"] * 2:
        job = stored.submit()
        of.setdefault(wanted, []).append(job.id)
        if wanted == "processing":
            stored.begin(job)
        elif wanted != "pending":
            stored.end(job, wanted)
    assert [job.id for job in stored.page(status=status)] == of[status][::-1]
    assert [job.id for job in stored.page(status=status, before=of[status][1])] == of[status][:1]


def test_a_page_of_a_time_begins_with_it_and_ends_before_the_other(stored):
    submitted = []
    for _ in range(4):
        submitted.append(stored.submit())
        time.sleep(0.003)
    since, until = (first_id_time(submitted[index].id) for index in (1, 3))
    assert [job.id for job in stored.page(since=since, until=until)] == [submitted[2].id, submitted[1].id]
    assert stored.page(since=until, until=since) == []
    assert len(stored.page(since=0, until=10**12)) == 4
    assert [job.id for job in stored.page(since=since, status="pending", before=submitted[3].id)] == [
        submitted[2].id,
        submitted[1].id,
    ]


def first_id_time(job_id) -> float:
    """Return the time of an id as a client would send it: a date with milliseconds."""
    return datetime.fromtimestamp((job_id.int >> 80) / 1000, UTC).timestamp()


@pytest.mark.parametrize("seconds", [-1, 0, 1764489600.123, 1764489600.999, 253402300799.0, 1e30])
def test_each_time_has_a_first_id(seconds):
    assert first_id(seconds).version == 7
    if 0 <= seconds < 1e12:
        assert first_id(seconds).int >> 80 == round(seconds * 1000)


def test_a_job_is_canceled_once(stored):
    job = stored.submit(image=b"image")
    canceled = stored.store.cancel(job.id)
    assert (canceled.status, canceled.completed_at) == ("canceled", pytest.approx(time.time(), abs=60))
    assert stored.store.cancel(job.id) == canceled
    assert stored.store.image(job.id) is None
    assert stored.numbers() == {}


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_a_job_that_has_ended_is_not_canceled(stored, status):
    job = stored.submit()
    stored.end(job, status)
    with pytest.raises(JobOver, match=status):
        stored.store.cancel(job.id)


def test_a_job_that_has_begun_is_canceled(stored):
    job = stored.submit()
    stored.begin(job)
    assert stored.store.cancel(job.id).status == "canceled"
    assert stored.numbers() == {}


def test_a_job_ends_once(stored):
    job = stored.submit(image=b"image")
    assert stored.end(job, "completed", images=[{"index": 0}])
    assert not stored.end(job, "failed")
    assert not stored.end(stored.store.get(job.id), "failed")
    assert stored.store.get(job.id).status == "completed"
    assert stored.numbers() == {}


def test_an_ending_that_takes_a_job_for_pending_is_refused_once_it_has_begun(stored):
    job = stored.submit()
    stored.begin(job)
    assert not stored.end(job)
    assert stored.end(stored.store.get(job.id))
    assert stored.numbers() == stored.counted() == {}


def test_an_image_is_kept_until_the_job_is_final(stored):
    image = bytes(range(256)) * 100
    job = stored.submit(image=image)
    assert job.has_image
    assert stored.store.image(job.id) == image
    stored.begin(job)
    assert stored.store.image(job.id) == image
    stored.end(stored.store.get(job.id))
    assert stored.store.image(job.id) is None
    assert stored.store.image(stored.submit().id) is None


def test_a_key_makes_one_job(stored):
    first = stored.store.submit(new_job(idempotency_key="k", digest="1"))
    again = stored.store.submit(new_job(idempotency_key="k", digest="1"))
    assert (first[1], again) == (True, (first[0], False))
    with pytest.raises(KeyReused):
        stored.store.submit(new_job(idempotency_key="k", digest="2"))
    assert stored.store.submit(new_job("another", idempotency_key="k", digest="2"))[1]
    assert stored.numbers() == {"one": (1, 0), "another": (1, 0)}


def test_a_key_of_a_job_that_has_ended_returns_it_as_it_is(stored):
    job = stored.submit(idempotency_key="k")
    stored.end(job, images=[{"index": 0}])
    found, is_new = stored.store.submit(new_job(idempotency_key="k"))
    assert (found.id, found.status, is_new) == (job.id, "completed", False)


def test_a_key_that_comes_many_times_at_once_to_two_processes_makes_one_job(stored, database_url):
    other = Stored(database_url)
    submit = [lambda: stored.store.submit(new_job(idempotency_key="k")) for _ in range(8)]
    submit += [lambda: other.store.submit(new_job(idempotency_key="k")) for _ in range(8)]
    results = at_once(*submit)
    assert sorted(is_new for _, is_new in results) == [False] * 15 + [True]
    assert len({job.id for job, _ in results}) == 1
    assert stored.numbers() == {"one": (1, 0)}


def test_ids_grow_in_the_order_of_commits_over_processes(stored, database_url):
    processes = [stored, Stored(database_url), Stored(database_url)]
    ids = [processes[index % 3].submit().id for index in range(30)]
    assert ids == sorted(ids)


def test_a_position_is_behind_owners_with_fewer_jobs_and_in_turn_with_equals(stored):
    first = [stored.submit("a") for _ in range(5)]
    second = [stored.submit("b") for _ in range(2)]
    third = [stored.submit("c") for _ in range(2)]

    def positions():
        return [[stored.store.position(job) for job in each] for each in (first, second, third)]

    assert positions() == [[5, 6, 7, 8, 9], [2, 4], [2, 4]]
    stored.begin(second[0])
    assert stored.store.position(stored.store.get(second[0].id)) is None
    assert stored.store.position(second[1]) == 1
    assert stored.store.position(third[0]) == 2
    assert stored.store.position(first[0]) == 4


def test_the_queue_says_how_many_wait_and_since_when(stored):
    assert stored.store.queue() == stored.store.queue().__class__(0, None)
    made = [stored.submit(owner) for owner in ("b", "a", "b")]
    assert (stored.store.queue().pending, stored.store.queue().oldest) == (3, made[0].created_at)
    stored.begin(made[0])
    stored.end(made[1])
    assert (stored.store.queue().pending, stored.store.queue().oldest) == (1, made[2].created_at)


def test_jobs_of_one_group_are_in_the_order_of_their_arrival(stored):
    results = at_once(*[stored.submit] * 20)
    ids = [job.id for job in results]
    assert len(set(ids)) == 20
    assert [job.id for job in stored.page()] == sorted(ids, reverse=True)
    assert all(a != b for a, b in pairwise(sorted(ids)))
