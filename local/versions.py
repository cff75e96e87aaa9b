"""The versions of programs and libraries on this machine, and which of them test modules use."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, packages_distributions, version
from pathlib import Path

from local.lock import CHOSEN, inputs
from render_worker.browser.browser import Browser
from render_worker.serving.bytecode import imported

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / ".venv-clients"  # of tests/clients, where other people's clients are installed apart
# Besides PATH: other people's clients bring a node, and Debian keeps PostgreSQL's programs apart.
FOLDERS = (CLIENTS / "bin", *Path("/").glob("usr/lib/postgresql/*/bin"))
PROGRAMS = ("bash", "curl", "node", "postgres", "redis-server")
NUMBER = re.compile(r"v?\d+(?:\.\d+)+\S*")
STARTED = re.compile(rf'(?:\[|which\(|"-m", )"({"|".join((*PROGRAMS, "gunicorn"))})"')  # at the head of a command
HARNESS = {"pytest", "pytest-timeout", "pytest-xdist"}  # of every test


def programs() -> dict[str, str]:
    """Return the versions of the programs that tests start, if they are here."""
    apart = os.pathsep.join(map(str, FOLDERS))
    paths = {name: shutil.which(name, path=apart) or shutil.which(name) for name in PROGRAMS}
    found = {name: printed(path) for name, path in paths.items() if path}
    return {"chromium": asyncio.run(chromium()), **found}


async def chromium() -> str:
    """Return the version of the browser that the render worker launches here."""
    browser = Browser()
    try:
        return (await browser.start()).version
    finally:
        await browser.stop()


def printed(program: str) -> str:
    """Return the number that a program prints for --version."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True)  # noqa: S603
    found = NUMBER.search(done.stdout)
    return found[0].strip(",") if found else "unknown"


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that the requirements choose, and of the tests' JavaScript packages."""
    return {name: found for name in sorted(chosen()) if (found := installed(name))} | dict(javascript())


def chosen() -> set[str]:
    """Return the names of the packages that the requirements choose, without those that hold types alone."""
    paths = [*inputs(), *ROOT.glob("tests/*/requirements.in")]
    names = {name for path in paths for name, _ in CHOSEN.findall(path.read_text())}
    return {name for name in names if not name.startswith("types-")}


def installed(name: str) -> str | None:
    """Return a Python package's version; returns None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        apart = distributions(name=name, path=[str(it) for it in CLIENTS.glob("lib/python*/site-packages")])
        return next((it.version for it in apart), None)


def javascript() -> Iterator[tuple[str, str]]:
    """Yield the direct dependencies of each package-lock.json, with the locked versions."""
    for lock in (*ROOT.glob("package-lock.json"), *(ROOT / "tests").glob("*/package-lock.json")):
        packages = json.loads(lock.read_text())["packages"]
        for name in sorted({**packages[""].get("dependencies", {}), **packages[""].get("devDependencies", {})}):
            yield f"{name} (JavaScript)", packages[f"node_modules/{name}"]["version"]


def used_by(modules: list[Path]) -> list[str]:
    """Return the chosen libraries and the programs that these tests and their helpers name."""
    sources = [path.read_text() for path in with_helpers(modules)]
    tops = {name.split(".")[0] for source in sources for name in imported(source)}
    distributions = packages_distributions()
    chosen = {name for path in inputs() for name, _ in CHOSEN.findall(path.read_text())} - HARNESS
    found = {name.lower() for top in tops for name in distributions.get(top, ())} & chosen
    return sorted(
        found | {name for name in (*PROGRAMS, "gunicorn") if any(f'"{name}"' in source for source in sources)}
    )


def with_helpers(modules: list[Path]) -> set[Path]:
    """Return test modules with the conftest.py beside and above them, and what all of these import of tests/."""
    found: set[Path] = set()
    waiting = [*modules, *(folder / "conftest.py" for path in modules for folder in path.parents)]
    while waiting:
        path = waiting.pop()
        if path.is_file() and path not in found and path.is_relative_to(ROOT):
            found.add(path)
            names = (name for name in imported(path.read_text()) if name.startswith("tests."))
            waiting += [ROOT / (name.replace(".", "/") + ".py") for name in names]
    return found
