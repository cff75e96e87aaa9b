"""How jobs in the queue end, over both databases: by pictures and failures that come twice, late or alone."""

from functools import partial

import pytest

from image_api.jobs.queued.queued_rows import Endings, Failure, fail
from tests.api.jobs.queued.rows import HOPEFUL, HOPELESS, QueueProcess


@pytest.fixture
def here(database_url) -> QueueProcess:
    return QueueProcess(database_url)


@pytest.fixture(autouse=True)
def numbers_of_the_queue(here):
    """Compare what is kept of each owner with the rows, after each test."""
    yield
    assert here.kept() == here.counted()


def test_a_picture_completes_its_job_whatever_came_before(here):
    job = here.running()
    settled = here.made(job)
    assert (settled.what, settled.pictures) == ("final", 1)
    assert 0 <= settled.seconds < 60
    ended = here.job(job)
    assert (ended.status, ended.images[0]["index"], ended.attempts) == ("completed", 0, 1)
    assert here.made(job).what == "over"
    assert here.failed(job, 1).what == "over"


def test_an_end_without_news_of_its_beginning_counts_as_an_attempt(here):
    made, failed = here.published(), here.published()
    here.made(made)
    here.failed(failed, 1)
    for job, status in ((made, "completed"), (failed, "failed")):
        assert (here.job(job).status, here.job(job).attempts) == (status, 1)
        assert here.job(job).started_at <= here.job(job).completed_at


def test_a_picture_that_is_told_before_its_beginning_counts_its_attempt(here):
    job = here.running()
    here.interrupt(job)
    image = {0: {"index": 0, "image_url": "/images/0.png"}}
    assert here.rows.change([here.rows.settling(Endings(job.id, image, {}, attempt=2))])[0].what == "final"
    here.begin(job, 2)
    assert (here.job(job).status, here.job(job).attempts) == ("completed", 2)


def test_a_picture_of_an_attempt_that_was_given_up_counts_and_its_failure_does_not(here):
    job = here.running()
    here.interrupt(job)
    assert here.failed(job, 1).what == "open"
    assert here.job(job).status == "pending"
    assert here.made(job).what == "final"


def test_a_failure_that_may_pass_is_tried_again_and_the_next_is_final(here):
    job = here.running()
    assert here.failed(job, 1, HOPEFUL).what == "retried"
    again = here.job(job)
    assert (again.status, again.attempts, again.error["code"]) == ("pending", 1, "service_busy")
    assert here.value(job, "published_at") is None
    assert here.failed(job, 1, HOPEFUL).what == "open"  # the same news
    assert here.job(job) == again
    here.set(job, not_before=0)
    here.publish()
    assert here.failed(job, 1, HOPEFUL).what == "open"  # and once more, before the next attempt is announced
    here.begin(job, 2)
    assert here.failed(job, 2, HOPEFUL).what == "final"
    assert (here.job(job).status, here.job(job).attempts) == ("failed", 2)


def test_each_of_several_pictures_is_kept_and_the_job_ends_with_the_last(here):
    job = here.running(n=3)
    assert here.made(job, 2).what == "open"
    assert [it["index"] for it in here.job(job).images] == [2]
    both = {0: Failure(1, HOPELESS)}
    assert here.rows.change([here.rows.settling(Endings(job.id, {}, both))])[0].what == "open"
    assert here.job(job).failed == []
    images = {1: {"index": 1}}
    assert here.rows.change([here.rows.settling(Endings(job.id, images, both))])[0].what == "final"
    ended = here.job(job)
    assert (ended.status, [it["index"] for it in ended.images]) == ("completed", [1, 2])
    assert [it["index"] for it in ended.failed] == [0]


def test_a_failed_picture_ends_with_one_that_was_lost_and_made_again(here):
    job = here.running(n=2)
    here.interrupt(job)  # of the second picture
    here.begin(job, 2)
    endings = Endings(job.id, {1: {"index": 1}}, {0: Failure(1, HOPELESS)})
    assert here.rows.change([here.rows.settling(endings)])[0].what == "final"


def test_only_what_is_missing_is_made_after_a_retry(here):
    job = here.running(n=2)
    endings = Endings(job.id, {0: {"index": 0}}, {1: Failure(1, HOPEFUL)})
    assert here.rows.change([here.rows.settling(endings)])[0].what == "retried"
    here.set(job, not_before=0)
    (again,) = here.publish()
    assert (again.missing, again.attempts) == ([1], 1)


def test_a_fault_ends_a_job_once(here):
    job = here.running()
    for _ in range(2):
        here.rows.change([partial(fail, job_id=job.id, error=HOPELESS)])
    assert (here.job(job).status, here.job(job).error["code"]) == ("failed", HOPELESS.code)
