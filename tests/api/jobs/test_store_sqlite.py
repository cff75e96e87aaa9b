"""A SQLite file that is locked, full, deleted, replaced, read-only or broken: what is refused, and that it heals."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from image_api.jobs.database import failures
from image_api.jobs.database.sqlite_log import CUT_BYTES, LogFile
from image_api.jobs.errors import DatabaseUnavailable
from tests.api.jobs.stored import Stored, at_once, make_tables
from tests.fakes.processes import ROOT, wait_until

LOCKER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "jobs.db"


@pytest.fixture
def stored(file) -> Stored:
    url = f"sqlite:///{file}"
    make_tables(url)
    return Stored(url, prepare=lambda: make_tables(url))


class Lock:
    """The write lock of a file, held by another process."""

    def __init__(self, file) -> None:
        self._file = file

    def __enter__(self) -> "Lock":
        command = [sys.executable, "-c", LOCKER, str(self._file)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout
        assert self._process.stdout.readline() == b"locked\n"
        return self

    def release(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __exit__(self, *_: object) -> None:
        self.release()


def test_submits_wait_for_a_lock_of_three_seconds_and_reads_go_on(stored, file):
    before = stored.submit()
    with Lock(file) as lock:
        threading.Timer(3, lock.release).start()
        begun = time.monotonic()
        submitted: list = []
        thread = threading.Thread(target=lambda: submitted.extend(at_once(*[stored.submit] * 20)))
        thread.start()
        while thread.is_alive() and time.monotonic() - begun < 2.5:
            asked = time.monotonic()
            assert stored.store.get(before.id) == before
            assert stored.store.queue().pending == 1
            assert time.monotonic() - asked < 1
            time.sleep(0.05)
        thread.join()
    assert 2.5 < time.monotonic() - begun < 10
    assert len(stored.page()) == 21
    assert {job.id for job in submitted} < {job.id for job in stored.page()}


def test_what_waits_too_long_for_the_lock_is_not_carried_out_later(stored, file, caplog):
    with Lock(file):
        with pytest.raises(DatabaseUnavailable):
            stored.database.write(lambda it: stored.store._submit(it, None), seconds=0.5)
        results = at_once(*[lambda: stored.database.write(lambda _: 1 / 0, seconds=2.6)] * 3)
        assert [type(it) for it in results] == [DatabaseUnavailable] * 3
    assert stored.submit()
    assert len(stored.page()) == 1
    assert "database is locked" in caplog.text


COUNT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])
connection.close()
"""


def test_another_process_that_leaves_takes_no_log_with_it(stored, file):
    """It deletes the log if it finds no lock on the file: a process loses its own by closing any other handle of it."""
    for count in (1, 2, 3):
        stored.submit()
        stored.page()
        stored.database._writes._connection._drop()  # as after any failure
        assert subprocess.check_output([sys.executable, "-c", COUNT, file], text=True) == f"{count}\n"


def test_a_deleted_file_is_made_again(stored, file):
    stored.submit()
    for name in ("", "-wal", "-shm"):
        file.with_name(file.name + name).unlink(missing_ok=True)
    assert stored.page() == []
    job = stored.submit()
    assert stored.page() == Stored(f"sqlite:///{file}").page() == [job]
    assert [it.stat().st_mode & 0o777 for it in file.parent.glob("jobs.db*")] == [0o600] * 3


