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

from local.lock import CHOSEN, CLIENTS, CONSTRAINTS, choosing, header, inputs

ROOT = Path(__file__).resolve().parent.parent.parent
ALL = "requirements-dev.txt"
UNLOCKED = "render_worker/requirements-diffusers.txt"  # PyTorch is another package on each platform
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
    """Return the packages of a compiled file by name; none if it was not compiled yet."""
    if not path.is_file():
        return {}
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
    if not output.is_file():
        yield f"{path.name} was never compiled"
        return
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
    found = [*problems(ROOT), *problems_of_one(ROOT / CLIENTS, ROOT)]
    assert not found, f"make lock: {'; '.join(found)}"
    files = {*ROOT.glob("requirements*.txt"), *ROOT.glob("render_worker/requirements*.txt")}
    assert {path.with_suffix(".txt") for path in inputs(ROOT)} == files - {ROOT / UNLOCKED}


def test_what_has_no_lock_is_pinned_as_the_locks_have_it():
    locked = pins(ROOT / ALL)
    for line in (ROOT / UNLOCKED).read_text().splitlines():
        if not line.startswith("#"):
            name, version = re.fullmatch(r"([a-z0-9-]+)==(\S+)", line).groups()
            assert name not in locked or locked[name].version == version


@pytest.mark.parametrize("path", [*inputs(ROOT), ROOT / CLIENTS], ids=lambda path: str(path.relative_to(ROOT)))
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


NO_HASH = "0" * 64


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("requirements.in", r"^flask==.+", "flask==0.0.1"),
        ("requirements.in", r"^redis==.+\n", ""),
        ("requirements.in", r"^redis==.+\n", r"\g<0>rq==0.0.1\n"),
        ("render_worker/requirements.in", r"^pillow==.+", "pillow==0.0.1"),
        ("render_worker/requirements-vertex.in", r"^google-genai==.+", "google-genai==0.0.1"),
        ("requirements-dev.in", r"^pytest==.+", "pytest==0.0.1"),
        ("requirements.txt", r"^flask==[^\s;]+", "flask==0.0.1"),
        ("requirements.txt", r"^werkzeug==[^\s;]+", "werkzeug==0.0.1"),
        ("requirements.txt", r"^packaging==.+\n    --hash=sha256:", r"\g<0>0"),
        ("requirements.txt", r"^(requests==.+) \\\n", r"\1\n"),
        ("requirements.txt", r"^    #   -r requirements\.in\n", ""),
        ("requirements.txt", r"^werkzeug==", rf"unwanted==1.0 \\\n    --hash=sha256:{NO_HASH}\n\g<0>"),
        ("requirements.txt", r"^werkzeug==", rf"flask==0.0.1 \\\n    --hash=sha256:{NO_HASH}\n\g<0>"),
        ("requirements-dev.txt", r"^pytest-xdist==[^\s;]+", "pytest-xdist==0.0.1"),
        ("constraints.txt", r"^urllib3==[^\s;]+", "urllib3==0.0.1"),
        ("constraints.txt", r"^urllib3==.+\n", ""),
    ],
)
def test_an_edit_by_hand_is_noticed(tmp_path, file, old, new):
    compiled = [path.with_suffix(".txt") for path in inputs(ROOT)]
    for path in (*inputs(ROOT), *filter(Path.is_file, compiled), ROOT / CONSTRAINTS):
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    text = (tmp_path / file).read_text()
    edited, edits = re.subn(old, new, text, count=1, flags=re.MULTILINE)
    assert edits == 1
    (tmp_path / file).write_text(edited)
    assert problems(tmp_path)


def test_a_conflict_names_the_files_that_choose_the_versions(tmp_path):
    for name, text in {
        "requirements.in": "flask==3.1.3\nflask-cors==6.0.5\n",
        "requirements-dev.in": "-r requirements.in\npytest==9.2.0\n",
        "render_worker/requirements.in": "flask==3.1.2\nmoto[server]==5.2.5\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    said = (
        "Because you require flask==3.1.3 and flask==3.1.2, we can conclude that your requirements are unsatisfiable."
    )
    assert list(choosing(said, tmp_path)) == [
        "render_worker/requirements.in: flask==3.1.2",
        "requirements.in: flask==3.1.3",
    ]
    assert list(choosing("you require moto[server]==5.2.5.", tmp_path)) == [
        "render_worker/requirements.in: moto==5.2.5"
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "render_worker").glob("requirements-*.in")), ids=lambda path: path.name)
def test_the_packages_of_an_engine_or_storage_are_developed_with_and_in_the_image(path):
    included = f"-r render_worker/{path.name}"
    assert included in (ROOT / "requirements-dev.in").read_text().splitlines(), f"requirements-dev.in needs {included}"
    extras = re.findall(r'^ARG EXTRAS="(.*)"$', (ROOT / "render_worker" / "Dockerfile").read_text(), re.MULTILINE)
    name = path.stem.removeprefix("requirements-")
    assert name in extras[-1].split(), f"EXTRAS in render_worker/Dockerfile needs {name}"
