"""The store in a process with gevent's patches, as the API tier is: the hub waits for no disk, lock or server."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.jobs.stored import make_tables
from tests.api.jobs.test_store_sqlite import Lock
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import ROOT

LATE_MS = 500  # on a busy machine; a hub that waited for a lock or a server would be late by seconds


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as made:
        yield made


@pytest.fixture
def url(server) -> Iterator[str]:
    with server.database() as made:
        make_tables(made)
        yield made.replace("127.0.0.1", "localhost")  # a name, which is looked up


class Under:
    """A process with gevent's patches that does something with a store."""

    def __init__(self, what: str, url: str, *arguments: object) -> None:
        command = [sys.executable, "-m", "tests.api.jobs.under_gevent", what, url, *map(str, arguments)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "up\n", self._process.communicate()[1]

    def begin(self) -> "Under":
        """Let it begin."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self

    def result(self) -> dict[str, Any]:
        """Return what it tells."""
        try:
            output, errors = self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        assert output, errors
        result: dict[str, Any] = json.loads(output)
        return result


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_hub_goes_on_and_nothing_is_left_over(kind, tmp_path, request):
    if kind == "sqlite":
        make_tables(url := f"sqlite:///{tmp_path}/jobs.db")
    else:
        url = request.getfixturevalue("url")
    result = Under("everything", url).begin().result()
    assert result["done"] == result.get("redone", result["done"]) == ["Job", "list"]
    assert (result["new_threads"], result.get("left_over", 0)) == (0, 0)
    assert result["threads"] <= 10
    assert result["idle_cpu"] < 0.1
    assert result["orm"] is False
    assert result["late"] < LATE_MS
    assert (result["carried_out"], result["is_last"]) == (False, True)


def test_a_lock_of_sqlite_delays_writes_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/jobs.db"
    make_tables(url)
    process = Under("locked", url)
    with Lock(tmp_path / "jobs.db") as lock:
        process.begin()
        threading.Timer(2.5, lock.release).start()
        result = process.result()
    assert result["done"] == ["Job", "list"]
    assert 2 < result["seconds"] < 15
    assert result["read_seconds"] < 1.5
    assert result["late"] < LATE_MS


def test_a_server_that_hangs_is_given_up_in_time(url, server):
    result = Under("hanging", url, server.processes()[0].pid).begin().result()
    assert set(result["done"]) <= {"DatabaseUnavailable", "OutcomeUnknown"}
    assert result["seconds"] < 20
    assert result["again"] == ["Job", "list"]
    assert result["late"] < 2 * LATE_MS


def test_readers_whose_disk_hangs_are_spared_until_it_goes_on(tmp_path):
    url = f"sqlite:///{tmp_path}/jobs.db"
    make_tables(url)
    result = Under("stuck", url).begin().result()
    assert result["one"] == [["DatabaseUnavailable", "list"], ["list"]]
    assert result["all"][1] == ["DatabaseUnavailable"]
    assert result["seconds"] < 10
    assert (result["again"], result["free"]) == (["list"], 3)
    assert result["late"] < LATE_MS
