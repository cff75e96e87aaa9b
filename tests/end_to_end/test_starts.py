"""How either tier is started: addresses to listen on, other folders, and other configurations."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from render_worker.starting import BOOT_ERROR
from tests.fakes.processes import ROOT, clean_environment, free_port, wait_until

API, WORKER = str(ROOT / "gunicorn.conf.py"), str(ROOT / "render_worker/gunicorn.conf.py")


class Start:
    """A gunicorn that is started somewhere with some arguments."""

    def __init__(self, folder, tmp_path, *arguments: str, **environment: object) -> None:
        self.port = free_port()
        self._log = tmp_path / "log"
        variables = {"HOST": "127.0.0.1", "LOCAL_STORAGE_DIR": tmp_path / "images", "PORT": self.port, **environment}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *arguments],
                cwd=folder,
                env=clean_environment(**variables),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def printed(self) -> str:
        return self._log.read_text()

    def answers(self, url: str) -> bool:
        assert self.process.poll() is None, self.printed
        try:
            return requests.get(url, timeout=5).ok
        except requests.ConnectionError:
            return False

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                raise


def established(port: int) -> int:
    """Return how many connections clients of this process have to a port."""
    connections = psutil.Process().net_connections("tcp")
    return sum(it.status == "ESTABLISHED" and bool(it.raddr) and it.raddr.port == port for it in connections)


@pytest.fixture
def start(tmp_path):
    begun = []

    def begin(folder, *arguments: str, **environment: object) -> Start:
        begun.append(Start(folder, tmp_path, *arguments, **environment))
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


@pytest.mark.parametrize(
    ("arguments", "path"), [(("app:app",), "/health"), (("-c", WORKER), "/models")], ids=["api", "worker"]
)
@pytest.mark.parametrize(("host", "hosts"), [("::", ("[::1]", "127.0.0.1")), ("[::1]", ("[::1]",))])
def test_it_listens_on_ipv6(start, arguments, path, host, hosts):
    server = start(ROOT, *arguments, HOST=host)
    for each in hosts:
        wait_until(lambda each=each: server.answers(f"http://{each}:{server.port}{path}"), each)
    said = "listens beyond loopback" in server.printed
    assert said == (host == "::" and arguments[0] == "-c")


@pytest.mark.parametrize("arguments", [("-c", API, "app:app"), ("-c", API), ("-c", WORKER)])
def test_our_configurations_work_from_any_folder(start, tmp_path, arguments):
    server = start(tmp_path, *arguments)
    wait_until(lambda: server.answers(f"http://127.0.0.1:{server.port}/health"), "an answer")


NO_CONFIGURATION = ("-c", "/dev/null")
TO_WORKER = "render_worker.worker:app"
OTHERS = {
    "another folder": ("tmp", ("--pythonpath", str(ROOT), "app:app"), API),
    "by --chdir": ("tmp", ("--chdir", str(ROOT), "app:app"), API),
    "several processes": ("tmp", ("--pythonpath", str(ROOT), "-w", "3", "app:app"), API),
    "loaded before the fork": ("tmp", ("--pythonpath", str(ROOT), "--preload", "app:app"), API),
    "another kind of worker": ("root", ("-k", "sync", "app:app"), API),
    "no configuration": ("root", (*NO_CONFIGURATION, "image_api:create_app()"), API),
    "the worker by the API's": ("root", (TO_WORKER,), WORKER),
    "the worker without any": ("root", (*NO_CONFIGURATION, "render_worker.worker:create_app()"), WORKER),
}


@pytest.mark.parametrize("name", OTHERS)
def test_without_our_configuration_it_says_so_and_ends(start, tmp_path, name):
    where, arguments, configuration = OTHERS[name]
    server = start(ROOT if where == "root" else tmp_path, "-b", f"127.0.0.1:{free_port()}", *arguments)
    several = "-w" in arguments  # gunicorn itself fails, with 1, if a second process exits while it ends for the first
    assert server.process.wait(60) in ((4, 1) if several else (4,))
    assert 1 <= server.printed.count("does not use") <= (3 if several else 1)
    assert several or "Traceback" not in server.printed
    assert f"gunicorn -c {configuration}" in server.printed


@pytest.mark.parametrize("arguments", [("app:app",), ("-c", WORKER)], ids=["api", "worker"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("HOST", "192.0.2.1"),
        ("PORT", "0"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(start, arguments, setting, value):
    begun = time.monotonic()
    server = start(ROOT, *arguments, **{setting: value})
    assert server.process.wait(60) == 1
    assert time.monotonic() - begun < 30
    assert len(server.printed.splitlines()) == 1
    assert f"{setting} " in server.printed
    assert " cannot be used: " in server.printed


def test_a_development_server_serves_the_api_and_says_that_it_does_not_serve_the_worker():
    code = "import app; print(app.app.test_client().get('/health').status_code)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), capture_output=True, text=True
    )
    assert done.stdout.strip() == "200"
    command = [sys.executable, "-m", "flask", "--app", "render_worker.worker", "run"]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert f"gunicorn -c {WORKER}" in done.stderr


def test_a_worker_whose_application_cannot_be_loaded_ends(start):
    server = start(ROOT, "-c", WORKER, "render_worker.worker:missing")
    assert server.process.wait(60) == BOOT_ERROR
    assert "the application could not be loaded" in server.printed


def test_what_waits_for_a_worker_to_load_is_refused_once_the_drain_is_over(start, tmp_path):
    loading = {"GATE": tmp_path / "never", "GRACEFUL_TIMEOUT_SECONDS": 1}
    started = start(ROOT, "-c", WORKER, "tests.fakes.gated_app:app", **loading)
    url = f"http://127.0.0.1:{started.port}"
    wait_until(lambda: started.answers(f"{url}/health"), "an answer")
    with ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(requests.get, f"{url}/models", timeout=8)  # gunicorn kills after 9
        wait_until(lambda: established(started.port) > 0, "the request")
        started.process.terminate()
        assert waiting.result().json()["code"] == "worker_unavailable"
    assert started.process.wait(20) == 0
