"""make audit: what pip-audit found, and that it says when it could not find out."""

import json
import subprocess
import sys

import pytest

from local.audit import ROOT, NotAudited, Outcome, Report, audited, requirements
from tests.fakes.processes import clean_environment
from tests.fakes.scripted_server import ScriptedServer

NOWHERE = "http://127.0.0.1:9"
PINNED = "flask==3.1.3\n"
VULNERABILITY = {
    "id": "GHSA-0000",
    "aliases": ["CVE-2026-0000"],
    "summary": "s",
    "details": "d",
    "affected": [
        {
            "package": {"name": "flask", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.4"}]}],
        }
    ],
}


@pytest.fixture
def osv(monkeypatch, tmp_path):
    """Return a server in place of OSV, and a file of one pinned package."""
    monkeypatch.setenv("PIP_AUDIT_CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "requirements.txt"
    path.write_text(PINNED)
    with ScriptedServer() as server:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", server.url)
        yield server, path


def test_a_known_vulnerability_is_named(osv):
    server, path = osv
    server.say(200, json.dumps({"vulns": [VULNERABILITY]}).encode(), Content_Type="application/json")
    report = audited(path, "osv")
    assert (report.outcome, report.audited) == (Outcome.VULNERABLE, 1)
    assert report.vulnerable == ["flask 3.1.3: CVE-2026-0000, GHSA-0000; fixed in: 3.1.4"]


def test_a_package_without_one_is_clean(osv):
    server, path = osv
    server.say(200, b"{}", Content_Type="application/json")
    report = audited(path, "osv")
    assert (report.outcome, report.audited, report.vulnerable) == (Outcome.CLEAN, 1, [])


def test_a_service_that_fails_is_no_clean_bill(osv):
    server, path = osv
    server.say(503)
    with pytest.raises(NotAudited):
        audited(path, "osv")


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], Outcome.CLEAN),
        ([{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "unknown"}], Outcome.UNKNOWN),
        ([{"name": "b", "skip_reason": "unknown"}], Outcome.UNKNOWN),
    ],
)
def test_what_the_service_does_not_know_is_not_clean(packages, expected):
    """A mirror of PyPI's knows no advisories, of which pip-audit itself says that there are none."""
    assert Report.of({"dependencies": packages}).outcome is expected


def test_out_of_reach_it_says_so_in_one_line_and_by_its_status(tmp_path):
    environment = clean_environment(PIP_AUDIT_OSV_URL=NOWHERE, PIP_AUDIT_CACHE_DIR=tmp_path)
    command = [sys.executable, "-m", "local.audit", "--service", "osv"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (Outcome.UNKNOWN, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Not audited: no advisories from osv: ")


def test_every_file_that_pins_packages_is_audited():
    known = {str(path.relative_to(ROOT)) for path in requirements()}
    listed = subprocess.run(["git", "ls-files", "*requirements*.txt"], cwd=ROOT, capture_output=True, text=True).stdout
    assert known == set(listed.split())
