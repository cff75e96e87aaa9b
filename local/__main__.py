"""`python -m local`: run both tiers on this machine until Ctrl-C, on the sandbox if Perchance is out of reach."""

from render_worker.serving.process_hardening import become_undumpable

if __name__ == "__main__":
    become_undumpable()  # before the rest is imported, which takes a second: it has every tier's secrets

import argparse
import contextlib
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import requests

from local import own_redis
from local.hosts import host_to_ask, reachable_at
from local.plan import Plan
from local.processes import Processes
from local.settings import Environments, Settings, environments, load, plan_of, variables
from render_worker.serving.environment import gunicorn_address
from render_worker.settings import load as load_worker_settings

MODULE = (sys.executable, "-m")
ROOT = Path(__file__).resolve().parent.parent
REACH_SECONDS = 5.0
READY_SECONDS = 120.0
POLL_SECONDS = 0.3
SETTLED_SECONDS = 5.0  # an engine that is degraded after so long stays degraded
LASTING = "is degraded"  # the API says so of a worker that is up; of one that still starts it says "starting"
CREDENTIALS = {
    "none": ("", ""),
    "keys": ("ig_", " (with a key of `.venv/bin/flask --app app keys create --name me`)"),
    "huggingface": ("hf_", " (with a token of yours)"),
}
"""How the credentials of each AUTH begin, and where one comes from."""


def main() -> int:
    """Check ports and network, start everything, and end it on a signal; return the exit status."""
    _parse_arguments()
    settings = load()
    os.chdir(ROOT)
    _require_free(settings.port, "the API", settings.host)
    _require_free(settings.worker_port, "the render worker")
    if settings.own_redis:
        own_redis.require()
    reason = _reason_for_sandbox(settings.sandbox)
    found = plan_of(settings, simulated=bool(reason))
    if settings.plays(found):
        _require_free(settings.sandbox_port, "the sandbox")
        _require_free(settings.sandbox_upload_port, "the sandbox's upload host")
        _say(f"{reason}; the sandbox {_part_of_sandbox(found, settings.sandbox_port)}.")
    _say_of_what_is_not_read(ROOT)
    _say(found.sentence)
    _say(f"Starting, {'half a minute with PyTorch' if 'diffusers' in found.engines else 'a few seconds'} ...")
    processes = Processes(settings.graceful_timeout_seconds)
    with tempfile.TemporaryDirectory(prefix="image-api-") as folder:
        try:
            redis = own_redis.address(folder) if settings.own_redis else ""
            each = environments(variables(settings, simulated=bool(reason), redis=redis))
            if redis:
                processes.start("Redis", each.sandbox, *own_redis.command(folder), needed=True)
            return _run_tiers(processes, settings, each, simulated=settings.plays(found))
        finally:
            processes.stop()


def _parse_arguments() -> None:
    fields = Settings.model_fields.items()
    rows = [f"  {name.upper():<25} {field.description} Default: {field.default or 'unset'}." for name, field in fields]
    settings = "\n".join(["Settings come from the environment: those of both tiers, and", *rows])
    form = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser("python -m local", description=__doc__, epilog=settings, formatter_class=form).parse_args()


def _say_of_what_is_not_read(folder: Path) -> None:
    if (folder / ".env").exists():
        _say("Nothing is read of .env, which is Compose's: the settings of this run are the environment's alone.")


def _part_of_sandbox(found: Plan, port: int) -> str:
    if found.simulated:
        return f"stands in for {', '.join(found.simulated)}"
    return f"is at http://localhost:{port}, and stands in for no engine of this run"


def _run_tiers(processes: Processes, settings: Settings, found: Environments, simulated: bool) -> int:
    if simulated:
        processes.start("the sandbox", found.sandbox, *MODULE, "gunicorn", "-c", "sandbox/gunicorn.conf.py")
    of_worker = {**found.worker, "HOST": "127.0.0.1", "PORT": str(settings.worker_port)}
    processes.start("the render worker", of_worker, *MODULE, "gunicorn", "-c", "render_worker/gunicorn.conf.py")
    if settings.dispatch == "celery":
        command = (*MODULE, "celery", "-A", "render_worker.tasks", "worker")
        processes.start("the Celery worker", of_worker, *command, replaced=True)
    processes.start("the API", found.api, *MODULE, "gunicorn", "app:app")
    if _becomes_ready(processes, settings, found.api):
        processes.wait()
    failed = processes.ended()
    if failed:
        _say(f"{failed[0].upper()}{failed[1:]} has ended; stopping the rest.")
    return 1 if failed else 0


