"""`python -m local`: run both tiers on this machine until Ctrl-C, on the sandbox where Perchance is out of reach."""

import argparse
import os
import secrets
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from local.settings import Settings, environment, load
from render_worker.settings import load as load_worker_settings

REACH_SECONDS = 5.0
ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".data"
CONFIGURATION = Path(__file__).with_name("supervisord.conf")


def main() -> None:
    """Look at ports and network, then become the process manager."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.epilog = "Settings come from the environment: PORT (8000), HOST (127.0.0.1) and those of both tiers."
    parser.parse_args()
    settings = load()
    ports = {"PORT": settings.port, "WORKER_PORT": settings.port + 1}
    _require_free(ports["PORT"], "the API")
    _require_free(ports["WORKER_PORT"], "the render worker")
    unreachable = _perchance_is_unreachable()
    if unreachable:
        ports |= {"SANDBOX_PORT": settings.port + 2, "SANDBOX_UPLOAD_PORT": settings.port + 3}
        _require_free(ports["SANDBOX_PORT"], "the sandbox")
        _require_free(ports["SANDBOX_UPLOAD_PORT"], "the sandbox's upload host")
        sys.stdout.write(f"Perchance cannot be reached ({unreachable}); the sandbox stands in for it.\n")
    sys.stdout.write("Starting, a few seconds ...\n")
    sys.stdout.flush()
    os.chdir(ROOT)
    STATE.mkdir(exist_ok=True)
    program = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(CONFIGURATION)]
    os.execve(sys.executable, program, environment(_settings_of_all(settings, ports)))  # noqa: S606


def _settings_of_all(settings: Settings, ports: dict[str, int]) -> dict[str, str]:
    """The environment of every process, in the names that the tiers and supervisord.conf read."""
    changes = {
        **{name: str(port) for name, port in ports.items()},
        "HOST": settings.host,
        "STORAGE": "local",
        "SANDBOX": "false",
        "PERCHANCE_WORKER_URL": f"http://127.0.0.1:{ports['WORKER_PORT']}",
        "WORKER_TOKEN": secrets.token_hex(16),
        "PYTHON": sys.executable,
        "PID_FILE": str(STATE / f"local-{settings.port}.pid"),
        "LOCAL_USER": str(os.getuid()),
    }
    if "SANDBOX_PORT" in ports:
        site = f"http://127.0.0.1:{ports['SANDBOX_PORT']}"
        changes |= {
            "SANDBOX": "true",
            "SIMULATED": "true",
            "PERCHANCE_BASE_URL": f"{site}/api",
            "PERCHANCE_PAGE_URL": f"{site}/perchance-ai-api",
            "PERCHANCE_UPLOAD_ORIGINS": f"http://127.0.0.1:{ports['SANDBOX_UPLOAD_PORT']}",
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


if __name__ == "__main__":
    main()
