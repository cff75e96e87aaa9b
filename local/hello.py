"""`python -m local.hello`: wait until the local run is ready, then print two commands to copy."""

import sys
import time

import requests

from local.settings import load

READY_SECONDS = 120
POLL_SECONDS = 0.2


def main() -> None:
    """Wait and print; ends with a sentence where the run does not get ready."""
    address = f"http://localhost:{load().port}"
    problem = _wait_until_ready(address)
    if problem:
        sys.exit(f"Not ready after {READY_SECONDS} seconds: {problem}")
    sys.stdout.write(
        f"\nReady at {address}. Ctrl-C stops everything. A picture, and one that is painted without any AI:\n\n"
        f"curl -s '{address}/generate?prompt=sunset%20over%20mountains&shape=landscape'\n"
        f"curl -s '{address}/generate?prompt=sunset%20over%20mountains&shape=landscape&model=sketch'\n"
    )
    sys.stdout.flush()


def _wait_until_ready(address: str) -> str | None:
    end = time.monotonic() + READY_SECONDS
    problem = "no answer"
    while time.monotonic() < end:
        try:
            reply = requests.get(f"{address}/ready", timeout=POLL_SECONDS + 10)
            if reply.ok:
                return None
            problem = reply.json()["error"]
        except requests.RequestException as error:
            problem = f"no answer ({type(error).__name__})"
        time.sleep(POLL_SECONDS)
    return problem


if __name__ == "__main__":
    main()
