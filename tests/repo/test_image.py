"""The images: what they contain, and what the worker's hides from its browser, which runs as the same user."""

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import greenlet
import playwright
import pytest
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
STAGE = re.compile(r"^FROM (\S+)(?: AS (\S+))?\n", re.MULTILINE)
BOTH = {"image-api": ROOT / "Dockerfile", "render-worker": ROOT / "render_worker" / "Dockerfile"}
WARM_CACHES = ROOT / "render_worker" / "warm-caches.sh"
SLIM_PACKAGES = ROOT / "render_worker" / "slim-packages.sh"
UNUSED = [
    pattern
    for line in (ROOT / "unused-packages.txt").read_text().splitlines()
    if not line.startswith("#")
    for pattern in line.split()
]
PACKAGES = Path(greenlet.__file__).parent.parent
COMMAND = re.compile(r"^(ENTRYPOINT|HEALTHCHECK|CMD)\b[^\[\n]*(.*)$", re.MULTILINE)


def stages(dockerfile: str) -> dict[str, str]:
    """Return the text of each stage by its name; the last one, which is built unless a target is named, has none."""
    _, *parts = STAGE.split(dockerfile)
    return {name or "": f"FROM {base}\n{text}" for base, name, text in zip(*[iter(parts)] * 3, strict=True)}


def test_nothing_that_starts_with_the_container_s_environment_is_dumpable():
    runtime = stages(DOCKERFILE)["runtime"]
    unreadable = re.search(r"chmod 711 \$\(readlink -f \$\(which (.*)\)\)$", runtime, re.MULTILINE)
    assert unreadable
    assert set(unreadable[1].split()) == {"tini", "python", "sh", "bash"}
    commands = {kind: json.loads(command) for kind, command in COMMAND.findall(DOCKERFILE)}  # none of them by a shell
    assert COMMAND.findall(runtime) == COMMAND.findall(DOCKERFILE)  # of both targets
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


@pytest.mark.parametrize("name", BOTH)
def test_both_targets_are_one_but_for_their_packages(name):
    found = stages(BOTH[name].read_text())
    assert list(found) == ["base", "packages", "all-packages", "runtime", "full", ""]
    full = found["full"].replace(" AS full\n", "\n").replace("--from=all-packages", "--from=packages")
    assert full.strip() == found[""].strip()
    assert found[""].splitlines()[0] == "FROM runtime"
    assert [name for name, text in found.items() if "pip" in text] == ["packages", "all-packages"]


@pytest.mark.parametrize(("name", "user"), [("image-api", "api"), ("render-worker", "worker")])
def test_both_targets_have_their_bytecode_before_they_give_up_root(name, user):
    for target in ("full", ""):
        as_root, _ = f"{stages(BOTH[name].read_text())[target]}\n".split(f"\nUSER {user}\n")
        as_root = as_root.replace("sh render_worker/warm-caches.sh", WARM_CACHES.read_text())
        assert "python -m render_worker.serving.bytecode" in as_root


def test_the_driver_s_compiled_code_is_of_the_image_s_user_who_may_not_change_it():
    lines = WARM_CACHES.read_text().splitlines()
    compiled = next(n for n, line in enumerate(lines) if line.startswith("NODE_COMPILE_CACHE=$cache as_worker "))
    assert "setpriv --reuid=worker --regid=worker --clear-groups" in "\n".join(lines[:compiled])
    assert lines[compiled + 1 : compiled + 3] == ['chown -R root:root "$cache"', 'chmod -R a+rX,go-w "$cache"']


def test_the_api_s_smaller_target_has_all_packages_but_those_that_settings_ask_for():
    core, everything = ((ROOT / f"requirements{name}.in").read_text().splitlines() for name in ("-core", ""))
    assert set(core) < set(everything)
    left_out = {line.partition("==")[0].partition("[")[0] for line in set(everything) - set(core)}
    checked = (path.read_text() for path in (ROOT / "image_api").glob("*settings.py"))
    assert left_out == {name for text in checked for name in re.findall(r'require_package\("(\w+)"\)', text)}


def test_of_playwright_s_driver_it_leaves_out_what_is_there_and_no_licence():
    packages = Path(playwright.__file__).parent.parent
    paths = re.findall(r'"\$(driver|packages)/([^"]+)"', SLIM_PACKAGES.read_text().split("rm -rf ")[-1])
    assert len(paths) == 4
    for root, path in paths:
        folder = packages / ("playwright/driver" if root == "driver" else "") / path
        assert folder.is_dir()
        assert not [it for it in folder.rglob("*") if re.match("licen[cs]e|notice", it.name, re.IGNORECASE)]


def test_what_the_api_never_imports_is_there_and_no_licence():
    found = {pattern: list(PACKAGES.glob(pattern)) for pattern in UNUSED}
    assert [pattern for pattern, paths in found.items() if not paths] == []
    files = {file for paths in found.values() for path in paths for file in (path, *path.rglob("*"))}
    names = {file.name for file in files if file.is_file()}
    assert [name for name in names if re.match("licen[cs]e|notice|copying", name, re.IGNORECASE)] == []


def test_both_stages_of_the_api_s_packages_leave_out_the_same():
    texts = stages((ROOT / "Dockerfile").read_text())
    for name in ("packages", "all-packages"):
        assert "sh slim-packages.sh /opt/venv unused-packages.txt" in texts[name]
        assert texts[name].partition("\nFROM")[0].rstrip().endswith("python -m compileall -q /opt/venv")


@pytest.mark.skipif(not shutil.which("strip"), reason="needs binutils, as its stage has")
def test_packages_work_without_what_is_left_out(tmp_path):
    packages = tmp_path / "lib/python3.11/site-packages"
    source = Path(greenlet.__file__).parent
    shutil.copytree(source, packages / "greenlet")
    (packages / "greenlet-3.0.dist-info").mkdir()
    before = next((packages / "greenlet").glob("_greenlet*.so")).stat().st_size
    for name in ("unused.py", "kept.py", "used.h"):
        (packages / "greenlet" / name).touch()
    (tmp_path / "list.txt").write_text("# A reason.\n\ngreenlet/un[!_]* no_such_package\n")
    subprocess.run(["sh", SLIM_PACKAGES, ".", "list.txt"], check=True, cwd=tmp_path)
    assert [it.name for it in (packages / "greenlet").glob("*used*")] == []
    assert (packages / "greenlet/kept.py").exists()
    assert (source / "tests").is_dir()
    assert not (packages / "greenlet/tests").exists()
    assert next((packages / "greenlet").glob("_greenlet*.so")).stat().st_size < before
    assert (tmp_path / "packages.txt").read_text() == "greenlet-3.0.dist-info\n"
    program = "import greenlet; print(greenlet.__file__, greenlet.greenlet(lambda: 7).switch())"
    command = [sys.executable, "-c", program]
    environment = {**clean_environment(), "PYTHONPATH": str(packages)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(packages / "greenlet/__init__.py"), "7"]


def test_what_is_installed_names_no_other_file():
    for path in (ROOT / "requirements.txt", *(ROOT / "render_worker").glob("requirements*.txt")):
        options = re.findall(r"^ *(-[a-z]|--[a-z-]+)\b", path.read_text(), re.MULTILINE)
        assert set(options) <= {"--hash"}, path


def test_the_worker_s_image_has_all_its_packages():
    folder = ROOT / "render_worker"
    sent = {line[1:] for line in (folder / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {path.parent.name for path in folder.glob("*/__init__.py")} <= sent
