"""A real PostgreSQL on a port of its own, which a test can stop, kill and start again."""

import contextlib
import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psutil
import psycopg

from tests.fakes.processes import free_port, left_of, wait_until

# Debian keeps the programs of a version in a folder of its own, outside of PATH.
FOLDERS = "/usr/lib/postgresql/*/bin"
# PostgreSQL refuses to run as root: then it runs as one of these.
USERS = ("postgres", "nobody")
PASSWORD = "p@ss/w:rd %"  # each of its marks has a meaning in a URL
PR_SET_PDEATHSIG = 1  # of prctl(2)
SETTINGS = ("listen_addresses=127.0.0.1", "shared_buffers=16MB", "max_connections=200", "timezone=UTC")


class PostgresServer:
    """A PostgreSQL that runs while it is entered; its data lie in a temporary folder until then.

    A killed one has all that it had committed: what a process has written is the kernel's. `fsync` says whether each
    commit waits for the disk as well, which only a failure of the whole machine and a benchmark would notice.
    """

    def __init__(self, *, fsync: bool = False) -> None:
        self.port = free_port()
        self._fsync = fsync
        self._numbers = itertools.count()
        self._user: dict[str, Any] = _unprivileged() if os.geteuid() == 0 else {}
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        """Where its Unix socket lies, besides its data."""
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])

    @property
    def url(self) -> str:
        """Return the address of its first database, password included, as a DATABASE_URL."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the address of one of its databases."""
        return f"postgresql://postgres:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start PostgreSQL, also after a stop or a kill, and wait for it. Raises AssertionError if it is missing."""
        if not (self.folder / "data").exists():
            self._initialize()
        options = [word for each in (*SETTINGS, f"fsync={'on' if self._fsync else 'off'}") for word in ("-c", each)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", "data", "-p", str(self.port), "-k", str(self.folder), *options],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_its_parent,
                **self._user,
            )
        wait_until(self._answers, "postgres")

    def _initialize(self) -> None:
        (self.folder / "password").write_text(PASSWORD)
        options = ("--username=postgres", "--pwfile=password", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale")
        done = subprocess.run(
            [_program("initdb"), "-D", "data", "--no-sync", "--wal-segsize=1", *options],
            cwd=self.folder,
            capture_output=True,
            text=True,
            **self._user,
        )
        assert done.returncode == 0, done.stderr

    def _answers(self) -> bool:
        assert self._process.poll() is None, f"PostgreSQL ended:\n{self.log()}"
        try:
            psycopg.connect(self.url).close()
        except psycopg.OperationalError:
            return False
        return True

    def log(self) -> str:
        """Return what the server has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def processes(self) -> list[psutil.Process]:
        """Return the server's first process and those of its connections; empty if it does not run."""
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        return []

    def stop(self) -> None:
        """Shut it down in order; its connections end."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

    def kill(self) -> None:
        """Kill all of its processes at once, as if its host failed, and wait until none is left."""
        processes = self.processes()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        wait_until(lambda: not left_of(processes), "the end of PostgreSQL")  # one that is left keeps it from starting

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Create an empty database, or a copy, and drop it after the context, whose value is its DATABASE_URL."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url_of(name)
        finally:
            if self._process.poll() is None:
                self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def run(self, statement: str) -> None:
        """Run a statement as the superuser, in no transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def _remove(self) -> None:
        if hasattr(self, "_process"):
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _program(name: str) -> str:
    """Return the path of a program of PostgreSQL, of the newest version. Raises AssertionError if there is none."""
    folders = sorted(Path("/").glob(FOLDERS.lstrip("/")), key=lambda it: float(it.parent.name))
    found = shutil.which(name, path=os.pathsep.join(map(str, reversed(folders)))) or shutil.which(name)
    assert found, f"{name} of PostgreSQL is missing; `make test` installs it"
    return found


def _end_with_its_parent() -> None:
    """Have the kernel shut the server down if the tests' process ends without doing so."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def _unprivileged() -> dict[str, Any]:
    """Return the options by which `subprocess` starts a process as a user without rights."""
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = next(names[name] for name in USERS if name in names)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