def test_a_deleted_folder_is_refused_until_it_is_there_again(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    url = f"sqlite:///{folder}/jobs.db"
    stored = Stored(url, prepare=lambda: make_tables(url))
    assert stored.submit()
    shutil.rmtree(folder)
    with pytest.raises(DatabaseUnavailable):
        stored.submit()
    with pytest.raises(DatabaseUnavailable):
        stored.page()
    folder.mkdir()
    wait_until(lambda: is_usable(stored), "the database")
    assert len(stored.page()) == 1


def is_usable(stored: Stored) -> bool:
    try:
        return bool(stored.submit())
    except DatabaseUnavailable:
        return False


def test_a_log_does_not_flap_if_reads_succeed_and_writes_fail(stored, file, caplog):
    caplog.set_level("INFO")
    with Lock(file):
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                stored.database.write(lambda _: None, seconds=2.2)
            stored.page()
    stored.submit()
    stored.page()
    assert [it.message for it in caplog.records if it.name == failures.__name__] == [
        "the jobs' database cannot be written: OperationalError: database is locked"
    ]


def test_a_file_that_is_replaced_is_the_one_from_then_on(stored, file, tmp_path):
    stored.submit("old")
    other = tmp_path / "other.db"
    make_tables(f"sqlite:///{other}")
    kept = Stored(f"sqlite:///{other}").submit("new")
    with sqlite3.connect(other) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for name in ("-wal", "-shm"):
        file.with_name(file.name + name).unlink(missing_ok=True)
    other.replace(file)
    assert stored.page("old") == []
    assert stored.page("new") == [kept]
    assert stored.submit("new").id > kept.id


@pytest.mark.parametrize("content", [b"this is no database " * 1000, b"SQLite format 3\0" + b"\xff" * 40000])
def test_a_broken_file_is_refused_with_its_reason_in_the_log_until_it_is_whole(stored, file, content, caplog):
    job = stored.submit()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = file.read_bytes()
    replace(file, content)
    for use in (stored.submit, stored.page, lambda: stored.store.get(job.id)):
        with pytest.raises(DatabaseUnavailable):
            use()
    assert "DatabaseError" in caplog.text
    replace(file, whole)
    wait_until(lambda: is_usable(stored), "the database")
    assert stored.store.get(job.id) == job


def replace(file, content: bytes) -> None:
    for name in ("", "-wal", "-shm"):
        file.with_name(file.name + name).unlink(missing_ok=True)
    file.write_bytes(content)


FULL_DISK = """
import resource, sys
from image_api.jobs.errors import DatabaseUnavailable
from tests.api.jobs.stored import Stored
stored = Stored(sys.argv[1])
kept = [stored.submit().id]
assert stored.page() and stored.store.try_write()
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, -1))
try:
    while True:
        kept.append(stored.submit(image=b"x" * 10_000).id)
except DatabaseUnavailable:
    print("full", len(kept))
assert stored.store.get(kept[0]).id == kept[0]
try:
    for _ in range(10):  # until what a job is too large for is full
        stored.store.try_write()
except DatabaseUnavailable:
    print("noticed", 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
kept.append(stored.submit().id)
assert [job.id for job in reversed(stored.page(limit=1000))] == kept
assert stored.numbers() == stored.counted() == {"one": (len(kept), (len(kept) - 2) * 10_000)}
print("whole")
"""


def test_a_full_disk_refuses_and_loses_nothing(stored):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, stored.url], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0::2] == ["full", "noticed", "whole"]
    assert int(done.stdout.split()[1]) > 2


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("ALTER TABLE jobs RENAME progress TO other", "ALTER TABLE jobs RENAME other TO progress"),
        ("DROP INDEX jobs_pending", "CREATE INDEX jobs_pending ON jobs (owner, id) WHERE status = 'pending'"),
    ],
)
def test_a_table_of_another_version_is_no_fault_of_a_statement(stored, file, change, back):
    stored.submit()
    with sqlite3.connect(file) as other:
        other.execute(change)
    with pytest.raises(DatabaseUnavailable):
        stored.page(status="pending")
    with sqlite3.connect(file) as other:
        other.execute(back)
    assert len(stored.page(status="pending")) == 1
    other.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written_is_refused_for_writing_alone(stored, file):
    job = stored.submit()
    file.chmod(0o400)
    fresh = Stored(stored.url)
    with pytest.raises(DatabaseUnavailable):
        fresh.submit()
    assert fresh.store.get(job.id) == job
    file.chmod(0o600)
    assert fresh.submit()


def test_the_log_does_not_grow_for_ever_under_readers_that_overlap(stored, file):
    """Without a cut it is never begun anew: some reader always uses it."""
    stored.submit(image=b"x" * CUT_BYTES)
    log = LogFile(file)
    readers = [sqlite3.connect(file, isolation_level=None, check_same_thread=False) for _ in range(2)]
    stop = threading.Event()

    def read(connection: sqlite3.Connection) -> None:
        while not stop.is_set():
            connection.execute("BEGIN")
            connection.execute("SELECT sum(pending) FROM queues").fetchall()
            time.sleep(0.02)
            connection.execute("COMMIT")

    threads = [threading.Thread(target=read, args=(each,)) for each in readers]
    for index, thread in enumerate(threads):
        thread.start()
        time.sleep(0.01 * index)
    for _ in range(3):
        stored.submit(image=b"x" * (CUT_BYTES // 2))
    size = log._log.stat().st_size
    stop.set()
    for thread, reader in zip(threads, readers, strict=True):
        thread.join()
        reader.close()
    assert size < CUT_BYTES
    assert stored.numbers() == stored.counted()


def test_a_reader_that_stays_is_not_waited_for_at_each_write(stored, file):
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM queues").fetchall()
    stored.submit(image=b"x" * CUT_BYTES)
    begun = time.monotonic()
    for _ in range(5):
        stored.submit()
    assert time.monotonic() - begun < 5  # once it is waited for two seconds at most
    reader.close()
