"""`python -m tests.end_to_end.intruder worker|celery|local FOLDER`: start that, and look around from its browser.

Prints what an intruder there sees as a line of JSON. The secrets are made here, so that only what is started has them
in its environment.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests
from celery import Celery

from image_api.dispatch.queued.request_states import RequestStates
from render_worker.contract import TASK, GenerateRequest, QueuedRequest, ResultLine
from tests.end_to_end.conftest import worker_settings
from tests.fakes.celery_worker import CeleryWorker
from tests.fakes.processes import (
    ROOT,
    clean_environment,
    command_of,
    four_free_ports,
    free_port,
    sandbox,
    wait_until,
    worker,
)
from tests.fakes.redis_server import RedisServer

NAMES = ("WORKER_TOKEN", "REPLICATE_API_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "REDIS_URL", "OTHER")
REDIS = RedisServer(secrets.token_hex(16))
SECRETS = {name: f"redis://:{secrets.token_hex(16)}@127.0.0.1:{free_port()}/0" for name in NAMES}
SECRETS["REDIS_URL"] = REDIS.url
KINDS = {
    "-m local": "local",
    "-m celery": "Celery worker",
    "render_worker/gunicorn.conf.py": "worker",
    "sandbox/gunicorn.conf.py": "stand-in",
    "app:app": "api",
    "run-driver": "driver",
    "--type=renderer": "renderer",
    "--type=": "browser's helper",
    "--remote-debugging-pipe": "browser",
    "sleep 1000": "control",
}


def kind_of(process: psutil.Process) -> str:
    """Return what a process is; gunicorn's master is the one with children of the same command line."""
    line = command_of(process)
    kind = next((kind for words, kind in KINDS.items() if words in line), line)
    return f"{kind}'s master" if kind in ("worker", "api") and len(process.children()) and _forked(process) else kind


def _forked(process: psutil.Process) -> bool:
    return any(command_of(child) == command_of(process) for child in process.children())


def readable_of(pid: int) -> list[str]:
    """Return what this user can read of another process."""
    found = ["secret in command line"] * _has_secret(Path(f"/proc/{pid}/cmdline").read_bytes())
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        found += ["environment read"] + ["found a secret"] * _has_secret(environment)
    except PermissionError:
        found.append("environment kept")
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
        return [*found, "memory opened"]
    except PermissionError:
        return [*found, "memory kept"]


def _has_secret(data: bytes) -> bool:
    return any(secret.encode() in data for secret in SECRETS.values())


def look_around() -> dict[str, list[str]]:
    """Return what can be read of every process, by kind; those that were not started here are "others"."""
    mine = {process.pid: process for process in psutil.Process().children(recursive=True)}
    found: dict[str, set[str]] = {}
    for pid in psutil.pids():
        try:
            kind = kind_of(mine[pid]) if pid in mine else "itself" if pid == os.getpid() else "others"
            found.setdefault(kind, set()).update(readable_of(pid))
        except (psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
            continue  # it ended meanwhile
    return {kind: sorted(whats) for kind, whats in found.items()}


def renderers() -> list[dict[str, bool]]:
    """Return how each renderer is isolated from the rest of the system."""
    return [
        {
            "own process namespace": len(_status(process.pid, "NSpid")) > len(_status(os.getpid(), "NSpid")),
            "system calls filtered": _status(process.pid, "Seccomp_filters") > _status(os.getpid(), "Seccomp_filters"),
        }
        for process in psutil.Process().children(recursive=True)
        if kind_of(process) == "renderer"
    ]


def _status(pid: int, field: str) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(f"{field}:"))


def inherited() -> list[str]:
    """Return what the driver and the browser have open of the worker's: listening sockets and locked folders."""
    found = []
    for process in psutil.Process().children(recursive=True):
        if kind_of(process) in ("driver", "browser"):
            found += [f"port {each.laddr.port}" for each in process.net_connections() if each.status == "LISTEN"]
            files = [str(each.readlink()) for each in Path(f"/proc/{process.pid}/fd").iterdir() if each.is_symlink()]
            found += [name for name in files if Path(name).is_dir()]
    return found


@contextmanager
def running_worker(folder: Path) -> Iterator[dict[str, object]]:
    """Run a worker until it has made a picture; yield what its health says of the browser."""
    with sandbox() as site, worker(**{**worker_settings(site, folder / "images"), **SECRETS}) as renderer:
        authorization = {"Authorization": f"Bearer {SECRETS['WORKER_TOKEN']}"}
        body = {"prompt": "a tree", "model": "perchance"}
        requests.post(f"{renderer.url}/generate", json=body, headers=authorization, timeout=60).raise_for_status()
        health = requests.get(f"{renderer.url}/health", headers=authorization, timeout=5).json()
        yield health["engines"]["perchance"]["details"]


@contextmanager
def running_celery(folder: Path) -> Iterator[dict[str, object]]:
    """Run a Celery worker until it has made a picture."""
    request = GenerateRequest(prompt="a tree", model="perchance", request_id="a-request")
    message = QueuedRequest(request=request, attempt=1).model_dump_json(exclude_none=True)
    with REDIS, sandbox() as site:
        settings = {**worker_settings(site, folder / "images", ENGINES="perchance"), **SECRETS}
        with CeleryWorker(**{**settings, "redis_url": REDIS.url}), Celery(broker=REDIS.url) as app:
            app.send_task(TASK, [message], queue="perchance", ignore_result=True)
            states = RequestStates(REDIS.client)
            wait_until(lambda: states.states([request.request_id])[0].status == "ended", "the picture")
            assert isinstance(states.endings([request.request_id])[0], ResultLine)
            yield {}


def start_local(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start `make run` without make, wait until it is ready, and return it with the API's port."""
    settings = {"SANDBOX": "always", "LOCAL_STORAGE_DIR": folder / "images"}
    log = folder / "log"
    for _ in range(3):  # another process may take a free port before it does
        port = four_free_ports()
        environment = clean_environment(**settings, **SECRETS, PORT=port)
        with log.open("wb") as output:
            command = [sys.executable, "-m", "local"]
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        wait_until(lambda: "\ncurl " in log.read_text() or process.poll() is not None, "a local run")  # noqa: B023
        if process.poll() is None:
            return process, port
    raise AssertionError(log.read_text())


@contextmanager
def running_local(folder: Path) -> Iterator[dict[str, object]]:
    """Run `make run` until its first picture is made."""
    process, port = start_local(folder)
    try:
        picture = f"http://127.0.0.1:{port}/generate?prompt=a&model=perchance"
        requests.get(picture, timeout=60).raise_for_status()
        yield {}
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """Start it beside a process that hides nothing, and print what can be read as JSON."""
    running = {"worker": running_worker, "celery": running_celery, "local": running_local}[sys.argv[1]]
    control = subprocess.Popen(["sleep", "1000"], env={**os.environ, **SECRETS})
    try:
        with running(Path(sys.argv[2])) as details:
            saw = {"processes": look_around(), "renderers": renderers(), "inherited": inherited(), "details": details}
    finally:
        control.kill()
        control.wait()
    print(json.dumps(saw))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
