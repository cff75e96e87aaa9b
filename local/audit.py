"""`python -m local.audit`: look up known vulnerabilities of every package that a requirements file pins.

pip-audit asks PyPI for its advisories, or OSV with `--service osv`. The exit status is 0 if no package has a known
vulnerability, 1 if one has, and 3 if that could not be found out.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 15  # of a connection to the service
HASHED = "--hash="


class Outcome(IntEnum):
    """What an audit came to; it is the exit status."""

    CLEAN = 0
    VULNERABLE = 1
    UNKNOWN = 3
    """Argparse and a traceback have 2 and 1."""


class NotAudited(Exception):
    """Raised if the service does not answer; the sentence says why."""


@dataclass
class Report:
    """What is known of the packages of a requirements file."""

    audited: int = 0
    vulnerable: list[str] = field(default_factory=list)
    """A line for each known vulnerability."""
    skipped: list[str] = field(default_factory=list)
    """The packages that the service does not know: what it says of them is nothing."""

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Report":
        """Return what pip-audit's JSON says."""
        report = cls()
        for package in document["dependencies"]:
            if "skip_reason" in package:
                report.skipped.append(package["name"])
                continue
            report.audited += 1
            for found in package["vulns"]:
                names, fixed = ", ".join([found["id"], *found["aliases"]]), ", ".join(found["fix_versions"]) or "none"
                report.vulnerable.append(f"{package['name']} {package['version']}: {names}; fixed in: {fixed}")
        return report

    @property
    def outcome(self) -> Outcome:
        """Return what this comes to."""
        if self.vulnerable:
            return Outcome.VULNERABLE
        return Outcome.UNKNOWN if self.skipped else Outcome.CLEAN


def requirements(root: Path = ROOT) -> list[Path]:
    """Return every file of pinned packages: those of each tier, of the tests and tools, and of the tests' clients."""
    return [*sorted(root.glob("requirements*.txt")), *sorted(root.glob("*/requirements*.txt")),
            *sorted(root.glob("tests/*/requirements*.txt"))]  # fmt: skip


def audited(path: Path, service: str) -> Report:
    """Return the report of a requirements file. Raises NotAudited if the service cannot be asked."""
    whole = ["--require-hashes"] if HASHED in path.read_text() else ["--no-deps"]  # PyTorch's are not hashed
    options = ["--format", "json", "--progress-spinner", "off", "--timeout", str(TIMEOUT_SECONDS)]
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", *whole, "-s", service, *options, "-r", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the package of this Python
    try:
        report = Report.of(json.loads(done.stdout))
    except (ValueError, KeyError):  # it has failed, perhaps with a traceback
        lines = done.stderr.strip().splitlines()
        raise NotAudited(lines[-1].strip() if lines else f"pip-audit ended with {done.returncode}") from None
    if not report.audited and report.skipped:  # a mirror without advisories knows no package, and pip-audit is content
        raise NotAudited(f"the service knows none of the packages of {path.name}")
    return report


def main() -> int:
    """Audit every file, say what was found, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.audit", description=__doc__.partition("\n")[0])
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi", help="where the advisories are from")
    service: str = parser.parse_args().service
    worst = Outcome.CLEAN
    for path in requirements():
        try:
            report = audited(path, service)
        except NotAudited as problem:
            sys.stderr.write(f"Not audited: no advisories from {service}: {problem}.\n")
            return Outcome.UNKNOWN
        _say(path, report)
        worst = Outcome.VULNERABLE if Outcome.VULNERABLE in (worst, report.outcome) else max(worst, report.outcome)
    return worst


def _say(path: Path, report: Report) -> None:
    name = path.relative_to(ROOT)
    sys.stdout.write(f"{name}: {report.audited} packages, {len(report.vulnerable)} known vulnerabilities\n")
    for line in report.vulnerable:
        sys.stdout.write(f"  {line}\n")
    if report.skipped:
        sys.stdout.write(f"  not audited: {', '.join(report.skipped)}\n")


if __name__ == "__main__":
    sys.exit(main())
