"""How this service brings its database up to date: in a process of its own, alone, at once or not at all."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from image_api.database_url import engine_url
from image_api.jobs.database.transaction import WRITER_LOCK
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.migrations import migration
from image_api.jobs.migrations.migration import MIGRATIONS, bring_up_to_date, head
from tests.api.jobs.test_migrations import TABLES, engine_for, tables_of
from tests.fakes.postgres_server import PASSWORD, PostgresServer
from tests.fakes.processes import ROOT, api, clean_environment, command_of, free_port, wait_until

SLOW = '''"""Add a table, slowly."""

import time
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "slow"
down_revision = HEAD


def upgrade() -> None:
    op.create_table("half_done", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("DELETE FROM queues")
    Path(__file__).with_name("begun").touch()
    time.sleep(float(Path(__file__).with_name("seconds").read_text()))


def downgrade() -> None:
    op.drop_table("half_done")
'''

AS_UNDER_GUNICORN = """
from gevent import monkey
monkey.patch_all()
import os, sys
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.migrations.migration import bring_up_to_date
def open_now(): return [len(os.listdir(f"/proc/self/{kind}")) for kind in ("task", "fd")]
after = []
for url in sys.argv[1:]:
    try:
        bring_up_to_date(url)
    except DatabaseUnavailable:
        print("unavailable")
    after.append(open_now())  # the first has gevent make its hub
print(after == after[:1] * len(after))
"""


@pytest.fixture
def url(database_url) -> str:
    """Return the URL of an empty database, as this service has it."""
    return engine_url(SecretStr(database_url))


@pytest.fixture
def slow(tmp_path, monkeypatch) -> Path:
    """Have the migrations end with one that takes as long as the file `seconds` says; return its folder."""
    copy = tmp_path / "image_api" / "jobs" / "migrations"
    shutil.copytree(MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "render_worker").symlink_to(ROOT / "render_worker")
    versions = copy / "versions"
    (versions / "revision_slow_.py").write_text(SLOW.replace("HEAD", repr(head())))
    (versions / "seconds").write_text("60")
    monkeypatch.setattr(migration, "MIGRATIONS", copy)
    migration.revisions.cache_clear()
    migration.head.cache_clear()
    yield versions
    migration.revisions.cache_clear()
    migration.head.cache_clear()


def migrating() -> list[psutil.Process]:
    """Return the processes of migrations that this one has started."""
    return [it for it in psutil.Process().children() if "migrations" in command_of(it)]


@contextmanager
def writer_s_lock(database_url: str) -> Iterator[None]:
    """Hold the lock of the writers, as another process would that hangs."""
    with engine_for(database_url).connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.driver_connection.isolation_level = None  # type: ignore[union-attr]
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
        yield


def test_an_empty_database_gets_its_tables_and_a_current_one_no_process(database_url, url, monkeypatch):
    bring_up_to_date(url)
    assert tables_of(database_url) == {*TABLES, "alembic_version"}
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    bring_up_to_date(url)


def test_many_at_once_all_succeed(database_url, url):
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(bring_up_to_date, [url] * 4)) == [None] * 4
    assert tables_of(database_url) == {*TABLES, "alembic_version"}


def test_a_database_of_a_newer_version_is_refused_and_stays_as_it_is(database_url, url, caplog):
    bring_up_to_date(url)
    with engine_for(database_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_tomorrow'"))
        connection.execute(text("DROP TABLE deliveries"))
    with pytest.raises(DatabaseUnavailable, match="newer version of this service"):
        bring_up_to_date(url)
    assert "of_tomorrow" in caplog.text
    assert tables_of(database_url) == {*TABLES, "alembic_version"} - {"deliveries"}


def test_tables_that_are_not_ours_are_left_alone_and_the_reason_is_logged(database_url, url, caplog):
    with engine_for(database_url).begin() as connection:
        connection.execute(text("CREATE TABLE jobs (mine integer)"))
    with pytest.raises(DatabaseUnavailable):
        bring_up_to_date(url)
    assert "already exists" in caplog.text
    assert tables_of(database_url) == {"jobs"}


def test_the_folder_of_a_file_is_made_and_only_our_user_reads_the_file(tmp_path):
    file = tmp_path / "no" / "such folder ü" / "jobs 100%.db"
    bring_up_to_date(engine_url(SecretStr(f"sqlite:///{quote(str(file))}")))
    assert tables_of(f"sqlite:///{quote(str(file))}") == {*TABLES, "alembic_version"}
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("place", ["file/jobs.db", "folder", "file"])
def test_a_place_where_no_database_can_be_is_an_error_that_goes_away_with_its_cause(tmp_path, place, caplog):
    (tmp_path / "file").write_text("this is no database, but some text that is long enough to be looked at" * 20)
    (tmp_path / "folder").mkdir()
    url = engine_url(SecretStr(f"sqlite:///{tmp_path}/{place}"))
    with pytest.raises(DatabaseUnavailable):
        bring_up_to_date(url)
    assert caplog.records
    assert (tmp_path / "file").read_text().startswith("this is no database")
    shutil.rmtree(tmp_path / "folder")
    (tmp_path / "file").unlink()
    bring_up_to_date(url)


def test_a_server_that_is_down_is_an_error_until_it_is_back(caplog):
    with PostgresServer() as server:
        url = engine_url(SecretStr(server.url))
        server.stop()
        with pytest.raises(DatabaseUnavailable):
            bring_up_to_date(url)
        assert "connection refused" in caplog.text.lower()
        server.start()
        bring_up_to_date(url)
        assert tables_of(server.url) >= TABLES
        shown = caplog.text
    assert PASSWORD not in shown
    assert quote(PASSWORD, safe="") not in shown


def without_tables(database_url: str) -> None:
    """Leave of a database only Alembic's own table, empty."""
    with engine_for(database_url).begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        for table in sorted(TABLES, key="jobs".__eq__):  # the last is the one that others refer to
            connection.execute(text(f"DROP TABLE {table}"))


