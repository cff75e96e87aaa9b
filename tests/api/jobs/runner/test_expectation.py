"""When jobs are expected to be completed."""

import json

import pytest

from image_api.jobs.runner.expectation import RecentJobs
from tests.api.conftest import RESULT
from tests.api.jobs.processes import job_with
from tests.api.jobs.runners import ids_at
from tests.fakes.processes import wait_until

SOON = {"event": "progress", "phase": "generating", "message": "Begun.", "expected_seconds": 30}


@pytest.fixture
def recent() -> RecentJobs:
    found = RecentJobs()
    for seconds in (8, 10, 60):
        found.add(seconds)
    return found


def test_nothing_is_guessed_before_a_job_was_completed():
    assert RecentJobs().seconds_of_pending(1, 4) is None
    assert RecentJobs().seconds_of_running(1) is None


@pytest.mark.parametrize(("position", "seconds"), [(1, 10), (4, 10), (5, 20), (40, 100)])
def test_a_pending_job_waits_for_those_before_it(recent, position, seconds):
    assert recent.seconds_of_pending(position, 4) == seconds


@pytest.mark.parametrize(("elapsed", "seconds"), [(0, 10), (7.5, 3), (10, None), (500, None)])
def test_a_running_job_takes_as_long_as_others(recent, elapsed, seconds):
    assert recent.seconds_of_running(elapsed) == seconds


def test_what_an_engine_says_counts_first(one, worker, held):
    lines = [json.dumps(it).encode() + b"\n" for it in (SOON, {"event": "result", "result": RESULT})]
    worker.say(200, (lines[0], lambda: held.wait(20), lines[1]), Content_Type="application/x-ndjson")
    job = one.when(one.submit(), lambda it: it.progress)
    assert 25 <= one.runner.expected_seconds(job, None) <= 30
    waiting = one.submit()
    assert one.runner.expected_seconds(waiting, 1) is None
    held.set()
    one.final(waiting)
    assert one.runner.expected_seconds(one.store.get(job.id), None) is None
    wait_until(lambda: one.runner.expected_seconds(waiting, 1), "the first duration", 5)
    assert len(ids_at(worker)) == 2


def test_a_job_of_another_process_has_what_its_row_says(one):
    elsewhere = job_with(attempts=1, progress={"phase": "generating", "message": "Begun.", "expected_seconds": 30})
    assert one.runner.expected_seconds(elsewhere, None) == 30
    assert one.runner.expected_seconds(job_with(n=2, attempts=1, progress=elsewhere.progress), None) is None
