"""The rows of jobs in the queue, over both databases: news may come twice, late, in another order or never."""

import math
from dataclasses import replace
from functools import partial

import pytest

from image_api.jobs.errors import JobInterrupted
from image_api.jobs.queued import turns
from image_api.jobs.queued.queued_rows import resend, reset
from image_api.jobs.runner.leases import MAX_INTERRUPTIONS
from image_api.jobs.store.fair_order import JOBS_IN_A_ROW
from tests.api.jobs.queued.rows import QueueProcess


@pytest.fixture
def here(database_url) -> QueueProcess:
    return QueueProcess(database_url)


@pytest.fixture(autouse=True)
def numbers_of_the_queue(here):
    """Compare what is kept of each owner with the rows, after each test."""
    yield
    assert here.kept() == here.counted()


def test_the_owner_with_the_fewest_jobs_comes_first_and_each_gets_its_oldest_first(here):
    first, second, third = (here.submit("a").id for _ in range(3))
    of_b, of_c = here.submit("b").id, here.submit("c").id
    assert [job.id for job in here.publish()] == [of_b, of_c, first, second, third]
    assert here.publish() == []
    assert here.is_due() is False


def test_owners_with_equally_many_take_turns_also_from_one_time_to_the_next(here, monkeypatch):
    monkeypatch.setattr(turns, "MIN_WINDOW", 3)
    for owner in "aabcc":
        here.submit(owner)
    first = here.publish()
    for job in first:
        here.begin(job)
    second = here.publish()
    assert ([it.owner for it in first], [it.owner for it in second]) == (["b", "a", "c"], ["a", "c"])


def test_one_with_many_jobs_is_served_although_others_submit_few_again_and_again(here, monkeypatch):
    monkeypatch.setattr(turns, "MIN_WINDOW", 1)
    for _ in range(3):
        here.submit("a")
    order = ""
    while "a" not in order:
        here.submit("b")
        (job,) = here.publish()
        order += job.owner
        here.begin(job)
        here.made(job)
    assert order == "b" * JOBS_IN_A_ROW + "a"


def test_as_many_jobs_wait_in_the_queue_as_run_and_the_rest_where_others_can_overtake_it(here, monkeypatch):
    monkeypatch.setattr(turns, "MIN_WINDOW", 3)
    jobs = [here.submit() for _ in range(12)]
    assert len(here.publish()) == 3
    assert (here.publish(), here.is_due()) == ([], False)
    for job in jobs[:3]:
        here.begin(job)
    assert len(here.publish()) == 3
    for job in jobs[3:6]:
        here.begin(job)
    assert len(here.publish()) == 6


def test_jobs_whose_celery_worker_is_gone_keep_those_of_other_models_out_of_nothing(here, monkeypatch):
    monkeypatch.setattr(turns, "MIN_WINDOW", 2)
    gone = [here.submit("a", model="horde").id for _ in range(5)]
    others = [here.submit(owner, **request).id for owner, request in (("a", {"model": "auto"}), ("b", {}), ("a", {}))]
    published = [job.id for _ in range(4) for job in here.publish()]
    assert sorted(published) == sorted([*gone[:2], *others[:2]])
    assert here.is_due() is False


def test_a_model_that_no_celery_worker_has_told_of_waits_and_keeps_no_other_out(here, monkeypatch):
    monkeypatch.setattr(turns, "MIN_WINDOW", 2)
    unknown = [here.submit("a", model="img_queue:news").id for _ in range(3)]
    other = here.submit("a", model="horde")
    assert [job.id for job in here.publish()] == [other.id]
    assert (here.is_due(), here.publish()) == (False, [])
    assert [job.id for job in here.publish("img_queue:news")] == unknown[:2]


def test_two_processes_fill_one_window_and_publish_no_job_twice(here, database_url, monkeypatch):
    monkeypatch.setattr(turns, "MIN_WINDOW", 5)
    there = QueueProcess(database_url)
    for _ in range(8):
        here.submit()
    published = [*here.publish(), *there.publish()]
    assert len({job.id for job in published}) == len(published) == 5


