"""`python -m local.testing_results FOLDER`: write docs/TESTING_RESULTS.md from the reports of one run (`make results`).

The reports are pytest's JUnit files. Whatever the page says comes from them, from the tests' docstrings and imports,
and from the programs and packages of this machine.
"""

import ast
import os
import platform
import re
import subprocess
import sys
import xml.etree.ElementTree as ET  # pytest wrote what it reads
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from local.versions import libraries, programs, used_by

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "TESTING_RESULTS.md"
HEAD = """# Testing results

What one run of the tests tried, with what, and how it ended; what the run left out is listed at the
end. `make results` runs all of `make test` and writes this page from its reports: it is not edited
by hand, and not written if a test fails.
"""


@dataclass
class Module:
    """A test module and how its tests ended."""

    path: str
    passed: int = 0
    skipped: list[str] = field(default_factory=list)

    @property
    def area(self) -> str:
        """Return the folder below tests/ that it is in."""
        return "/".join(self.path.split("/")[:2])

    @property
    def purpose(self) -> str:
        """Return the first paragraph of its docstring, as one line of a table."""
        docstring = ast.get_docstring(ast.parse((ROOT / self.path).read_text())) or ""
        return " ".join(docstring.split("\n\n")[0].split()).replace("|", "\\|")


@dataclass
class Run:
    """One run of all tests: its modules, when it began, and the seconds of each pytest."""

    modules: dict[str, Module]
    failed: list[str]
    begun: datetime
    seconds: float


def read(reports: list[Path]) -> Run:
    """Return the run that these reports are of. Raises ValueError if there is none."""
    suites = [suite for path in reports for suite in ET.parse(path).iter("testsuite")]  # noqa: S314 - see above
    if not suites:
        raise ValueError("there is no report; `make results` makes them")
    run = Run({}, [], min(begin(suite) for suite in suites), sum(float(suite.get("time", 0)) for suite in suites))
    for case in (case for suite in suites for case in suite.iter("testcase")):
        add(run, case)
    return run


def begin(suite: ET.Element) -> datetime:
    """Return when a suite began."""
    return datetime.fromisoformat(suite.get("timestamp", "")).astimezone(UTC)


def add(run: Run, case: ET.Element) -> None:
    """Count a test with its module."""
    path, name = file_of(case), case.get("name", "")
    module = run.modules.setdefault(path, Module(path))
    skip = case.find("skipped")
    if case.find("failure") is not None or case.find("error") is not None:
        run.failed.append(f"{path}::{name}")
    elif skip is not None:
        module.skipped.append(f"`{name}`: {skip.get('message', '')}")
    else:
        module.passed += 1


def file_of(case: ET.Element) -> str:
    """Return a test's file; JUnit has the dotted name of its module, and after it that of a class."""
    parts = (case.get("classname") or case.get("name") or "").split(".")
    while parts and not (ROOT / ("/".join(parts) + ".py")).is_file():
        parts.pop()
    return "/".join(parts) + ".py"


def page(run: Run) -> str:
    """Return the document of a run."""
    modules = sorted(run.modules.values(), key=lambda module: module.path)
    areas = "\n".join(area(name, list(found)) for name, found in groupby(modules, key=lambda module: module.area))
    return "\n".join((HEAD, summary(run), versions(), areas, *left_out(run)))


def summary(run: Run) -> str:
    """Return the table of the whole run."""
    modules = run.modules.values()
    return table(
        ("run", ""),
        ("begun", f"{run.begun:%Y-%m-%d %H:%M} UTC"),
        ("commit", f"`{commit()}`"),
        ("passed", f"{sum(module.passed for module in modules):,} tests in {len(modules)} modules"),
        ("skipped", str(sum(len(module.skipped) for module in modules))),
        ("failed", str(len(run.failed))),
        ("took", f"{run.seconds / 60:.0f} minutes on {os.cpu_count()} cores"),
        ("on", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"),
    )


def versions() -> str:
    """Return the tables of the programs and libraries that the tests found here."""
    servers = table(("program", "version"), *programs().items())
    return f"## With what\n\n{servers}\n{table(('library', 'version'), *libraries().items())}"


def area(name: str, modules: list[Module]) -> str:
    """Return the section of one folder of tests."""
    rows = ((f"`{Path(module.path).relative_to(name)}`", module.purpose, f"{module.passed:,}") for module in modules)
    used = used_by([ROOT / module.path for module in modules])
    skipped = "".join(f"- skipped: {sentence}\n" for module in modules for sentence in module.skipped)
    title = (
        f"## {name}: {sum(module.passed for module in modules):,} passed\n\nImported or started: {', '.join(used)}.\n"
    )
    return f"{title}\n{table(('module', 'tries', 'passed'), *rows)}{skipped and chr(10) + skipped}"


def left_out(run: Run) -> Iterator[str]:
    """Yield the section of the modules that the run left out, if there are any."""
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    if missing := sorted(there - run.modules.keys()):
        yield "## Not run\n\n" + "".join(f"- `{path}`\n" for path in missing)


def table(*rows: tuple[str, ...]) -> str:
    """Return a table whose first row is its head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join((lines[0], "|" + "---|" * len(rows[0]), *lines[1:], ""))


def commit() -> str:
    """Return the commit that was tested, marked if the tree differs from it."""
    described = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(described, cwd=ROOT, capture_output=True, text=True)  # noqa: S603
    return re.sub("-dirty$", ", with changes", done.stdout.strip()) or "unknown"


def main(arguments: list[str]) -> int:
    """Write the page; return 1 if a test failed."""
    run = read(sorted(Path(arguments[0]).glob("*.xml")))
    if run.failed:
        sys.stderr.write("No results are written, because tests failed:\n" + "\n".join(run.failed) + "\n")
        return 1
    PAGE.write_text(page(run))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
