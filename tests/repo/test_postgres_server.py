"""The PostgreSQL that the tests of jobs run on, and the script that installs it."""

import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import ROOT, clean_environment, left_of, wait_until

LEFT = "import os; from tests.fakes.postgres_server import PostgresServer as S; s = S(); s.start(); print(s.folder)"


def value(url: str, statement: str) -> object:
    """Return the first value that a statement finds."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row and row[0]


def test_what_was_committed_outlives_a_kill_of_all_its_processes():
    with PostgresServer() as server, server.database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (number integer)")
            connection.execute("INSERT INTO kept VALUES (7)")
            processes = server.processes()
            assert len(processes) > 3
            server.kill()
            assert left_of(processes) == []
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        server.start()
        assert value(url, "SELECT number FROM kept") == 7
        server.stop()
        server.start()
        assert value(url, "SELECT number FROM kept") == 7


def test_each_database_is_empty_and_gone_afterwards_whatever_still_uses_it(postgres):
    with postgres.database() as first, postgres.database() as second:
        connection = psycopg.connect(first, autocommit=True)
        connection.execute("CREATE TABLE only_here (number integer)")
        assert value(second, "SELECT to_regclass('only_here')::text") is None
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first)
    connection.close()


def test_it_asks_for_its_password_and_its_folder_is_gone_afterwards():
    with PostgresServer() as server:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace("p%40ss", "another"))
        assert value(server.url, "SHOW is_superuser") == "on"
    assert not server.folder.exists()


def test_it_ends_with_a_process_that_was_killed_before_it_could_stop_it():
    command = [sys.executable, "-c", f"{LEFT}; os.kill(os.getpid(), 9)"]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True)
    folder = Path(done.stdout.strip())
    assert folder.name.startswith("postgres-")
    wait_until(lambda: not (folder / "data/postmaster.pid").exists(), "the end of PostgreSQL")
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("here", "wanted"),
    [((), "redis-server postgresql"), (("redis-server",), "postgresql"), (("postgres",), "redis-server")],
    ids=lambda it: "+".join(it) if isinstance(it, tuple) else it,
)
def test_only_missing_servers_are_installed_and_their_services_are_disabled(tmp_path, here, wanted):
    script = (ROOT / "tests/servers.sh").read_text().replace("/usr/lib/postgresql", str(tmp_path / "none"))
    for name in (*here, "apt-get", "systemctl", "sudo"):
        rest = 'shift; exec "$@"' if name == "sudo" else f'echo "{name} $*" >> "{tmp_path}/log"'
        (tmp_path / name).write_text(f"#!/bin/sh\n{rest}\n")
        (tmp_path / name).chmod(0o755)
    for name in ("sh", "id", "ls"):
        (tmp_path / name).symlink_to(f"/bin/{name}" if name != "id" else "/usr/bin/id")
    done = subprocess.run(["sh", "-c", script], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "log").read_text().splitlines()
    assert f"apt-get install -y -qq --no-install-recommends {wanted}" in log
    assert [line.split()[-1] for line in log if line.startswith("systemctl")] == wanted.split()


def test_where_both_are_there_nothing_is_installed():
    done = subprocess.run(["sh", "tests/servers.sh"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
