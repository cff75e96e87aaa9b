"""`python -m bench.compare`: a picture through both tiers, beside the package alone and the bare site.

The site is the sandbox in a process of its own, without delay, with pictures that were painted beforehand; everything
runs on this machine, one after the other, in one run. Ours ends with a PNG in the local storage, the package with the
JPEG's bytes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import requests

from bench import machine
from bench.load import Load, drive
from bench.table import print_table
from tests.fakes.playwright_browser import browsers_path
from tests.fakes.processes import Sandbox, api, clean_environment, sandbox, wait_until, worker

RECIPE = {"prompt": "a lighthouse at night", "shape": "square"}
ROUTES = ("page", "package")
WARM = "the package, warm"
WARM_UP = 5
MANY = 8

Measure = Callable[[int, int], Load]


def main() -> int:
    """Measure every contender with one client and with eight, print the table and save it."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("--images", type=int, default=100, help="pictures in each measurement (100)")
    parser.add_argument("--save", type=Path, default=Path("bench/results.json"), help="where the figures go as JSON")
    given = parser.parse_args()
    with sandbox() as site:
        play = {"painted": "beforehand", "threads": 64}
        requests.post(f"{site.url}/sandbox", json=play, timeout=5).raise_for_status()
        found: dict[str, tuple[Load, Load]] = {}
        for name, contender in _contenders(site).items():
            _progress(f"{name} ...")
            with contender as measure:
                found[name] = measure(given.images, 1), measure(given.images, MANY)
    own_time = found["the bare site"][0].median
    print_table(_headings(own_time), [_row(name, loads, own_time, found[WARM]) for name, loads in found.items()])
    _save(given.save, found)
    return 0


def _contenders(site: Sandbox) -> dict[str, AbstractContextManager[Measure]]:
    ours = {f"ours by {route}": _ours(site, route) for route in ROUTES}
    forms = {f"the package, {form}": _package(site, form) for form in ("warm", "fresh")}
    return {"the bare site": _bare(site), **ours, **forms}


@contextmanager
def _bare(site: Sandbox) -> Iterator[Measure]:
    """Yield the measure of two requests to the site without any browser: no picture can cost less."""
    key = requests.get(f"{site.url}/api/verifyUser", timeout=10).json()["userKey"]
    body = {"resolution": "768x768", "seed": -1, "guidanceScale": 7, "negativePrompt": "", **RECIPE}
    clients = threading.local()

    def ask() -> None:
        if not hasattr(clients, "session"):
            clients.session = requests.Session()
        made = clients.session.post(f"{site.url}/api/generate?userKey={key}", json=body, timeout=60).json()
        picture = clients.session.get(f"{site.url}/api/downloadTemporaryImage?imageId={made['imageId']}", timeout=60)
        picture.raise_for_status()

    yield lambda images, many: drive(ask, images, many)


@contextmanager
def _ours(site: Sandbox, route: str) -> Iterator[Measure]:
    """Yield the measure of GET /generate at the API tier, on a new connection for each as from curl."""
    with (
        tempfile.TemporaryDirectory() as folder,
        worker(
            PERCHANCE_ROUTES=route,
            **site.pointers("perchance"),
            LOCAL_STORAGE_DIR=folder,
        ) as renderer,
        api(PERCHANCE_WORKER_URL=renderer.url) as front,
    ):
        wait_until(lambda: requests.get(f"{front.url}/ready", timeout=10).ok, "the worker's readiness")

        def ask() -> None:
            requests.get(f"{front.url}/generate", params=RECIPE, timeout=60).raise_for_status()

        drive(ask, WARM_UP, 1)
        yield lambda images, many: drive(ask, images, many)


@contextmanager
def _package(site: Sandbox, form: str) -> Iterator[Measure]:
    """Yield the measure of the package alone, in its own process; fewer pictures if each has a fresh browser."""

    def measure(images: int, many: int) -> Load:
        images = images // 5 if form == "fresh" else images
        command = [sys.executable, "-m", "bench.package_forms", f"{site.url}/api", form]
        command += ["--images", str(images), "--clients", str(many)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own
        return Load(**json.loads(done.stdout))

    with tempfile.TemporaryDirectory() as folder:
        environment = clean_environment(**browsers_path(Path(folder)))
        yield measure


def _headings(own_time: float) -> list[str]:
    one = ("one client: ms", f"beyond the site's {own_time:.0f} ms", "of the warm package's")
    return ["", *one, f"{MANY} clients: a second", "of the warm package's"]


def _row(name: str, loads: tuple[Load, Load], own_time: float, warm: tuple[Load, Load]) -> list[str]:
    one, many = loads
    beyond, warm_beyond = one.median - own_time, warm[0].median - own_time
    return [
        name,
        f"{one.median:.0f} (p90 {one.p90:.0f})",
        f"{beyond:.0f}",
        f"{beyond / warm_beyond:.2f}",
        f"{many.a_second:.1f}",
        f"{many.a_second / warm[1].a_second:.1f}",
    ]


def _save(file: Path, found: dict[str, tuple[Load, Load]]) -> None:
    figures = {
        name: {"one_client_ms": one.median, "one_client_ms_p90": one.p90, "eight_clients_a_second": many.a_second}
        for name, (one, many) in found.items()
    }
    file.write_text(json.dumps({"machine": machine.line(), "contenders": figures}, indent=2) + "\n")
    _progress(f"Saved as {file}.")


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