def _becomes_ready(processes: Processes, settings: Settings, of_api: dict[str, str]) -> bool:
    """Wait until a picture can be made, and print what to copy; return False if everything is to be stopped."""
    address = f"{host_to_ask(of_api['ALLOWED_HOSTS'], settings.port, settings.host)}:{settings.port}"
    headers = {"Host": address, "Authorization": f"Bearer {of_api['WORKER_TOKEN']}"}
    url = f"http://{reachable_at(settings.host)}:{settings.port}/ready"
    begun = time.monotonic()
    problem: str | None = "no answer"
    while problem and time.monotonic() < begun + READY_SECONDS:
        if processes.wait(POLL_SECONDS):
            return False
        problem = _readiness_problem(url, headers)
        if problem and LASTING in problem and time.monotonic() > begun + SETTLED_SECONDS:
            _say(f"No picture can be made: {problem}")
            break
    else:
        if problem:
            _say(f"Not ready after {READY_SECONDS:g} seconds: {problem}")
    _say_what_is_down(f"http://127.0.0.1:{settings.worker_port}/health", {"Authorization": headers["Authorization"]})
    _say_what_to_copy("Running" if problem else "Ready", f"http://{address}", auth=settings.auth)
    return True


def _readiness_problem(url: str, headers: dict[str, str]) -> str | None:
    """Return why no picture can be made yet; returns None if one can."""
    try:
        reply = requests.get(url, headers=headers, timeout=REACH_SECONDS)
        return None if reply.ok else str(reply.json()["error"])
    except requests.RequestException as error:
        return f"no answer ({type(error).__name__})"


def _say_what_is_down(url: str, headers: dict[str, str]) -> None:
    """Print which engines are not asked, and what those lack that are."""
    with contextlib.suppress(requests.RequestException):  # then the worker's log says it
        for name, engine in requests.get(url, headers=headers, timeout=REACH_SECONDS).json()["engines"].items():
            if engine["state"] == "down":
                _say(f"{name} is down: {engine['reason']}")
            elif engine.get("reason"):
                _say(f"{name}: {engine['reason']}")


def _say_what_to_copy(state: str, address: str, auth: str) -> None:
    prefix, yours = CREDENTIALS[auth]
    token = prefix and f" -H 'Authorization: Bearer {prefix}...'"
    _say(
        f"\n{state}. Open {address} in a browser; Ctrl-C stops everything.\n"
        f"Or copy{yours}, for a picture, and for one that is painted without any AI:\n\n"
        f"curl -s{token} '{address}/generate?prompt=sunset%20over%20mountains&shape=landscape'\n"
        f"curl -s{token} '{address}/generate?prompt=sunset%20over%20mountains&shape=landscape&model=sketch'"
    )


def _require_free(port: int, what: str, host: str = "127.0.0.1") -> None:
    gunicorn_address(host, port)  # else it would be called taken
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            sys.exit(f"Port {port}, which {what} needs, is taken; choose others with: make run PORT=9000")


def _reason_for_sandbox(when: Literal["auto", "always", "never"]) -> str | None:
    """Return why the sandbox plays; None if it does not."""
    if when == "auto":
        unreachable = _perchance_is_unreachable()
        return unreachable and f"Perchance cannot be reached ({unreachable})"
    return "SANDBOX=always" if when == "always" else None


def _perchance_is_unreachable() -> str | None:
    """Return why neither of Perchance's hosts can be reached; returns None if one can."""
    worker = load_worker_settings()
    problem: str | None = None
    for url in (worker.perchance_page_url, worker.perchance_base_url):
        address = urlsplit(url)
        port = address.port or (443 if address.scheme == "https" else 80)
        try:
            socket.create_connection((address.hostname or "", port), timeout=REACH_SECONDS).close()
        except OSError as error:
            problem = error.strerror or str(error)
        else:
            return None
    return problem


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
