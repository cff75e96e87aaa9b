"""The repository's own limits: sizes of files, targets of make, bounds of logs."""

import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = sorted(
    path
    for folder in ("image_api", "render_worker", "sandbox", "local", "bench", "tests")
    for path in (ROOT / folder).rglob("*.py")
)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_file_is_long(path):
    assert len(path.read_text().splitlines()) <= 300


def test_help_lists_every_target_that_the_readme_names():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "lint", "types", "format", "lock", "coverage"):
        assert f"make {target} " in listed


def test_compose_bounds_every_log():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert {name for name, service in services.items() if service["logging"]["options"]["max-size"]} == {
        "image-api",
        "render-worker",
        "sandbox",
    }
