"""Jobs are loaded at first use, once, and again as long as their database is out of reach; nothing else waits."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_api.jobs import loading
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.jobs import Jobs
from image_api.jobs.loading import Loading
from image_api.services import Services
from image_api.settings import Settings
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import ROOT, clean_environment, wait_until

WITHOUT_JOBS = """
import sys
from image_api.application import create_app
from image_api.services import services_of
from image_api.settings import Settings
app = create_app(Settings(database_url="sqlite:////{folder}/jobs.db"))
services_of(app).jobs.start()
assert app.test_client().get("/health").status_code == 200
services_of(app).stop()
print([name for name in sys.modules if name.split(".")[0] in ("sqlalchemy", "psycopg", "alembic", "standardwebhooks")])
"""


class Builder:
    """Fails as long as it is to."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails = True
        self.may_end = threading.Event()

    def __call__(self) -> str:
        self.calls += 1
        self.may_end.wait(10)
        if self.fails:
            raise DatabaseUnavailable
        return "built"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "FIRST_PAUSE_SECONDS", 0.2)


@pytest.fixture
def jobs(tmp_path) -> Jobs:
    return Services.build(Settings(database_url=f"sqlite:///{tmp_path}/jobs.db")).jobs


def test_nothing_of_the_database_is_loaded_without_a_job(tmp_path):
    code = WITHOUT_JOBS.format(folder=tmp_path)
    run = [sys.executable, "-c", code]
    found = subprocess.run(run, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]", found.stderr


def test_all_that_ask_at_once_share_one_attempt():
    builder = Builder()
    builder.fails = False
    found = Loading(builder)
    with ThreadPoolExecutor(20) as pool:
        asking = [pool.submit(found.get) for _ in range(20)]
        assert found.loaded is None
        builder.may_end.set()
        assert {it.result() for it in asking} == {"built"}
    assert (builder.calls, found.loaded) == (1, "built")


def test_a_failure_is_told_at_once_until_it_is_tried_again_in_the_background(quick):
    builder = Builder()
    builder.may_end.set()
    found = Loading(builder)
    with pytest.raises(DatabaseUnavailable):
        found.get()
    begun = time.monotonic()
    for _ in range(100):
        with pytest.raises(DatabaseUnavailable):
            found.get()
    assert time.monotonic() - begun < 1
    assert builder.calls < 10
    builder.fails = False
    wait_until(lambda: found.loaded == "built", "the next attempt", 10)


def test_after_its_end_it_is_not_tried_again(quick):
    others = set(threading.enumerate())
    builder = Builder()
    builder.may_end.set()
    found = Loading(builder)
    with pytest.raises(DatabaseUnavailable):
        found.get()
    (trying,) = [it for it in set(threading.enumerate()) - others if it.name == "jobs-start"]
    found.end()
    trying.join(10)
    assert not trying.is_alive()
    assert found.loaded is None


def test_a_request_does_not_wait_for_a_database_that_hangs(monkeypatch):
    monkeypatch.setattr(loading, "FIRST_PATIENCE_SECONDS", 0.1)
    builder = Builder()
    found = Loading(builder)
    with pytest.raises(DatabaseUnavailable):
        found.get()
    builder.may_end.set()
    found.end()


def test_the_first_attempt_is_waited_for_longer_than_those_after_a_failure(quick, monkeypatch):
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 0.1)
    builder = Builder()
    found = Loading(builder)
    threading.Timer(0.5, builder.may_end.set).start()
    with pytest.raises(DatabaseUnavailable):
        found.get()
    assert found.begin().done()  # it has failed, and was not given up
    builder.may_end.clear()
    wait_until(lambda: builder.calls == 2, "the next attempt", 10)
    begun = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        found.get()
    assert time.monotonic() - begun < 5  # it hangs for 10
    builder.fails = False
    builder.may_end.set()


def test_an_unexpected_failure_is_logged_and_told_without_its_words(quick, caplog):
    problems = [ValueError("the password is abc")]

    def build() -> str:
        if problems:
            raise problems.pop()
        return "built"

    found = Loading(build)
    with pytest.raises(DatabaseUnavailable) as caught:
        found.get()
    assert "abc" not in str(caught.value)
    assert any(record.exc_info for record in caplog.records)
    wait_until(lambda: found.loaded, "the next attempt", 10)


def test_a_postgresql_that_comes_later_is_used_without_a_restart(quick):
    with PostgresServer() as server:
        server.stop()
        services = Services.build(Settings(database_url=server.url))
        services.jobs.start()
        with pytest.raises(DatabaseUnavailable):
            services.jobs.queue()
        server.start()
        wait_until(lambda: _answers(services.jobs), "the database", 20)
        services.stop()


def _answers(jobs: Jobs) -> bool:
    try:
        return jobs.queue().pending == 0
    except DatabaseUnavailable:
        return False


def test_a_process_without_jobs_stops_at_once(jobs):
    begun = time.monotonic()
    jobs.drain()
    jobs.wait()
    jobs.leave()
    jobs.give_back()
    assert time.monotonic() - begun < 0.5


def test_a_folder_that_is_closed_to_this_process_stops_no_start(jobs, monkeypatch):
    def refuse(_: object) -> bool:
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.exists", refuse)
    jobs.start()
    assert not jobs.exist
