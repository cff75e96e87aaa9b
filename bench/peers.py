"""`python -m bench.peers LITELLM`: OpenAI's image route of ours and of litellm's proxy, before the same stub.

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

from bench.capacity import stub
from bench.clients import drive, post
from bench.load import Load
from bench.table import print_table
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
REQUEST = post("/v1/images/generations", json.dumps({"model": "auto", "prompt": "a tree"}).encode())
DIRECT, PEER = "the image server itself (a stub)", "litellm's proxy"


@contextmanager
def _litellm(program: str, worker: str) -> Iterator[tuple[int, int]]:
    """Run the proxy in one process; yield its port and process id."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(CONFIG.format(worker=worker))
        port = free_port()
        command = [program, "--config", str(config), "--port", str(port), "--host", "127.0.0.1", "--num_workers", "1"]
        variables = clean_environment(
            LITELLM_LOCAL_MODEL_COST_MAP="True",  # else it fetches its prices
            LITELLM_LOG="ERROR",
            LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true",  # as ours: no keys are checked
        )
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)  # noqa: S603 - the one that the command line names
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
    """Return the memory in MiB of a process and its descendants, each shared page counted once."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(sum(process.memory_full_info().pss for process in tree)) / 2**20


def _measure(name: str, port: int, pid: int | None, count: int) -> tuple[Load, Load, float]:
    print(f"{name} ...", file=sys.stderr, flush=True)
    drive(port, REQUEST, 200, MANY)
    one = drive(port, REQUEST, count // SHARE_OF_ONE, 1)
    many = drive(port, REQUEST, count, MANY)
    return one, many, _mib(pid) if pid else 0.0


def main() -> int:
    """Measure both and print them side by side."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("litellm", help="the program litellm")
    parser.add_argument("--requests", type=int, default=2000, help="by 32 clients (2000)")
    given = parser.parse_args()
    rows: dict[str, tuple[Load, Load, float]] = {}
    with stub(0) as worker:
        rows[DIRECT] = _measure(DIRECT, int(worker.rpartition(":")[2]), None, given.requests)
        with _litellm(given.litellm, worker) as (port, pid):
            rows[PEER] = _measure(PEER, port, pid, given.requests)
        with api(PERCHANCE_WORKER_URL=worker, LOG_LEVEL="WARNING") as front:
            rows["ours"] = _measure("ours", front.port, front.process.pid, given.requests)
    columns = ("", "one client: ms", "beyond the server", "32 clients: a second", "of litellm's", "MiB")
    print_table(columns, [_row(name, *loads, rows[DIRECT][0], rows[PEER][1]) for name, loads in rows.items()])
    return 0


def _row(name: str, one: Load, many: Load, mib: float, direct: Load, peer: Load) -> list[str]:
    cells = [f"{one.median:.1f}", f"{one.median - direct.median:.1f}", f"{many.a_second:.0f}"]
    return [name, *cells, f"{many.a_second / peer.a_second:.1f}", f"{mib:.0f}"]


if __name__ == "__main__":
    sys.exit(main())