def test_a_lock_that_another_process_holds_is_waited_for(database_url, url):
    bring_up_to_date(url)
    without_tables(database_url)
    with ThreadPoolExecutor(1) as thread:
        with writer_s_lock(database_url):
            waiting = thread.submit(bring_up_to_date, url)
            wait_until(migrating, "the migration's process")
            time.sleep(1)
            assert not waiting.done()
        assert waiting.result(30) is None
    assert tables_of(database_url) == {*TABLES, "alembic_version"}


def test_one_that_takes_too_long_is_killed(database_url, url, slow, monkeypatch, caplog):
    monkeypatch.setattr(migration, "MIGRATION_SECONDS", 3)
    with pytest.raises(DatabaseUnavailable):
        bring_up_to_date(url)
    assert "longer than 3 seconds" in caplog.text
    assert migrating() == []


def test_one_that_is_killed_has_changed_nothing(database_url, url, slow):
    with ThreadPoolExecutor(1) as thread:
        failing = thread.submit(bring_up_to_date, url)
        wait_until((slow / "begun").exists, "the migration's half")
        for process in migrating():
            process.kill()
        with pytest.raises(DatabaseUnavailable):
            failing.result(30)
    assert tables_of(database_url) == set()
    (slow / "seconds").write_text("0")
    bring_up_to_date(url)
    assert tables_of(database_url) == {*TABLES, "alembic_version", "half_done"}


def test_its_process_has_no_secret_in_its_arguments_and_variables(database_url, url, slow, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("WORKER_TOKEN", "a-t0ken")
    monkeypatch.setenv("PGPASSWORD", "an0ther")
    monkeypatch.setenv("PGAPPNAME", "jobs")
    (slow / "seconds").write_text("1")
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(bring_up_to_date, url)
        wait_until((slow / "begun").exists, "the migration's half")
        (process,) = migrating()
        shown = " ".join(process.cmdline()), str(process.environ())
        done.result(30)
    for secret in (url, database_url, PASSWORD, quote(PASSWORD, safe=""), "a-t0ken", "an0ther"):
        assert secret not in shown[0] + shown[1]
    assert "PGAPPNAME" in shown[1]


def test_an_attempt_leaves_no_thread_and_no_file_open(tmp_path):
    down = engine_url(SecretStr(f"postgresql://user:password@127.0.0.1:{free_port()}/jobs"))
    command = [sys.executable, "-c", AS_UNDER_GUNICORN, *[down] * 3, *[f"sqlite:///{tmp_path}/jobs.db"] * 3]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*["unavailable"] * 3, "True"]
    assert tables_of(f"sqlite:///{tmp_path}/jobs.db") == {*TABLES, "alembic_version"}


def test_under_gunicorn_it_runs_beside_the_requests(postgres):
    with postgres.database() as database_url, api(DATABASE_URL=database_url, WEB_CONCURRENCY=3) as server:
        wait_until(lambda: tables_of(database_url) >= TABLES, "the tables of jobs")
        wait_until(lambda: not any("migrations" in command_of(it) for it in server.tree()), "the migrations' end")
        shown = server.log()
    assert "Traceback" not in shown
    assert PASSWORD not in shown
    assert "could not be brought up to date" not in shown
