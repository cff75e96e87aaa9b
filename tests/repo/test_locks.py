"""The compiled requirements*.txt follow from the requirements*.in beside them. Nothing here needs a network."""

import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local.lock import CONSTRAINTS, header, inputs

ROOT = Path(__file__).resolve().parent.parent.parent
ALL = "requirements-dev.txt"
CHOSEN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)$", re.MULTILINE)
PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: ; [^\\\n]+?)?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})*)\n"
    r"(?P<via>(?:    #.*\n)*)",
    re.MULTILINE,
)
VIA = re.compile(r"^    #(?: via|  ) (\S.*)$", re.MULTILINE)


class Pin(NamedTuple):
    """One package of a compiled file."""

    version: str
    hashes: str
    via: frozenset[str]


def pins(path: Path) -> dict[str, Pin]:
    """Return the packages of a compiled file by name."""
    found = PIN.finditer(path.read_text())
    return {it["name"]: Pin(it["version"], it["hashes"], frozenset(VIA.findall(it["via"]))) for it in found}


def chosen(path: Path) -> dict[str, str]:
    """Return the version of each package that an input names, without those that it includes."""
    return dict(CHOSEN.findall(path.read_text()))


def reachable(locked: dict[str, Pin]) -> set[str]:
    """Return the packages to which the comments lead from an input."""
    found: set[str] = set()
    more = {name for name, pin in locked.items() if any(via.startswith("-r ") for via in pin.via)}
    while more:
        found |= more
        more = {name for name, pin in locked.items() if pin.via & found} - found
    return found


def problems_of_one(path: Path, root: Path) -> Iterator[str]:
    """Yield what is wrong with one input's compiled file alone."""
    output = path.with_suffix(".txt")
    text, locked = output.read_text(), pins(output)
    if header(path) not in text:
        yield f"{path.name} was changed after {output.name} was compiled"
    for name, version in chosen(path).items():
        pin = locked.get(name)
        if not pin or pin.version != version or f"-r {path.relative_to(root)}" not in pin.via:
            yield f"{output.name} does not have {name} as {path.name} wants it"
    yield from (f"{output.name}: {line} is no pin" for line in PIN.sub("", text).splitlines() if line[:1] != "#")
    if len(PIN.findall(text)) != len(locked):
        yield f"{output.name} has a package in two versions"
    yield from (f"{output.name}: {name} has no hash" for name, pin in locked.items() if not pin.hashes)
    yield from (f"{output.name}: nothing wants {name}" for name in locked.keys() - reachable(locked))


def problems_of_all(root: Path) -> Iterator[str]:
    """Yield in what the compiled files differ from each other."""
    everything, constrained = pins(root / ALL), pins(root / CONSTRAINTS)
    if {name: pin.version for name, pin in everything.items()} != {n: pin.version for n, pin in constrained.items()}:
        yield f"{ALL} and {CONSTRAINTS} differ"
    for path in inputs(root):
        for name, pin in pins(path.with_suffix(".txt")).items():
            if name not in everything or everything[name][:2] != pin[:2]:
                yield f"{path.with_suffix('.txt').name} has another {name} than {ALL}"


def problems(root: Path) -> list[str]:
    """Return all that is wrong with a folder's inputs and compiled files."""
    return [*(it for path in inputs(root) for it in problems_of_one(path, root)), *problems_of_all(root)]


def test_every_lock_follows_from_its_input():
    assert len(inputs(ROOT)) == len([*ROOT.glob("requirements*.txt"), *ROOT.glob("render_worker/requirements*.txt")])
    assert not problems(ROOT), "make lock"


@pytest.mark.parametrize("path", inputs(ROOT), ids=lambda path: str(path.relative_to(ROOT)))
def test_an_input_is_nothing_but_exact_versions_and_includes(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith(("#", "-r "))]
    assert lines == [it.group() for it in CHOSEN.finditer(path.read_text())]


@pytest.mark.parametrize("path", inputs(ROOT), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_has_what_its_packages_require(path):
    locked = pins(path.with_suffix(".txt"))
    for name in locked:
        try:
            required = [Requirement(line) for line in distribution(name).requires or []]
        except PackageNotFoundError:  # of another system, or newer than what is installed
            continue
        needed = {canonicalize_name(it.name) for it in required if not it.marker or it.marker.evaluate({"extra": ""})}
        assert needed <= locked.keys(), name


HASHED = "packaging==26.3 \\\n    --hash=sha256:"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("requirements.in", "flask==3.1.3", "flask==3.1.2"),
        ("requirements.in", "redis==8.1.0\n", ""),
        ("requirements.in", "redis==8.1.0\n", "redis==8.1.0\nrq==2.6.0\n"),
        ("render_worker/requirements.in", "pillow==13.0.0", "pillow==12.0.0"),
        ("render_worker/requirements-vertex.in", "google-genai==3.4.0", "google-genai==3.3.0"),
        ("requirements-dev.in", "pytest==9.2.0", "pytest==9.1.0"),
        ("requirements.txt", "flask==3.1.3", "flask==3.1.2"),
        ("requirements.txt", "werkzeug==3.1.9", "werkzeug==3.1.8"),
        ("requirements.txt", HASHED, HASHED[:-1] + ":0"),
        ("requirements.txt", "requests==2.34.2 \\\n", "requests==2.34.2\n"),
        ("requirements.txt", "    #   -r requirements.in\n", ""),
        ("requirements.txt", "werkzeug==", f"unwanted==1.0 \\\n    --hash=sha256:{'0' * 64}\nwerkzeug=="),
        ("requirements.txt", "werkzeug==", f"flask==3.1.2 \\\n    --hash=sha256:{'0' * 64}\nwerkzeug=="),
        ("requirements-dev.txt", "pytest-xdist==3.8.0", "pytest-xdist==3.7.0"),
        ("constraints.txt", "urllib3==2.8.0", "urllib3==2.7.0"),
        ("constraints.txt", "urllib3==2.8.0\n", ""),
    ],
    ids=lambda text: text.strip().split("\n")[0],
)
def test_an_edit_by_hand_is_noticed(tmp_path, file, old, new):
    for path in (*inputs(ROOT), *(it.with_suffix(".txt") for it in inputs(ROOT)), ROOT / CONSTRAINTS):
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    assert not problems(tmp_path)
    text = (tmp_path / file).read_text()
    (tmp_path / file).write_text(text.replace(old, new, 1))
    assert (tmp_path / file).read_text() != text
    assert problems(tmp_path)