def test_images_wait_in_the_database_until_redis_has_room_and_others_overtake_them(here, monkeypatch):
    monkeypatch.setattr(turns, "MAX_IMAGE_BYTES", 100)
    monkeypatch.setattr(turns, "MODEL_IMAGE_BYTES", 50)
    large = here.submit("a", image=b"x" * 300)
    second = here.submit("a", image=b"x" * 10)
    without = here.submit("b")
    assert [job.id for job in here.publish()] == [without.id, large.id]
    here.begin(large)
    assert here.publish() == []
    here.made(large)
    assert [job.id for job in here.publish()] == [second.id]


def test_images_of_a_model_whose_celery_worker_is_gone_keep_those_of_no_other_out(here, monkeypatch):
    monkeypatch.setattr(turns, "MAX_IMAGE_BYTES", 100)
    monkeypatch.setattr(turns, "MODEL_IMAGE_BYTES", 50)
    for _ in range(4):
        here.submit("a", image=b"x" * 30, model="horde")
    assert len(here.publish()) == 3
    others = [here.submit("b", image=b"x" * 20).id for _ in range(3)]
    assert [job.id for job in here.publish()] == others[:2]


def test_jobs_without_an_image_overtake_those_whose_images_have_no_room(here, monkeypatch):
    for name, value in (("MIN_WINDOW", 3), ("MAX_IMAGE_BYTES", 100), ("MODEL_IMAGE_BYTES", 40)):
        monkeypatch.setattr(turns, name, value)
    first = here.submit("a", image=b"x" * 90)
    waiting = [here.submit("a", image=b"x" * 20).id for _ in range(4)]
    text = here.submit("a")
    assert [job.id for job in here.publish()] == [first.id]
    assert [job.id for job in here.publish()] == [text.id]
    assert (here.is_due(), here.publish()) == (False, [])
    here.begin(first)
    here.made(first)
    assert [job.id for job in here.publish()] == waiting[:2]


@pytest.mark.parametrize(("ahead", "waited"), [(3600.0, math.inf), (1.0, 0.0)])
def test_a_clock_that_was_set_back_hides_no_lost_message(here, ahead, waited):
    job = here.published()
    here.set(job, published_at=here.value(job, "published_at") + ahead)
    assert [it.waited for it in here.rows.open_jobs()] == [waited]


def test_what_is_due_later_is_not_published_before(here):
    job = here.submit()
    here.set(job, not_before=4e9)
    soon = here.submit()
    here.set(soon, not_before=here.job(soon).created_at + 100)
    assert [it.id for it in here.publish()] == [job.id]  # from before the clock was set back


def test_a_job_that_could_not_be_sent_is_published_again(here):
    (job,) = [here.submit()][:1]
    published = here.publish()
    here.rows.unpublish(published)
    assert [it.id for it in here.publish()] == [job.id]
    here.begin(job)
    here.rows.unpublish(published)  # its message had reached the queue
    assert here.value(job, "published_at") is not None


def test_a_job_that_begins_is_processing(here):
    job = here.running()
    assert (job.status, job.attempts, job.interruptions) == ("processing", 1, 0)
    assert job.started_at >= job.created_at
    assert here.value(job, "lease_until") is None


def test_news_of_a_beginning_count_once_and_never_after_the_end(here):
    job = here.published()
    assert here.begin(job) is here.begin(job) is True
    assert here.job(job).attempts == 1
    here.made(job)
    assert here.begin(job, 2) is False
    assert here.job(job).status == "completed"


def test_a_job_of_another_database_is_none_of_this_one(here):
    other = replace(here.submit(), id=here.submit().id.__class__(int=5))
    assert here.begin(other) is True  # it is not cancelled
    assert here.made(other).what == "over"
    here.put_back(other)
    assert here.interrupt(other) is None


