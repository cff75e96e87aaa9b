"""docs/TESTING_RESULTS.md is made from a run's own reports, and says no more than they do."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from local import testing_results, versions

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "TESTING_RESULTS.md"
TESTS = {
    "api/test_one.py": '"""What one tries."""\nimport requests\ndef test_a(): pass\ndef test_b(): pass\n',
    "api/test_two.py": '"""What two tries\nin two lines."""\nclass TestIt:\n    def test_c(self): pass\n',
    "worker/deep/test_three.py": 'import pytest\ndef test_d(): pytest.skip("no moon")\n',
    "worker/test_left.py": '"""What is left out."""\ndef test_e(): assert False\n',
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a repository with some tests, of which the results are written."""
    for name, source in TESTS.items():
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    (tmp_path / "docs").mkdir()
    for module in (testing_results, versions):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(testing_results, "PAGE", tmp_path / "docs" / "TESTING_RESULTS.md")
    monkeypatch.setattr(versions, "inputs", lambda: [ROOT / "requirements.in"])
    return tmp_path


def run(folder: Path, *lines: str) -> int:
    """Run pytest once for each line, and write the results of all; return the writer's exit status."""
    for number, line in enumerate(lines):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *line.split()]
        subprocess.run([*command, f"--junitxml=reports/{number}.xml"], cwd=folder, stdout=subprocess.DEVNULL)
    return testing_results.main([str(folder / "reports")])


def test_several_pytests_become_one_page(folder):
    assert run(folder, "tests/api", "tests/worker/deep") == 0
    page = testing_results.PAGE.read_text()
    assert "| passed | 3 tests in 3 modules |" in page
    assert "| `test_one.py` | What one tries. | 2 |" in page
    assert "| `test_two.py` | What two tries in two lines. | 1 |" in page
    assert "| `deep/test_three.py` |  | 0 |" in page
    assert "- skipped: `test_d`: no moon" in page
    assert "## tests/api: 3 passed\n\nImported or started: requests.\n" in page
    assert page.rstrip().endswith("## Not run\n\n- `tests/worker/test_left.py`")


def test_nothing_is_written_if_a_test_failed(folder, capsys):
    assert run(folder, "tests/api", "tests/worker") == 1
    assert not testing_results.PAGE.exists()
    assert "tests/worker/test_left.py::test_e" in capsys.readouterr().err


def test_make_test_leaves_a_report_of_every_pytest():
    printed = subprocess.run(
        ["make", "--dry-run", "test", "REPORTS=there"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    lines = [line for line in printed.splitlines() if " -m pytest " in line]
    assert len(lines) >= 3
    assert [line for line in lines if "--junitxml=there/$$.xml" not in line] == []


def test_the_page_is_whole():
    page = PAGE.read_text()
    assert page.startswith(testing_results.HEAD)
    assert re.search(r"^\| failed \| 0 \|$", page, re.MULTILINE)
    total, modules = re.search(r"^\| passed \| ([\d,]+) tests in (\d+) modules \|$", page, re.MULTILINE).groups()
    rows = re.findall(r"^\| `(\S+\.py)` \| .* \| ([\d,]+) \|$", page, re.MULTILINE)
    assert (len(rows), sum(int(passed.replace(",", "")) for _, passed in rows)) == (
        int(modules),
        int(total.replace(",", "")),
    )
    for name in ("chromium", "redis-server", "gunicorn", "openai", "playwright", "redis"):
        assert re.search(rf"^\| {name} \| \d+\.", page, re.MULTILINE), name
