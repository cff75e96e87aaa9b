"""No secret can be read from the browser: neither in a process's environment nor in its memory.

Everything is started, and then read, by one unprivileged user, as an intruder in the browser would be.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.fakes.processes import ROOT
from tests.fakes.unprivileged import unprivileged, user_namespaces_are_granted, without_user_namespaces

WORKER, CELERY, LOCAL = "worker", "celery", "local"


class Scene:
    """What an unprivileged user can read, as `tests.end_to_end.intruder` reports it."""

    def __init__(self, what, as_user):
        folder = Path(tempfile.mkdtemp(prefix="intruder-"))
        folder.chmod(0o777)  # the unprivileged user writes there
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tests.end_to_end.intruder", what, str(folder)],
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(folder), "HOME": str(folder)},
                capture_output=True,
                text=True,
                timeout=110,
                preexec_fn=as_user,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        assert done.returncode == 0, done.stdout + done.stderr
        self.saw = json.loads(done.stdout.splitlines()[-1])

    def kinds(self, what):
        return {kind for kind, seen in self.saw["processes"].items() if what in seen}


@pytest.fixture(scope="module", params=[unprivileged, without_user_namespaces])
def beside_the_worker(request):
    return Scene(WORKER, request.param), request.param


def test_no_environment_that_can_be_read_has_a_secret(beside_the_worker):
    scene, _ = beside_the_worker
    assert scene.kinds("found a secret") == {"control"}, scene.saw
    assert scene.kinds("environment kept") >= {"worker's master", "worker"}
    assert scene.kinds("environment read") >= {"control", "driver", "browser"}


def test_the_memory_of_what_has_secrets_cannot_be_opened(beside_the_worker):
    scene, _ = beside_the_worker
    assert scene.kinds("memory kept") >= {"worker's master", "worker"}
    assert scene.kinds("memory opened") >= {"control", "driver"}


def test_no_command_line_has_a_secret_and_no_file_of_the_worker_is_open_in_the_browser(beside_the_worker):
    scene, _ = beside_the_worker
    assert scene.kinds("secret in command line") == set()
    assert scene.saw["inherited"] == []


def test_pages_are_in_chromium_s_sandbox_if_the_host_grants_user_namespaces(beside_the_worker):
    scene, as_user = beside_the_worker
    sandboxed = as_user is unprivileged and user_namespaces_are_granted()
    details = scene.saw["details"]
    assert details["browser_sandbox"] is sandboxed
    assert ("browser_sandbox_missing" in details) is not sandboxed
    assert scene.saw["renderers"], "no page was open"
    assert {renderer["own process namespace"] for renderer in scene.saw["renderers"]} == {sandboxed}
    assert {renderer["system calls filtered"] for renderer in scene.saw["renderers"]} == {sandboxed}


def test_a_celery_worker_keeps_its_secrets_too():
    scene = Scene(CELERY, unprivileged)
    assert scene.kinds("found a secret") == {"control"}, scene.saw
    assert scene.kinds("environment kept") >= {"Celery worker"}
    assert scene.kinds("memory kept") >= {"Celery worker"}
    assert scene.kinds("environment read") >= {"control", "driver", "browser"}
    assert scene.kinds("secret in command line") == set()
    assert scene.saw["inherited"] == []


def test_make_run_keeps_its_secrets_too():
    scene = Scene(LOCAL, unprivileged)
    assert scene.kinds("found a secret") == {"control"}, scene.saw
    assert scene.kinds("environment kept") >= {"local", "worker's master", "worker", "api's master", "api"}
    assert scene.kinds("environment read") >= {"control", "driver", "browser", "stand-in"}
