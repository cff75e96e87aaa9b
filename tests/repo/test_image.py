"""The images: what they contain, and what the worker's hides from its browser, which runs as the same user."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = (ROOT / "render_worker" / "Dockerfile").read_text()
OF_THE_WORKER = re.compile(r"^(?:from|import) render_worker\.(\w+)", re.MULTILINE)
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


def test_the_api_s_image_has_all_that_it_takes_of_the_worker():
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = {name for line in dockerfile.splitlines() if line.startswith("COPY ") for name in line.split()[1:]}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    built = set((ROOT / "render.yaml").read_text().replace("/**", "").split())
    assert what_the_api_takes_of_the_worker() == {
        "render_worker/contract",
        "render_worker/serving",
    }
    assert what_the_api_takes_of_the_worker() <= copied & sent & built


def test_the_worker_s_image_has_all_its_packages():
    folder = ROOT / "render_worker"
    sent = {line[1:] for line in (folder / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {path.parent.name for path in folder.glob("*/__init__.py")} <= sent
