"""What ends an attempt before its picture is made, or keeps that from being kept: over both databases."""

import sqlite3
import threading
import time

from image_api.jobs.runner import leases
from tests.api.conftest import ScriptedWorker
from tests.api.jobs.runners import Running, ids_at, running
from tests.fakes.processes import wait_until


def cancelled_at(worker: ScriptedWorker) -> list[str]:
    return [path for method, path, *_ in worker.requests if method == "DELETE"]


def test_a_cancelled_job_ends_at_the_render_worker_too(here, worker, held):
    job = here.submit()
    wait_until(lambda: ids_at(worker), "the picture's begin", 5)
    assert here.store.cancel(job.id).status == "canceled"
    here.runner.cancelled(job.id)
    wait_until(lambda: cancelled_at(worker) == [f"/requests/{job.id.hex}-0"], "the cancellation", 5)
    wait_until(lambda: not here.runner.running, "the attempt's end", 5)
    assert here.store.get(job.id).status == "canceled"


def test_a_job_cancelled_between_its_claim_and_its_begin_is_not_made(one, worker, monkeypatch):
    claim = leases.Leases.claim

    def claim_and_cancel(self, count, running=()):
        claimed = claim(self, count, running)
        for job in claimed:
            one.store.cancel(job.id)
            one.runner.cancelled(job.id)
        return claimed

    monkeypatch.setattr(leases.Leases, "claim", claim_and_cancel)
    job = one.submit()
    one.when(job, lambda it: it.status == "canceled")
    wait_until(lambda: not one.runner.running, "the attempt's end", 5)
    assert worker.requests == []


def test_of_jobs_cancelled_amid_the_runner_s_claims_only_those_are_made_that_had_begun(one, worker, held):
    jobs = [one.submit() for _ in range(20)]
    wait_until(lambda: ids_at(worker), "the first picture's begin")
    not_begun = set()
    for job in jobs[1::2] + jobs[::2]:  # from the first on each one frees the slot for the next claim
        if not one.store.cancel(job.id).attempts:
            not_begun.add(f"{job.id.hex}-0")
        one.runner.cancelled(job.id)
    held.set()
    wait_until(lambda: not one.runner.running, "the end of all attempts")
    assert not_begun.isdisjoint(ids_at(worker))
    assert len(not_begun) >= 10


def test_a_job_cancelled_by_another_process_ends_with_the_next_renewal(here, worker, held, database_url):
    job = here.submit(n=2)
    wait_until(lambda: len(ids_at(worker)) == 2, "the pictures' begin", 5)
    Running(database_url, worker).store.cancel(job.id)
    wait_until(lambda: len(cancelled_at(worker)) == 2, "the cancellations", 5)
    wait_until(lambda: not here.runner.running, "the attempt's end", 5)
    assert here.store.get(job.id).status == "canceled"


def test_pictures_that_wait_for_others_of_a_cancelled_job_never_begin(one, worker, held):
    job = one.submit(n=3)
    wait_until(lambda: ids_at(worker), "the first picture's begin", 5)
    one.store.cancel(job.id)
    one.runner.cancelled(job.id)
    wait_until(lambda: not one.runner.running, "the attempt's end", 5)
    held.set()
    assert len(ids_at(worker)) == 1


def test_a_job_that_another_process_took_is_left_to_it_without_a_word(here, worker, held, database_url):
    job = here.submit()
    wait_until(lambda: ids_at(worker), "the picture's begin", 5)
    here.set(job, holder="another process")
    wait_until(lambda: not here.runner.running, "the attempt's end", 5)
    held.set()
    time.sleep(0.2)
    assert cancelled_at(worker) == []
    assert (here.store.get(job.id).status, here.value(job, "holder")) == ("processing", "another process")


def test_a_job_whose_process_is_gone_is_made_with_the_same_id(here, worker):
    job = here.submit()
    here.final(job)
    here.set(job, status="processing", holder="a dead process", lease_until=1, attempts=1, completed_at=None, images=[])
    again = here.final(job)
    assert (again.status, again.attempts, again.interruptions) == ("completed", 2, 1)
    assert ids_at(worker) == [f"{job.id.hex}-0"] * 2


def test_a_graceful_stop_gives_jobs_back_and_the_next_process_makes_them(database_url, worker, held):
    with running(database_url, worker) as first:
        job = first.submit()
        wait_until(lambda: ids_at(worker), "the picture's begin", 5)
        first.runner.drain()
        waiting = first.submit()
        first.end()
        given = first.store.get(job.id)
        assert (given.status, given.attempts, given.interruptions, given.error) == ("pending", 0, 0, None)
        assert first.store.get(waiting.id).status == "pending"
        held.set()
        with running(database_url, worker) as second:
            assert (second.final(job).attempts, second.final(waiting).attempts) == (1, 1)
    assert cancelled_at(worker) == []
    assert ids_at(worker).count(f"{job.id.hex}-0") == 2


def test_a_job_that_ends_within_the_grace_period_is_completed(database_url, worker, held):
    with running(database_url, worker, graceful_timeout_seconds=10) as here:
        job = here.submit()
        wait_until(lambda: ids_at(worker), "the picture's begin", 5)
        here.runner.drain()
        threading.Timer(0.3, held.set).start()
        begun = time.monotonic()
        here.runner.wait()
        assert time.monotonic() - begun < 8
        assert here.store.get(job.id).status == "completed"


def test_a_stop_of_the_generations_alone_is_no_failure_of_a_job(here, worker, held):
    job = here.submit()
    wait_until(lambda: ids_at(worker), "the picture's begin", 5)
    here.services.generation.stop()
    wait_until(lambda: not here.runner.running, "the attempt's end", 5)
    given = here.store.get(job.id)
    assert (given.status, given.attempts, given.error) == ("pending", 0, None)
    time.sleep(0.3)
    assert here.store.get(job.id).attempts == 0


def test_what_came_of_an_attempt_waits_for_a_locked_database(one, worker, held):
    job = one.submit()
    wait_until(lambda: ids_at(worker), "the picture's begin", 5)
    other = sqlite3.connect(one.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    held.set()
    time.sleep(3)
    assert one.store.get(job.id).status == "processing"
    other.execute("COMMIT")
    other.close()
    assert (one.final(job).status, one.final(job).attempts, len(ids_at(worker))) == ("completed", 1, 1)


def test_a_fault_of_this_program_ends_the_job(one, worker, monkeypatch):
    finish = leases.Leases.finish

    def faulty(self, lease, outcome):
        if outcome.status == "completed":
            raise TypeError("a bug")
        return finish(self, lease, outcome)

    monkeypatch.setattr(leases.Leases, "finish", faulty)
    job = one.run()
    assert (job.status, job.error["code"], job.error["status"]) == ("failed", "internal_error", 500)
    monkeypatch.undo()
    assert one.run().status == "completed"


def test_a_repeated_attempt_goes_to_the_render_worker_that_has_its_request(tmp_path, worker):
    having = ScriptedWorker()
    worker.say_to("/requests/", 404, {"success": False, "error": "No.", "code": "not_found"})
    having.say_to("/requests/", 204, b"")
    with running(f"sqlite:///{tmp_path}/jobs.db", worker, perchance_worker_url=f"{worker.url},{having.url}") as here:
        here.runner.drain()
        for _ in range(3):
            job = here.submit()
            here.set(job, started_at=1)
        with running(here.url, worker, perchance_worker_url=f"{worker.url},{having.url}") as second:
            second.final(job)
            wait_until(lambda: len(ids_at(having)) == 3, "three pictures", 10)
    assert ids_at(worker) == []
    having.close()