def test_a_cancelled_job_is_not_to_be_made(here):
    job = here.published()
    here.store.cancel(job.id)
    assert here.begin(job) is False
    assert here.made(job).what == "over"
    assert here.job(job).images == []


def test_a_job_that_was_put_back_is_pending_and_its_attempt_does_not_count(here):
    job = here.running()
    here.set(job, published_at=1.0)
    here.put_back(job)
    again = here.job(job)
    assert (again.status, again.attempts, again.interruptions) == ("pending", 0, 0)
    assert here.value(job, "published_at") > 1e9
    here.put_back(job)  # the same news
    assert here.job(job) == again
    assert here.begin(job) is True
    here.put_back(job, attempt=7)
    assert here.job(job).status == "processing"


def test_several_pictures_are_not_pending_while_one_may_run(here):
    job = here.running(n=2)
    here.put_back(job)
    assert here.job(job).status == "processing"
    here.rows.change([partial(reset, seen=here.job(job))])
    assert (here.job(job).status, here.job(job).attempts) == ("pending", 0)


def test_a_lost_attempt_is_an_interruption_and_the_next_has_a_higher_number(here):
    seen = here.running()
    again = here.interrupt(seen)
    assert again == here.job(seen)
    assert (again.status, again.attempts, again.interruptions) == ("pending", 1, 1)
    assert here.interrupt(seen) is None  # another process has seen the same
    assert here.job(seen).interruptions == 1
    assert here.begin(seen, 2) is True
    assert here.job(seen).attempts == 2


def test_a_lost_attempt_of_which_no_news_came_counts_as_well(here):
    again = here.interrupt(here.published(), attempt=1)
    assert (again.status, again.attempts, again.interruptions) == ("pending", 1, 1)


def test_a_job_that_is_lost_again_and_again_fails_with_the_pictures_it_has(here):
    job, other = here.running(n=2), here.running()
    here.made(job, 1)
    for it in (job, other):
        here.set(it, interruptions=MAX_INTERRUPTIONS)
        assert here.interrupt(here.job(it)) is None
    assert (here.job(other).status, here.job(other).error["code"]) == ("failed", JobInterrupted.code)
    assert (here.job(job).status, len(here.job(job).images)) == ("completed", 1)


def test_a_job_is_sent_again_unless_it_has_changed(here):
    seen = here.published()
    here.set(seen, published_at=1.0)
    assert here.rows.change([partial(resend, seen=seen)]) == [True]
    assert here.value(seen, "published_at") > 1e9
    here.begin(seen)
    assert here.rows.change([partial(resend, seen=seen)]) == [False]


def test_open_jobs_are_those_of_the_queue_and_not_those_of_a_runner(here):
    waiting, running = here.submit(), here.submit()
    here.publish()
    here.begin(running)
    direct = here.submit()
    here.leases.claim(1)
    assert here.job(direct).status == "pending"  # the runner took the oldest, which is in the queue
    open_jobs = {it.job.id: it for it in here.rows.open_jobs()}
    assert set(open_jobs) == {running.id}
    assert not open_jobs[running.id].is_leased
    assert here.begin(waiting, 2) is True
    assert here.job(waiting).attempts == 1  # it is the runner's


def test_a_runner_takes_what_the_queue_has_left(here):
    job = here.running()
    here.leases.adopt()
    assert not here.leases.is_due()
    here.set(job, lease_until=1.0)
    (claimed,) = here.leases.claim(1)
    assert (claimed.id, claimed.attempts, claimed.interruptions) == (job.id, 2, 1)


def test_the_queue_takes_what_a_runner_has_left(here):
    job = here.submit()
    here.leases.claim(1)
    assert here.leases.take_over() is False
    here.set(job, lease_until=1.0)
    assert here.leases.take_over() is True
    (again,) = here.publish()
    assert (again.id, again.attempts, again.interruptions) == (job.id, 1, 1)
