"""The keys of signed links: those that are set, or the database's, which is made once and read seldom."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import Connection, create_engine, delete, insert, select
from sqlalchemy.pool import NullPool

from image_api.auth.errors import AuthUnavailable
from image_api.credentials import link_keys
from image_api.credentials.credentials import Credentials
from image_api.credentials.link_keys import LinkKeys
from image_api.database_url import engine_url
from image_api.jobs.database.tables import signing_keys
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.migrations.migration import bring_up_to_date
from image_api.settings import Settings
from tests.fakes.processes import ROOT, clean_environment, wait_until

KEY, OTHER = "a" * 32, "b" * 40
FIRST_USE = """
import sys
from image_api.credentials.credentials import Credentials
from image_api.credentials.link_keys import LinkKeys
from image_api.settings import Settings
keys = LinkKeys((), Credentials(Settings()))
print("ready", flush=True)
sys.stdin.readline()
print(keys.signing_key().decode(), flush=True)
"""


@pytest.fixture
def keys_of() -> Iterator[Callable[..., LinkKeys]]:
    """Makes the keys of a service with a database, and those that SIGNING_KEYS declares."""
    opened: list[Credentials] = []

    def make(url: str, declared: str | None = None) -> LinkKeys:
        settings = Settings(database_url=SecretStr(url), signing_keys=declared)
        opened.append(Credentials(settings))
        return LinkKeys(settings.signing_secrets, opened[-1])

    yield make
    for credentials in opened:
        credentials.close()


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """A slow machine is no database that hangs."""
    monkeypatch.setattr(link_keys, "STALE_WAIT_SECONDS", 20)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    with create_engine(engine_url(SecretStr(url)), poolclass=NullPool).begin() as connection:
        yield connection


def rows(url: str) -> list[str]:
    with connected(url) as connection:
        return list(connection.scalars(select(signing_keys.c.secret)))


def test_it_is_made_at_first_use_and_kept(keys_of, database_url):
    key = keys_of(database_url).signing_key()
    assert len(key) == 43
    assert keys_of(database_url).signing_key() == key
    assert list(keys_of(database_url).verifying_keys()) == [key]
    assert rows(database_url) == [key.decode()]


def test_two_services_have_two(keys_of, tmp_path):
    one, other = (keys_of(f"sqlite:///{tmp_path}/{name}.db").signing_key() for name in ("one", "other"))
    assert one != other


def test_processes_that_need_it_at_once_make_one(database_url):
    bring_up_to_date(engine_url(SecretStr(database_url)))
    environment = clean_environment(DATABASE_URL=database_url)
    command = [sys.executable, "-c", FIRST_USE]
    processes = [Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT, env=environment) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    made = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert {process.returncode for process in processes} == {0}
    assert rows(database_url) == list(made)


def test_what_is_set_needs_no_database(keys_of):
    keys = keys_of("postgresql://nobody@127.0.0.1:1/none", f"{KEY}, {OTHER}")
    assert keys.signing_key() == KEY.encode()
    assert list(keys.verifying_keys()) == [KEY.encode(), OTHER.encode()]


def test_to_verify_makes_no_database(keys_of, tmp_path):
    assert list(keys_of(f"sqlite:///{tmp_path}/jobs.db").verifying_keys()) == []
    assert list(Path(tmp_path).iterdir()) == []


def test_to_verify_makes_no_key(keys_of, tmp_path):
    url = f"sqlite:///{tmp_path}/jobs.db"
    keys_of(url).signing_key()
    with connected(url) as connection:
        connection.execute(delete(signing_keys))
    assert list(keys_of(url).verifying_keys()) == []
    assert rows(url) == []


def test_one_that_is_made_while_the_service_runs_is_found_soon(keys_of, tmp_path, monkeypatch):
    monkeypatch.setattr(link_keys, "UNKNOWN_SECONDS", 0.05)
    url = f"sqlite:///{tmp_path}/jobs.db"
    running = keys_of(url)
    assert list(running.verifying_keys()) == []
    key = keys_of(url).signing_key()
    time.sleep(0.1)
    assert list(running.verifying_keys()) == [key]


def test_it_is_read_once_a_minute_however_many_ask(keys_of, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/jobs.db"
    key = keys_of(url).signing_key()
    running = keys_of(url)
    with ThreadPoolExecutor(8) as pool:
        assert {tuple(found) for found in pool.map(lambda _: running.verifying_keys(), range(8))} == {(key,)}
    with connected(url) as connection:
        connection.execute(delete(signing_keys))
        connection.execute(insert(signing_keys), {"secret": OTHER})
    assert list(running.verifying_keys()) == [key]
    monkeypatch.setattr(link_keys, "KNOWN_SECONDS", 0)
    running._fresh = link_keys.Deadline.after(0)
    assert list(running.verifying_keys()) == [OTHER.encode()]


def test_a_database_that_is_out_of_reach_is_said(keys_of, tmp_path):
    keys = keys_of("postgresql://nobody@127.0.0.1:1/none")
    for use in (keys.verifying_keys, keys.signing_key):
        with pytest.raises(AuthUnavailable, match="key of signed links"):
            use()


def test_a_known_key_holds_while_the_database_is_out_of_reach(keys_of, tmp_path, monkeypatch):
    monkeypatch.setattr(link_keys, "KNOWN_SECONDS", 0)
    monkeypatch.setattr(link_keys, "UNKNOWN_SECONDS", 0)
    file = tmp_path / "jobs.db"
    key = keys_of(f"sqlite:///{file}").signing_key()
    running = keys_of(f"sqlite:///{file}")
    assert list(running.verifying_keys()) == [key]
    file.write_bytes(b"no database at all" * 1000)
    assert list(running.verifying_keys()) == [key]


class Hanging:
    """A database that answers if it may."""

    exist = True

    def __init__(self, *keys: bytes) -> None:
        self.keys = keys
        self.answers = threading.Event()
        self.reads: list[float] = []
        self.store = self

    def link_keys(self) -> tuple[bytes, ...]:
        self.reads.append(time.monotonic())
        if not self.answers.wait(60):
            raise DatabaseUnavailable("It hangs.")
        return self.keys


@pytest.fixture
def hanging(monkeypatch):
    """Makes a database that begins to hang once its keys are known, or fails at the first look, and its readers."""
    monkeypatch.setattr(link_keys, "STALE_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(link_keys, "KNOWN_SECONDS", 0)
    monkeypatch.setattr(link_keys, "UNKNOWN_SECONDS", 0)
    database = Hanging(KEY.encode())
    yield database
    database.answers.set()
    wait_until(lambda: all(it.name != "link-keys" for it in threading.enumerate()), "the reader has ended", 20)


def test_a_database_that_hangs_holds_up_no_link_whose_key_is_known(hanging):
    keys = LinkKeys((), hanging)
    hanging.answers.set()
    wait_until(lambda: keys.verifying_keys() == hanging.keys, "the key is known", 20)
    wait_until(lambda: keys._in_flight is None, "no read is in flight", 20)
    hanging.answers.clear()
    hanging.reads.clear()
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(keys.verifying_keys) for _ in range(40)]
        assert [it.result(20) for it in found] == [hanging.keys] * 40  # a read of this database takes a minute
    assert len(hanging.reads) == 1
    hanging.keys = (OTHER.encode(),)
    hanging.answers.set()
    wait_until(lambda: keys.verifying_keys() == hanging.keys, "the other key is known", 20)


def test_while_it_hangs_one_request_alone_finds_out_whether_there_is_a_key(hanging):
    keys = LinkKeys((), hanging)
    keys._is_available = False  # it did not answer the last time
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(keys.verifying_keys)
        wait_until(lambda: hanging.reads, "it is being read", 20)
        for _ in range(20):
            with pytest.raises(AuthUnavailable):
                keys.verifying_keys()
        assert not first.done()
        hanging.answers.set()
        assert first.result(20) == hanging.keys
    assert len(hanging.reads) == 1


def test_one_that_never_answers_is_no_service_without_keys(hanging, monkeypatch):
    monkeypatch.setattr(link_keys, "LOOK_UP_SECONDS", 0.05)
    with pytest.raises(AuthUnavailable):
        LinkKeys((), hanging).verifying_keys()


@pytest.mark.parametrize("text", ["hunter2", f"{KEY},hunter2", f"{KEY},{'x' * 31}", "a" * 31])
def test_a_short_one_is_refused_without_its_text(text):
    with pytest.raises(ValidationError, match="is shorter than 32 characters") as caught:
        Settings(signing_keys=text)
    (error,) = caught.value.errors()
    assert f"number {text.count(',') + 1}" in error["msg"]
    assert text.rpartition(",")[2] not in error["msg"]


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_an_empty_one_is_none(text):
    assert Settings(signing_keys=text).signing_secrets == ()


def test_threads_that_sign_at_once_make_one(keys_of, database_url):
    keys, ready = keys_of(database_url), threading.Barrier(4)

    def made(_: int) -> bytes:
        ready.wait()
        return keys.signing_key()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(made, range(4)))) == 1
    assert len(rows(database_url)) == 1
