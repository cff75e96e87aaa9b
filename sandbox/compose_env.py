"""`python -m sandbox.compose_env`: write sandbox/compose.env anew, from what the stand-ins declare."""

from pathlib import Path

from sandbox.registry import environment
from sandbox.settings import Settings
from sandbox.stand_in import Addresses

FILE = Path(__file__).with_name("compose.env")
HEAD = """\
# For `docker compose --env-file sandbox/compose.env up`: the sandbox plays the outside world, and nothing is secret.
# Written by `python -m sandbox.compose_env`.
COMPOSE_PROFILES=sandbox
ENV_FILE=sandbox/compose.env
WORKER_TOKEN=nothing-is-secret-here
"""


def text() -> str:
    """Return the whole file, for the sandbox's default ports."""
    ports = [Settings.model_fields[name].default for name in ("sandbox_port", "sandbox_upload_port")]
    variables = environment(Addresses.on_loopback(*ports))
    return HEAD + "".join(f"{name}={value}\n" for name, value in variables.items())


if __name__ == "__main__":
    FILE.write_text(text())
