"""Pages while two processes write: no job is skipped, none comes twice, also if a clock stands or steps back."""

import subprocess
import sys
import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from image_api.jobs.database import transaction
from image_api.jobs.ids import JobIds
from tests.api.jobs.stored import Stored, make_tables
from tests.fakes.processes import ROOT

WRITER = """
import sys
from tests.api.jobs.stored import Stored, at_once
stored = Stored(sys.argv[1], max_pending=10**6)
while True:
    at_once(*[stored.submit] * 5)
    print("more", flush=True)
"""


@pytest.fixture
def stored(database_url) -> Stored:
    make_tables(database_url)
    return Stored(database_url, max_pending=10**6)


@pytest.fixture
def writers(stored, database_url) -> Iterator[None]:
    """Two other processes that submit jobs all the time."""
    command = [sys.executable, "-c", WRITER, database_url]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == b"more\n"
    yield
    for process in processes:
        process.kill()
        process.communicate()


def all_pages(stored: Stored, limit: int, **values) -> list[UUID]:
    """Return the ids of all pages, read one after the other."""
    ids: list[UUID] = []
    while page := stored.page(limit=limit, before=ids[-1] if ids else None, **values):
        ids += [job.id for job in page]
    return ids


def test_inserts_neither_skip_nor_repeat_a_job_and_ids_grow_with_commits(stored, writers):
    for _ in range(5):
        before = {stored.submit().id for _ in range(3)} | set(all_pages(stored, 1000))
        ids = all_pages(stored, 7, status="pending")
        assert len(ids) == len(set(ids))
        assert before <= set(ids)
        assert ids == sorted(ids, reverse=True)
    newest = []
    for _ in range(20):
        newest += [stored.page(limit=1)[0].id, stored.submit().id]
    assert newest == sorted(newest)


def test_jobs_of_one_moment_have_different_ids_in_their_order(stored, monkeypatch):
    if stored.url.startswith("sqlite"):
        monkeypatch.setattr(transaction.time, "time", lambda: 1764489600.5)
    ids = [stored.submit().id for _ in range(40)]
    assert all_pages(stored, 3) == ids[::-1]


@pytest.mark.parametrize("back", [0.001, 1, 59])
def test_a_clock_that_steps_back_a_little_changes_no_order(back):
    ids, other = JobIds(), JobIds()
    first = ids.new(1764489600.0)
    second = ids.new(1764489600.0 - back)
    third = other.new(1764489600.0 - back, after=second)
    assert first < second < third
    assert third.int >> 80 == 1764489600000


def test_a_clock_that_was_far_ahead_is_forgotten():
    ids = JobIds()
    ahead = ids.new(1764489600.0 + 3600)
    assert ids.new(1764489600.0, after=ahead).int >> 80 == 1764489600000
    assert JobIds().new(1764489600.0, after=ahead).int >> 80 == 1764489600000


def test_a_clock_that_steps_back_keeps_pages_whole(tmp_path, monkeypatch):
    make_tables(url := f"sqlite:///{tmp_path}/jobs.db")  # PostgreSQL's clock is the machine's
    stored = Stored(url)
    now, ids = time.time(), []
    for step in (0, 1, -30, -7200, -7199, 5):
        monkeypatch.setattr(transaction.time, "time", lambda step=step: now + step)
        ids += [stored.submit().id for _ in range(3)]
    assert len(set(ids)) == 18
    assert all_pages(stored, 4) == sorted(ids, reverse=True)


def test_more_jobs_than_a_millisecond_has_room_for_take_the_next():
    ids = JobIds()
    made = [ids.new(1764489600.0) for _ in range(5000)]
    assert made == sorted(set(made))
    assert {made_id.version for made_id in made} == {7}
    assert made[-1].int >> 80 == 1764489600001
