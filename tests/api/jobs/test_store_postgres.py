"""A PostgreSQL that is down, restarted, killed in the middle or lost at a COMMIT."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text

from image_api.jobs.database import failures, group_commit
from image_api.jobs.errors import DatabaseUnavailable, OutcomeUnknown
from tests.api.jobs.cutting import CommitCutter
from tests.api.jobs.stored import Stored, at_once, make_tables, new_job
from tests.fakes.postgres_server import PASSWORD, PostgresServer
from tests.fakes.processes import wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


@pytest.fixture
def url(server) -> Iterator[str]:
    with server.database() as made:
        make_tables(made)
        yield made


@pytest.fixture
def stored(url) -> Stored:
    return Stored(url)


def disconnect(server: PostgresServer) -> None:
    """Have the server end all connections to other databases."""
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test%'")


def test_a_connection_that_was_lost_costs_no_client_an_error(server, stored):
    before = stored.submit()
    for _ in range(3):
        at_once(*[stored.page] * 3)
        disconnect(server)
        results = at_once(stored.submit, stored.page, lambda: stored.store.get(before.id), stored.store.queue)
        assert not [it for it in results if isinstance(it, Exception)]
    assert len(stored.page()) == 4


def test_a_group_whose_connection_is_lost_in_the_middle_is_carried_out_once(server, stored):
    tries = []

    def operation(transaction) -> int:
        tries.append(1)
        transaction.connection.execute(text("INSERT INTO queues VALUES ('x', 1, 1)"))
        if len(tries) == 1:
            disconnect(server)
        return int(transaction.connection.execute(text("SELECT pending FROM queues")).scalar_one())

    assert stored.submit()
    stored.database.write(lambda it: it.connection.execute(text("DELETE FROM queues")))
    assert stored.database.write(operation) == 1
    assert len(tries) == 2


def test_one_that_is_down_is_refused_at_once_and_used_again_when_it_is_up(server, stored, caplog, monkeypatch):
    monkeypatch.setattr(failures, "QUIET_SECONDS", 0)
    caplog.set_level("INFO")
    job = stored.submit()
    server.stop()
    try:
        for _ in range(3):
            begun = time.monotonic()
            for use in (stored.submit, stored.page, lambda: stored.store.get(job.id)):
                with pytest.raises(DatabaseUnavailable):
                    use()
            assert time.monotonic() - begun < 5
    finally:
        server.start()
    assert "Connection refused" in caplog.text
    assert len([it for it in caplog.messages if "Connection refused" in it]) == 2
    wait_until(lambda: is_usable(stored), "the database")
    assert stored.store.get(job.id) == job
    assert "can be written again" in caplog.text
    assert "can be read again" in caplog.text
    assert PASSWORD not in caplog.text


def is_usable(stored: Stored) -> bool:
    try:
        return bool(stored.submit())
    except DatabaseUnavailable:
        return False


def test_a_wrong_password_is_in_no_log(url, caplog):
    for secret in ("s3cretword", "with%20blank"):
        stored = Stored(url.replace(url.split("@")[0].rpartition(":")[2], secret))
        with pytest.raises(DatabaseUnavailable) as refused:
            stored.submit()
        assert "password authentication failed" in caplog.text
        for text_of in (caplog.text, str(refused.value), repr(refused.value), str(refused.value.__cause__)):
            assert "s3cretword" not in text_of
            assert "with blank" not in text_of
            assert "with%20blank" not in text_of


def test_one_that_was_killed_amid_submits_has_all_that_were_accepted(server, stored):
    accepted, stop = [], threading.Event()

    def submit() -> None:
        while not stop.is_set():
            try:
                accepted.append(stored.submit().id)
            except DatabaseUnavailable:
                time.sleep(0.05)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(accepted) > 50, "some jobs")
    server.kill()
    server.start()
    count = len(accepted)
    wait_until(lambda: len(accepted) > count + 50, "more jobs")
    stop.set()
    for thread in threads:
        thread.join()
    assert set(accepted) == {job.id for job in stored.page(limit=100_000)}
    assert stored.numbers() == stored.counted()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_whose_answer_is_lost_is_asked_after(url, stored, when):
    with CommitCutter(url, when) as proxy:
        through = Stored(proxy.url)
        through.submit("first")
        proxy.cuts_left = 1
        if when == "after":
            job = through.submit()
            assert stored.page() == [job]
        else:
            with pytest.raises(DatabaseUnavailable) as refused:
                through.submit()
            assert not isinstance(refused.value, OutcomeUnknown)
            assert stored.page() == []
        assert through.submit("last")
        assert proxy.cuts_left == 0


def test_a_commit_that_cannot_be_asked_after_is_said_to_be_unknown(url, stored, monkeypatch):
    monkeypatch.setattr(group_commit, "OUTCOME_SECONDS", 1.0)
    with CommitCutter(url, "after") as proxy:
        through = Stored(proxy.url)
        through.submit("first")
        proxy.cuts_left = 1000
        with pytest.raises(OutcomeUnknown, match="Idempotency-Key"):
            through.submit(idempotency_key="k")
        proxy.cuts_left = 0
        wait_until(lambda: is_usable(through), "the database")
        found, is_new = through.store.submit(new_job(idempotency_key="k"))
        assert not is_new
        assert stored.store.get(found.id) == found


def test_another_writer_that_stays_is_waited_for_and_then_refused(url, stored):
    """It is another process of this service that hangs in a transaction."""
    job = stored.submit()
    done = []
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (0x6A6F6273,))
        threading.Timer(2.5, other.commit).start()
        begun = time.monotonic()
        assert stored.submit()
        assert time.monotonic() - begun > 2
        other.execute("SELECT pg_advisory_xact_lock(%s)", (0x6A6F6273,))
        with pytest.raises(DatabaseUnavailable):
            stored.database.write(lambda _: done.append(1), seconds=0.5)
        assert stored.store.get(job.id) == job
    assert len(stored.page()) == 2
    stored.submit()
    assert done == []


def test_one_that_only_reads_like_a_standby_is_refused_until_it_has_taken_over(url, server):
    server.run(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    stored = Stored(url)
    with pytest.raises(DatabaseUnavailable):
        stored.submit()
    with pytest.raises(DatabaseUnavailable):
        stored.store.try_write()
    assert stored.page() == []
    server.run(f"ALTER DATABASE {url.rpartition('/')[2]} RESET default_transaction_read_only")
    assert stored.submit()


def test_rights_and_columns_that_are_missing_are_no_fault_of_a_statement(url, server, caplog):
    server.run("CREATE ROLE app LOGIN PASSWORD 'app'")
    stored = Stored(f"postgresql://app:app@{url.rpartition('@')[2]}")
    changes = {
        "REVOKE ALL ON jobs FROM app": "GRANT ALL ON jobs TO app",
        "ALTER TABLE jobs RENAME request TO other": "ALTER TABLE jobs RENAME other TO request",
    }
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
        job = stored.submit()
        for change, back in changes.items():
            owner.execute(change.encode())
            for use in (stored.submit, stored.page, lambda: stored.store.get(job.id)):
                with pytest.raises(DatabaseUnavailable):
                    use()
            owner.execute(back.encode())
            assert stored.store.get(job.id) == job
            assert stored.submit()
        owner.execute("DROP OWNED BY app")
        owner.execute("DROP ROLE app")
    assert "permission denied" in caplog.text
    assert "Traceback" not in caplog.text


def test_tables_that_were_dropped_are_made_again(url):
    stored = Stored(url, prepare=lambda: make_tables(url))
    stored.submit()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("DROP TABLE jobs, job_images, queues, deliveries")
    assert stored.page() == []
    assert stored.submit()


def test_a_statement_that_takes_too_long_spoils_its_own_transaction_alone(stored):
    def slow(transaction) -> None:
        transaction.connection.execute(text("SET LOCAL statement_timeout = '200ms'"))
        transaction.connection.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(DatabaseUnavailable):
        stored.database.write(slow)
    assert stored.submit()
