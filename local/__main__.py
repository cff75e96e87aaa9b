"""`python -m local`: run both tiers on this machine until Ctrl-C, on the sandbox where Perchance is out of reach."""

import argparse
import os
import secrets
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from local.settings import Settings, environment, load

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
    _require_free(settings.port, "the API")
    _require_free(settings.port + 1, "the render worker")
    unreachable = _unreachable(settings)
    if unreachable:
        _require_free(settings.port + 2, "the sandbox")
        sys.stdout.write(f"Perchance cannot be reached ({unreachable}); the sandbox stands in for it.\n")
    sys.stdout.write("Starting, a few seconds ...\n")
    sys.stdout.flush()
    os.chdir(ROOT)
    STATE.mkdir(exist_ok=True)
    program = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(CONFIGURATION)]
    os.execve(sys.executable, program, environment(_settings_of_all(settings, simulated=bool(unreachable))))  # noqa: S606


def _settings_of_all(settings: Settings, simulated: bool) -> dict[str, str]:
    """The environment of every process, in the names that the tiers and supervisord.conf read."""
    worker_port, sandbox_port = settings.port + 1, settings.port + 2
    changes = {
        "PORT": str(settings.port),
        "HOST": settings.host,
        "WORKER_PORT": str(worker_port),
        "SANDBOX_PORT": str(sandbox_port),
        "SANDBOX": "true" if simulated else "false",
        "PERCHANCE_WORKER_URL": f"http://127.0.0.1:{worker_port}",
        "WORKER_TOKEN": secrets.token_hex(16),
        "PYTHON": sys.executable,
        "PID_FILE": str(STATE / f"local-{settings.port}.pid"),
        "LOCAL_USER": str(os.getuid()),
    }
    if simulated:
        changes["SIMULATED"] = "true"
        changes["PERCHANCE_BASE_URL"] = f"http://127.0.0.1:{sandbox_port}/api"
    return changes


def _require_free(port: int, what: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port}, which {what} needs, is taken; choose others with: make run PORT=9000")


def _unreachable(settings: Settings) -> str | None:
    """Why Perchance's host cannot be reached; None where it can."""
    address = urlsplit(settings.perchance_base_url)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=REACH_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


if __name__ == "__main__":
    main()
