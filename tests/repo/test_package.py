"""pyproject.toml has the API tier as a package: what it needs, and all of its files."""

import email
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from render_worker.contract import VERSION
from tests.fakes.processes import clean_environment
from tests.repo.test_locks import chosen

ROOT = Path(__file__).resolve().parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
HIDDEN = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
SCRIPT = """
import json, image_api
app = image_api.create_app()
client = app.test_client()
print(json.dumps([image_api.__file__, client.get("/").status_code, client.get("/v1/styles").status_code]))
"""


def test_it_has_the_contract_s_version():
    assert PROJECT["version"] == VERSION


def test_its_dependencies_are_those_of_requirements_in():
    assert PROJECT["dependencies"] == (ROOT / "requirements.in").read_text().splitlines()


def test_it_is_built_by_what_the_tests_build_it_by():
    assert PYPROJECT["build-system"]["requires"] == [
        f"setuptools=={chosen(ROOT / 'requirements-dev.in')['setuptools']}"
    ]


def test_the_workflow_tests_the_oldest_python_that_it_allows():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    versions = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert PROJECT["requires-python"] == f">={versions[0]}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Return the wheel, built of a copy: setuptools leaves files beside what it builds."""
    source = tmp_path_factory.mktemp("source")
    for name in ("image_api", "render_worker"):
        shutil.copytree(ROOT / name, source / name, ignore=HIDDEN)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--no-cache-dir")
    command = [sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", source / "built", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((source / "built").glob("*.whl"))


def test_the_wheel_s_metadata_is_the_project_s(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    assert (metadata["Name"], metadata["Version"]) == (PROJECT["name"], VERSION)
    assert metadata.get_all("Requires-Dist") == PROJECT["dependencies"]


def test_the_wheel_has_every_file_of_the_api_tier_and_no_engine(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    ours = {
        str(path.relative_to(ROOT))
        for folder in (ROOT / "image_api", ROOT / "render_worker/contract", ROOT / "render_worker/serving")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert ours <= names
    folders = {folder for name in names for folder in name.split("/")[:-1]}
    assert not folders & {"engines", "storages", "painter", "sandbox", "local", "tests", "bench"}


def test_the_api_tier_starts_from_the_wheel_alone(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = clean_environment(PYTHONPATH=tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    file, *statuses = json.loads(done.stdout)
    assert Path(file).is_relative_to(tmp_path)
    assert statuses == [200, 200]
