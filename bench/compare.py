"""`python -m bench.compare`: a picture through both tiers, beside the package by itself and the bare site.

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
from tests.fakes.playwright_browser import browsers_path
from tests.fakes.processes import Server, api, clean_environment, sandbox, wait_until, worker

RECIPE = {"prompt": "a lighthouse at night", "shape": "square"}
ROUTES = ("page", "package")
WARM_UP = 5
MANY = 8

Measure = Callable[[int, int], Load]


def main() -> int:
    """Measure every contender by one caller and by eight, print the table and save it."""
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
    table = _table(found)
    print(f"\n{machine.line()}\n\n{table}")
    _save(given.save, found)
    return 0


def _contenders(site: Server) -> dict[str, AbstractContextManager[Measure]]:
    ours = {f"ours by {route}": _ours(site, route) for route in ROUTES}
    forms = {f"the package, {form}": _package(site, form) for form in ("warm", "fresh")}
    return {"the bare site": _bare(site), **ours, **forms}


@contextmanager
def _bare(site: Server) -> Iterator[Measure]:
    """Two requests to the site without any browser: no picture can cost less."""
    key = requests.get(f"{site.url}/api/verifyUser", timeout=10).json()["userKey"]
    body = {"resolution": "768x768", "seed": -1, "guidanceScale": 7, "negativePrompt": "", **RECIPE}
    callers = threading.local()

    def ask() -> None:
        if not hasattr(callers, "session"):
            callers.session = requests.Session()
        made = callers.session.post(f"{site.url}/api/generate?userKey={key}", json=body, timeout=60).json()
        picture = callers.session.get(f"{site.url}/api/downloadTemporaryImage?imageId={made['imageId']}", timeout=60)
        picture.raise_for_status()

    yield lambda images, many: drive(ask, images, many)


@contextmanager
def _ours(site: Server, route: str) -> Iterator[Measure]:
    """GET /generate at the API tier, a new connection for each as from curl."""
    with (
        tempfile.TemporaryDirectory() as folder,
        worker(
            PERCHANCE_ROUTES=route,
            PERCHANCE_BASE_URL=f"{site.url}/api",
            PERCHANCE_PAGE_URL=f"{site.url}/perchance-ai-api",
            PERCHANCE_UPLOAD_ORIGINS=site.upload_origin,
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
def _package(site: Server, form: str) -> Iterator[Measure]:
    """The package by itself, in a process of its own. A fresh browser for each takes long, so there are fewer."""

    def measure(images: int, many: int) -> Load:
        images = images // 5 if form == "fresh" else images
        command = [sys.executable, "-m", "bench.package_forms", f"{site.url}/api", form]
        command += ["--images", str(images), "--callers", str(many)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own
        return Load(**json.loads(done.stdout))

    with tempfile.TemporaryDirectory() as folder:
        environment = clean_environment(**browsers_path(Path(folder)))
        yield measure


def _table(found: dict[str, tuple[Load, Load]]) -> str:
    own_time = found["the bare site"][0].median
    warm = found["the package, warm"]
    lines = [
        f"| | one caller: ms | beyond the site's {own_time:.0f} ms | of the warm package's | {MANY} callers: a second "
        "| of the warm package's |",
        "|---|---|---|---|---|---|",
    ]
    for name, (one, many) in found.items():
        beyond, warm_beyond = one.median - own_time, warm[0].median - own_time
        cells = [
            name,
            f"{one.median:.0f} (p90 {one.p90:.0f})",
            f"{beyond:.0f}",
            f"{beyond / warm_beyond:.2f}",
            f"{many.a_second:.1f}",
            f"{many.a_second / warm[1].a_second:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _save(file: Path, found: dict[str, tuple[Load, Load]]) -> None:
    figures = {
        name: {"one_caller_ms": one.median, "one_caller_ms_p90": one.p90, "eight_callers_a_second": many.a_second}
        for name, (one, many) in found.items()
    }
    file.write_text(json.dumps({"machine": machine.line(), "contenders": figures}, indent=2) + "\n")
    _progress(f"Saved as {file}.")


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
