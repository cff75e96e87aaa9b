"""`python -m tests.images` runs both built images as compose.yaml confines them, and makes pictures.

Needs root, runc, and buildah with the images of `make image`. The containers have this machine's network; what Compose
says of their file systems, capabilities, privileges and number of processes is taken from its file. No seccomp profile
applies, so that Chromium's sandbox may work here and not there.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.images.oci_bundle import bundle

ROOT = Path(__file__).resolve().parent.parent.parent
RUNC = "runc"
API, WORKER = "http://127.0.0.1:8000", "http://127.0.0.1:8001"
START_SECONDS = 120.0
PICTURE_SECONDS = 120.0
STOP_SECONDS = 45.0  # Compose's grace period, and a moment
POLL_SECONDS = 0.3
WRITES = "open('/app/probe', 'w')"
READ_ONLY = "Read-only file system"
NO_CAPABILITIES = "0" * 16
MODELS = ("sketch", "perchance")  # the second one's is made in the browser


class NotConfined(Exception):
    """Raised if a container is less confined than compose.yaml says, or does not work so."""


@dataclass(frozen=True)
class Images:
    """The images in a storage of buildah's."""

    options: tuple[str, ...]

    def run(self, *arguments: str) -> str:
        """Run one of buildah's commands, and return its output."""
        command = ["buildah", *self.options, *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def configuration(self, image: str) -> dict[str, Any]:
        """Return an image's user, environment, folder and command."""
        found: dict[str, Any] = json.loads(self.run("inspect", "--type", "image", f"localhost/{image}"))
        return dict(found["OCIv1"]["config"])

    @contextlib.contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """Mount an image's file system, and yield its folder."""
        container = self.run("from", "--pull-never", f"localhost/{image}").strip()
        try:
            yield Path(self.run("mount", container).strip())
        finally:
            self.run("rm", container)


@contextlib.contextmanager
def running(
    images: Images, name: str, service: dict[str, Any], environment: dict[str, str], folder: Path
) -> Iterator[str]:
    """Run a service of compose.yaml in a container, and yield the container's name."""
    container, home = f"{name}-{os.getpid()}", folder / name
    with images.mounted(name) as root:
        home.mkdir()
        configuration = bundle(root, images.configuration(name), service, home, environment)
        (home / "config.json").write_text(json.dumps(configuration))
        process = subprocess.Popen([RUNC, "run", "--bundle", str(home), container])
        try:
            yield container
        finally:
            if process.poll() is None:
                subprocess.run([RUNC, "kill", container, "TERM"], check=False)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                subprocess.run([RUNC, "delete", "--force", container], check=False)
                raise NotConfined(f"{name} did not stop within {STOP_SECONDS:g} seconds.") from None


def check_confinement(container: str, name: str) -> None:
    """Raise NotConfined unless the container's processes have no capability, and cannot write its program."""
    shown = _exec(container, "cat", "/proc/self/status").stdout
    states = dict(line.split(":\t", 1) for line in shown.splitlines() if ":\t" in line)
    if {states[field] for field in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} != {NO_CAPABILITIES}:
        raise NotConfined(f"{name} has capabilities.")
    if states["NoNewPrivs"] != "1" or states["Uid"].startswith("0\t"):
        raise NotConfined(f"{name} is root, or may gain privileges.")
    written = _exec(container, "python", "-c", WRITES)
    if READ_ONLY not in written.stderr:
        raise NotConfined(f"{name} can write its file system.")
    _say(f"{name}: user {states['Uid'].split()[0]}, no capability, no new privileges, a read-only file system")


def check_pictures() -> None:
    """Raise NotConfined unless pictures are made, also of an upload and by a job, and served."""
    made = [_json("GET", f"/generate?prompt=a+boat&seed={number}&model={name}") for number, name in enumerate(MODELS)]
    for name, picture in zip(MODELS, made, strict=True):
        file = requests.get(picture["image_url"], timeout=PICTURE_SECONDS)
        if not file.ok or len(file.content) != picture["bytes"]:
            raise NotConfined(f"The picture of {name} is not served: HTTP {file.status_code}.")
        _say(f"{name}: a picture of {len(file.content)} bytes in {picture['duration_ms'] / 1000:.1f} seconds")
    again = requests.get(f"{made[0]['image_url']}", timeout=PICTURE_SECONDS).content
    upload = {"image": ("boat.png", again)}
    edited = _json("POST", "/generate", files=upload, data={"prompt": "a red boat", "model": "automatic1111"})
    _say(f"an upload of {len(again)} bytes became a picture of {edited['bytes']} bytes")
    job = _json("POST", "/api/v1/generate", json={"prompt": "a boat at night", "model": "sketch"})
    _wait(lambda: _json("GET", f"/api/v1/status/{job['job_id']}")["status"] == "completed", "the job is not completed")
    _say("a job was completed")


def check_browser() -> None:
    """Say whether the browser runs in Chromium's sandbox."""
    health = requests.get(
        f"{WORKER}/health", headers={"Authorization": f"Bearer {_sandbox()['WORKER_TOKEN']}"}, timeout=5
    )
    state = health.json()["engines"]["perchance"]
    _say(f"Chromium's sandbox: {state.get('browser_sandbox_missing') or 'runs'}")


def main() -> int:
    """Run both images; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.images", description=__doc__.partition("\n")[0])
    parser.add_argument("buildah", nargs="*", metavar="OPTION", help="global options of buildah, behind --")
    images = Images(tuple(parser.parse_args().buildah))
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    environment = {**_sandbox(), "ENGINES": "perchance,automatic1111"}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack, _site():
        folder = Path(name)
        folder.chmod(0o755)  # what is below is mounted for another user
        worker = stack.enter_context(running(images, "render-worker", services["render-worker"], environment, folder))
        own = {**environment, "HOST": "127.0.0.1", "PERCHANCE_WORKER_URL": WORKER}
        api = stack.enter_context(running(images, "image-api", services["image-api"], own, folder))
        _wait(lambda: requests.get(f"{API}/ready", timeout=5).ok, "the service is not ready")
        check_confinement(worker, "render-worker")
        check_confinement(api, "image-api")
        check_pictures()
        check_browser()
    return 0


@contextlib.contextmanager
def _site() -> Iterator[None]:
    """Run the sandbox, which stands in for the outside world."""
    command = [sys.executable, "-m", "gunicorn", "-c", "sandbox/gunicorn.conf.py"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _sandbox() -> dict[str, str]:
    """Return the settings of a service before the sandbox."""
    lines = (ROOT / "sandbox/compose.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def _exec(container: str, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([RUNC, "exec", container, *command], check=False, capture_output=True, text=True)


def _json(method: str, path: str, **body: Any) -> dict[str, Any]:
    reply = requests.request(method, API + path, timeout=PICTURE_SECONDS, **body)
    if not reply.ok:
        raise NotConfined(f"{method} {path}: HTTP {reply.status_code}: {reply.text}")
    return dict(reply.json())


def _wait(is_so: Any, problem: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(requests.RequestException):
            if is_so():
                return
        time.sleep(POLL_SECONDS)
    raise NotConfined(f"After {START_SECONDS:g} seconds {problem}.")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
