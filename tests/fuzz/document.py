"""Try the API's document against the running service: schemathesis sends what it allows and what it forbids.

python -m tests.fuzz.document [--seed 20261130] [--seconds 60]
"""

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from image_api.auth.api_key import hash_of, new_key
from tests.end_to_end.conftest import TOKEN, running
from tests.fakes.processes import ROOT, api, clean_environment
from tests.fuzz.document_checks import EXCLUDED

SEED = 20261130
SECONDS = 60
LIMIT_SECONDS = 120  # beyond that, for schemathesis' start and its last request: a slow machine is no failure
# Each has a process of its own: with threads, Python 3.11 breaks in `ast` (python/cpython#106905).
SHARES = {
    "/generate": ("--include-path", "/generate"),
    "files and sheets": ("--include-path-regex", r"^/(generate\.|sheet)"),
    "/v1/images": ("--include-path-regex", r"^/v1/images"),
    "all others": ("--exclude-path-regex", r"^/(generate|sheet|v1/images)"),
}
WITH_KEYS = "all, with AUTH=keys"
"""The share that is tried at an API tier of its own with a key, without one and with a wrong one."""
KEY = new_key()
COMMAND = (
    *("-m", "schemathesis.cli", "run"),
    *("--exclude-checks", ",".join(EXCLUDED)),
    *("--continue-on-failure", "--no-color", "--no-shrink", "--warnings", "off", "--request-timeout", "30"),
)
ENVIRONMENT = {"SCHEMATHESIS_HOOKS": "tests.fuzz.document_checks", "PYTHONPATH": str(ROOT)}


def tried(address: str, share: str, seed: int = SEED, seconds: int = SECONDS) -> subprocess.CompletedProcess[str]:
    """Try one share of the document's operations for some seconds."""
    chosen = SHARES.get(share) or ("--header", f"X-API-Key: {KEY}")
    options = (*chosen, "--seed", str(seed), "--max-time", str(seconds))
    with tempfile.TemporaryDirectory() as folder:  # it keeps its examples in the current one
        return subprocess.run(
            [sys.executable, *COMMAND, *options, f"{address}/openapi.json"],
            cwd=folder,
            env=clean_environment(**ENVIRONMENT),
            capture_output=True,
            text=True,
            timeout=seconds + LIMIT_SECONDS,
        )


def try_all(seed: int = SEED, seconds: int = SECONDS) -> dict[str, subprocess.CompletedProcess[str]]:
    """Start both tiers and the sandbox, and try all shares side by side."""
    closed = {"AUTH": "keys", "API_KEYS": f"ann:{hash_of(KEY)}:scopes=generate+jobs", "WORKER_TOKEN": TOKEN}
    shares = [*SHARES, WITH_KEYS]
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), ENGINES="horde", QUEUE_SIZE=40, HORDE_POLL_SECONDS=0.1) as stack,
        api(**{**stack.rendering.of_api, "SIMULATED": "true", **closed}) as with_keys,
        ThreadPoolExecutor(len(shares)) as pool,
    ):
        stack.play(painted="beforehand")
        addresses = {WITH_KEYS: with_keys.url}
        found = pool.map(lambda share: tried(addresses.get(share, stack.api.url), share, seed, seconds), shares)
        return dict(zip(shares, found, strict=True))


def main() -> int:
    """Try the document, print what schemathesis says of each share, and return 1 if it found a failure."""
    parser = argparse.ArgumentParser(description="Try the API's document with schemathesis.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    arguments = parser.parse_args()
    reports = try_all(arguments.seed, arguments.seconds)
    for share, report in reports.items():
        sys.stdout.write(f"\n{share}\n{report.stdout}{report.stderr}")
    return int(any(report.returncode for report in reports.values()))


if __name__ == "__main__":
    sys.exit(main())
