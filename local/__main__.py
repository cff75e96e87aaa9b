"""`python -m local`: run both tiers on this machine until Ctrl-C, on the sandbox where Perchance is out of reach."""

from render_worker.serving.process_hardening import become_undumpable

if __name__ == "__main__":
    become_undumpable()  # before the rest is imported, which takes a second: it has every tier's secrets

import argparse
import os
import secrets
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import requests

from local.hosts import host_to_ask, own_hosts
from local.processes import Processes
from local.settings import Environments, Settings, environments, load
from render_worker.settings import load as load_worker_settings

ROOT = Path(__file__).resolve().parent.parent
REACH_SECONDS = 5.0
READY_SECONDS = 120.0
POLL_SECONDS = 0.3
SETTLED_SECONDS = 5.0  # what is wrong then is wrong for longer
LASTING = "is degraded"  # what the API says of a worker that is up, while one that still starts is "starting"


def main() -> int:
    """Look at ports and network, start everything, and end it when asked to."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.epilog = "Settings come from the environment: PORT (8000), HOST (127.0.0.1) and those of both tiers."
    parser.parse_args()
    settings = load()
    os.chdir(ROOT)
    for what, port in (("the API", settings.port), ("the render worker", settings.worker_port)):
        _require_free(port, what)
    unreachable = _perchance_is_unreachable()
    if unreachable:
        _require_free(settings.sandbox_port, "the sandbox")
        _require_free(settings.sandbox_upload_port, "the sandbox's upload host")
        _say(f"Perchance cannot be reached ({unreachable}); the sandbox stands in for it and every other service.")
    _say("Starting, a few seconds ...")
    found = environments(_settings_of_all(settings, simulated=bool(unreachable)))
    processes = Processes(settings.graceful_timeout_seconds)
    try:
        return _run(processes, settings, found, simulated=bool(unreachable))
    finally:
        processes.stop()


def _run(processes: Processes, settings: Settings, found: Environments, simulated: bool) -> int:
    if simulated:
        processes.start("the sandbox", found.sandbox, "gunicorn", "-c", "sandbox/gunicorn.conf.py")
    of_worker = {**found.worker, "HOST": "127.0.0.1", "PORT": str(settings.worker_port)}
    processes.start("the render worker", of_worker, "gunicorn", "-c", "render_worker/gunicorn.conf.py")
    processes.start("the API", found.api, "gunicorn", "app:app")
    host = host_to_ask(found.api["ALLOWED_HOSTS"], settings.port)
    if _becomes_ready(processes, settings.port, host, found.api["WORKER_TOKEN"]):
        processes.wait()
    failed = processes.ended()
    if failed:
        _say(f"{failed[0].upper()}{failed[1:]} has ended; stopping the rest.")
    return 1 if failed else 0


def _becomes_ready(processes: Processes, port: int, host: str, token: str) -> bool:
    """Wait until a picture could be made, and print what to copy; False where everything is to be stopped."""
    begun, address = time.monotonic(), f"http://{host}:{port}"
    headers = {"Host": f"{host}:{port}", "Authorization": f"Bearer {token}"}
    problem, ready = "no answer", "Ready"
    while time.monotonic() < begun + READY_SECONDS:
        if processes.wait(POLL_SECONDS):
            return False
        try:
            reply = requests.get(f"http://localhost:{port}/ready", headers=headers, timeout=REACH_SECONDS)
            if reply.ok:
                break
            problem = reply.json()["error"]
            if LASTING in problem and time.monotonic() > begun + SETTLED_SECONDS:
                _say(f"No picture can be made: {problem}")
                ready = "Running"
                break
        except requests.RequestException as error:
            problem = f"no answer ({type(error).__name__})"
    else:
        _say(f"Not ready after {READY_SECONDS:g} seconds: {problem}")
        ready = "Running"
    _say(
        f"\n{ready} at {address}. Ctrl-C stops everything. A picture, and one that is painted without any AI:\n\n"
        f"curl -s '{address}/generate?prompt=sunset%20over%20mountains&shape=landscape'\n"
        f"curl -s '{address}/generate?prompt=sunset%20over%20mountains&shape=landscape&model=sketch'"
    )
    return True


def _settings_of_all(settings: Settings, simulated: bool) -> dict[str, str]:
    """What every process finds in its environment, in the names that the tiers and the sandbox read."""
    changes = {
        "PORT": str(settings.port),
        "HOST": settings.host,
        "ENGINES": settings.engines,
        "STORAGE": settings.storage,
        "GRACEFUL_TIMEOUT_SECONDS": str(settings.graceful_timeout_seconds),
        "PERCHANCE_WORKER_URL": f"http://127.0.0.1:{settings.worker_port}",
        "WORKER_TOKEN": settings.worker_token or secrets.token_hex(16),
    }
    changes["ALLOWED_HOSTS"] = settings.allowed_hosts or ",".join(own_hosts(settings.host))
    if simulated:
        site = f"http://127.0.0.1:{settings.sandbox_port}"
        uploads = f"http://127.0.0.1:{settings.sandbox_upload_port}"
        changes |= {
            "SIMULATED": "true",
            "PICTURE_ORIGINS": f"{site},{uploads}",
            "SANDBOX_PORT": str(settings.sandbox_port),
            "SANDBOX_UPLOAD_PORT": str(settings.sandbox_upload_port),
            "PERCHANCE_BASE_URL": f"{site}/api",
            "PERCHANCE_PAGE_URL": f"{site}/perchance-ai-api",
            "PERCHANCE_UPLOAD_ORIGINS": uploads,
            "HORDE_URL": f"{site}/api/v2",
            "HORDE_IMAGE_ORIGINS": uploads,
            "HORDE_POLL_SECONDS": "0.5",
            "IMGUR_API_URL": f"{site}/3",
            "HUGGINGFACE_ROUTER_URL": f"{site}/huggingface/router",
            "HUGGINGFACE_HUB_URL": f"{site}/huggingface/hub",
            "HUGGINGFACE_IMAGE_ORIGINS": uploads,
            "REPLICATE_URL": f"{site}/replicate",
            "REPLICATE_IMAGE_ORIGINS": uploads,
            "VERTEX_URL": f"{site}/vertex",
            "CLOUDINARY_API_URL": f"{site}/v1_1",
        }
    return changes


def _require_free(port: int, what: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port}, which {what} needs, is taken; choose others with: make run PORT=9000")


def _perchance_is_unreachable() -> str | None:
    """Why neither of Perchance's hosts can be reached; None where one can."""
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
