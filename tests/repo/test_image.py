"""The images: what they contain, and what the worker's hides from its browser, which runs as the same user."""

import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import yaml

from tests.fakes.processes import clean_environment

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = (ROOT / "render_worker" / "Dockerfile").read_text()
OF_THE_WORKER = re.compile(r"^(?:from|import) render_worker\.(\w+)", re.MULTILINE)
LOADED = """
import runpy, sys
runpy.run_path("gunicorn.conf.py")
import app
print(*(module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)), sep="\\n")
"""
COMMAND = re.compile(r"^(ENTRYPOINT|HEALTHCHECK|CMD)\b[^\[\n]*(.*)$", re.MULTILINE)


def test_nothing_that_starts_with_the_container_s_environment_is_dumpable():
    before, as_worker = DOCKERFILE.split("\nUSER worker\n")
    unreadable = re.search(r"chmod 711 \$\(readlink -f \$\(which (.*)\)\)$", before, re.MULTILINE)
    assert unreadable
    assert set(unreadable[1].split()) == {"tini", "python", "sh", "bash"}
    commands = {kind: json.loads(command) for kind, command in COMMAND.findall(as_worker)}  # none of them by a shell
    assert commands["ENTRYPOINT"] == ["env", "tini", "--"]  # env, lest a runtime's capabilities open tini
    assert (commands["HEALTHCHECK"][:2], commands["CMD"][0]) == (["env", "python"], "gunicorn")


def what_the_api_takes_of_the_worker() -> set[str]:
    """Return the paths of the render worker's modules that the API tier imports, with what those import."""
    found: set[str] = set()
    sources = [*(ROOT / "image_api").rglob("*.py"), ROOT / "app.py", ROOT / "gunicorn.conf.py"]
    while sources:
        for name in OF_THE_WORKER.findall(sources.pop().read_text()):
            path = ROOT / "render_worker" / name
            kept = f"render_worker/{name}" if path.is_dir() else f"render_worker/{name}.py"
            if kept not in found:
                found.add(kept)
                sources += path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    return found


def files_of_the_api() -> set[str]:
    """Return what the API tier is made of: the files that its start loads, the data beside them, and its packages."""
    command = [sys.executable, "-c", LOADED]
    loaded = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True)
    ours = {
        path for path in map(Path, loaded.stdout.split()) if path.is_relative_to(ROOT) and ".venv" not in path.parts
    }
    data = {path for path in (ROOT / "image_api").rglob("*.*") if path.suffix not in (".py", ".pyc")}
    return {str(path.relative_to(ROOT)) for path in ours | data} | {
        "gunicorn.conf.py",
        "requirements.txt",
        "alembic.ini",
    }


def test_the_api_s_image_has_all_that_it_takes_of_the_worker():
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = {name for line in dockerfile.splitlines() if line.startswith("COPY ") for name in line.split()[1:-1]}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert what_the_api_takes_of_the_worker() == {
        "render_worker/contract",
        "render_worker/serving",
    }
    assert what_the_api_takes_of_the_worker() <= copied & sent
    files = files_of_the_api()
    assert {"app.py", "image_api/styles.toml", "image_api/networks.toml", "render_worker/__init__.py"} <= files
    for having in (copied, sent):
        assert [file for file in files if not any(file == name or file.startswith(f"{name}/") for name in having)] == []


def test_whatever_the_api_is_made_of_makes_render_deploy_it():
    services = yaml.safe_load((ROOT / "render.yaml").read_text())["services"]
    paths = next(service for service in services if service["name"] == "image-api")["buildFilter"]["paths"]
    assert all((ROOT / path.removesuffix("/**")).exists() for path in paths)
    assert [file for file in files_of_the_api() if not any(fnmatch(file, path) for path in paths)] == []
    assert [path for path in what_the_api_takes_of_the_worker() if f"{path}/**" not in paths] == []


def test_what_is_installed_names_no_other_file():
    for path in (ROOT / "requirements.txt", *(ROOT / "render_worker").glob("requirements*.txt")):
        options = re.findall(r"^ *(-[a-z]|--[a-z-]+)\b", path.read_text(), re.MULTILINE)
        assert set(options) <= {"--hash"}, path


def test_the_worker_s_image_has_all_its_packages():
    folder = ROOT / "render_worker"
    sent = {line[1:] for line in (folder / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {path.parent.name for path in folder.glob("*/__init__.py")} <= sent
