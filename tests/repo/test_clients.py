"""Other people's clients: what is installed is what was locked, and none is left out."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.clients import driver

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "tests" / "clients"
CLIENTS = {"openai", "ai", "@ai-sdk/openai", "@ai-sdk/openai-compatible", "litellm", "langchain-community"}


def locked() -> dict[str, dict]:
    """Return the packages of package-lock.json by their folders; the project itself has none."""
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    return {folder: package for folder, package in packages.items() if folder}


def chosen() -> dict[str, str]:
    """Return the versions that package.json chooses."""
    return json.loads((FOLDER / "package.json").read_text())["dependencies"]


def test_each_client_is_installed_in_an_exact_version():
    python = dict(re.findall(r"^(\S+)==(\S+)$", (FOLDER / "requirements.in").read_text(), re.M))
    assert set(chosen() | python) >= CLIENTS
    assert {name: locked()[f"node_modules/{name}"]["version"] for name in chosen()} == chosen()


@pytest.mark.parametrize("folder", locked())
def test_each_javascript_package_is_locked_by_its_content(folder):
    assert locked()[folder]["integrity"].startswith("sha512-")
    assert "hasInstallScript" not in locked()[folder]  # npm ci runs none


def test_make_test_installs_and_tries_them():
    """It prints the commands of everything that it depends on."""
    printed = subprocess.run(["make", "-nB", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(r"npm\S* ci .*--ignore-scripts", printed)
    assert re.search(r"--require-hashes -r tests/clients/requirements\.txt", printed)
    assert re.search(r"pytest .*tests/clients", printed)
    assert not re.search(r"skip|xfail", "".join(path.read_text() for path in FOLDER.glob("*.py")))


@pytest.mark.parametrize("program", ["javascript/openai.mjs", "python/drive_litellm.py"])
def test_a_client_that_is_not_installed_is_a_failure(monkeypatch, tmp_path, program):
    monkeypatch.setattr(driver, "PROGRAMS", tmp_path)
    with pytest.raises(AssertionError, match="is missing: run `make test`"):
        driver.Driver(program, "http://localhost")
