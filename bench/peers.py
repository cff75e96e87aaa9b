"""`python -m bench.peers LITELLM`: OpenAI's image route at ours and at litellm's proxy, before the same stub.

LITELLM is the proxy's program; `make bench-peers` installs it in a virtual environment of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests

from bench import machine
from bench.capacity import stub
from bench.clients import drive, post
from bench.load import Load
from tests.fakes.processes import api, clean_environment, free_port, wait_until

MANY = 32
SHARE_OF_ONE = 4
START_SECONDS = 120
CONFIG = """\
model_list:
  - model_name: auto
    litellm_params: {{model: openai/auto, api_base: {worker}/v1, api_key: any}}
litellm_settings: {{telemetry: false}}
"""
BODY = json.dumps({"model": "auto", "prompt": "a tree"}).encode()


@contextmanager
def _litellm(program: str, worker: str) -> Iterator[tuple[int, int]]:
    """The proxy, one process; its port and its process id."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(CONFIG.format(worker=worker))
        port = free_port()
        command = [program, "--config", str(config), "--port", str(port), "--host", "127.0.0.1", "--num_workers", "1"]
        variables = clean_environment(
            LITELLM_LOCAL_MODEL_COST_MAP="True",  # or it would fetch its prices
            LITELLM_LOG="ERROR",
            LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true",  # as ours: no keys are checked
        )
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)  # noqa: S603 - the caller's own
            try:
                wait_until(lambda: _is_up(port), "litellm", START_SECONDS)
                yield port, process.pid
            finally:
                process.terminate()
                process.wait()


def _is_up(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health/liveliness", timeout=2).ok
    except requests.RequestException:
        return False


def _mib(pid: int) -> float:
    """Memory of a process and those that it started, each shared page counted once."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(sum(process.memory_full_info().pss for process in tree)) / 2**20


def main() -> int:
    """Measure both and print them side by side."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("litellm", help="the program litellm")
    parser.add_argument("--requests", type=int, default=2000, help="by 32 callers (2000)")
    given = parser.parse_args()
    request = post("/v1/images/generations", BODY)
    rows: dict[str, tuple[Load, Load, float]] = {}

    def measure(name: str, port: int, pid: int | None) -> None:
        print(f"{name} ...", file=sys.stderr, flush=True)
        drive(port, request, 200, MANY)
        one = drive(port, request, given.requests // SHARE_OF_ONE, 1)
        many = drive(port, request, given.requests, MANY)
        rows[name] = one, many, _mib(pid) if pid else 0.0

    with stub(0) as worker:
        measure("the image server itself (a stub)", int(worker.rpartition(":")[2]), None)
        with _litellm(given.litellm, worker) as (port, pid):
            measure("litellm's proxy", port, pid)
        with api(PERCHANCE_WORKER_URL=worker, LOG_LEVEL="WARNING") as front:
            measure("ours", front.port, front.process.pid)
    direct, peer = rows["the image server itself (a stub)"], rows["litellm's proxy"]
    print(f"\n{machine.line()}\n")
    print("| | one caller: ms | beyond the server | 32 callers: a second | of litellm's | MiB |")
    print("|---|---|---|---|---|---|")
    for name, (one, many, mib) in rows.items():
        cells = [f"{one.median:.1f}", f"{one.median - direct[0].median:.1f}", f"{many.a_second:.0f}"]
        print(f"| {name} | {' | '.join(cells)} | {many.a_second / peer[1].a_second:.1f} | {mib:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
