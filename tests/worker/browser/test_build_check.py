"""`python -m render_worker.browser`, the last step of the image's build, on builders that lack or forbid something."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.processes import ROOT, clean_environment

FORBIDDEN = "#!/bin/sh\necho 'FATAL:content/zygote.cc: Operation not permitted' >&2\nexec kill -TRAP $$\n"


def check(**environment: object) -> tuple[int, str]:
    """Return the step's exit status and what it prints."""
    command = [sys.executable, "-m", "render_worker.browser"]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(**environment), capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.fixture
def lacking(tmp_path) -> Path:
    """Return a program whose C library is missing."""
    program = tmp_path / "lacking"
    program.write_bytes(Path("/usr/bin/true").read_bytes().replace(b"libc.so.6\0", b"libZ.so.6\0"))
    program.chmod(0o755)
    return program


def test_it_is_silent_if_a_browser_starts():
    status, printed = check()
    assert (status, "WARNING" in printed) == (0, False), printed


def test_a_browser_that_this_machine_forbids_is_a_loud_warning(tmp_path):
    forbidden = tmp_path / "forbidden"
    forbidden.write_text(FORBIDDEN)
    forbidden.chmod(0o755)
    status, printed = check(CHROMIUM_PATH=forbidden, BROWSER_SANDBOX="off")
    assert status == 0
    assert "*** WARNING: no browser started" in printed
    assert "zygote.cc: Operation not permitted" in printed
    assert "/health" in printed


@pytest.mark.parametrize("part", ["CHROMIUM_PATH", "PLAYWRIGHT_NODEJS_PATH"])
def test_a_missing_library_fails_and_is_named(lacking, part):
    status, printed = check(**{part: lacking})
    assert status == 1
    assert "error while loading shared libraries: libZ.so.6" in printed.splitlines()[-1]


def test_a_missing_browser_fails(tmp_path):
    status, printed = check(CHROMIUM_PATH=tmp_path / "none")
    assert (status, "executable doesn't exist" in printed) == (1, True), printed
