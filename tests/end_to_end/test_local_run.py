"""`python -m local`, which is what `make run` starts."""

import concurrent.futures
import json
import re
import signal
import socket
import subprocess
import sys
import time

import openai
import psutil
import pytest
import requests

from image_api.settings import Settings as ApiSettings
from local.hosts import host_to_ask, own_hosts, reachable_at
from local.settings import load, variables
from tests.fakes.processes import (
    PATIENCE_SECONDS,
    ROOT,
    clean_environment,
    command_of,
    four_free_ports,
    left_of,
    wait_until,
)

README = (ROOT / "README.md").read_text()
HOUSE = (ROOT / "docs/sketches.jpg").read_bytes()
NO_ENGINE = b"image cannot be honoured by any engine that is enabled here"


class LocalRun:
    def __init__(self, log, **environment: object) -> None:
        self.log = log
        self.port = environment["PORT"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local"],
                cwd=ROOT,
                env=clean_environment(**{"SANDBOX": "always", **environment}),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def printed(self) -> str:
        return self.log.read_text()


@pytest.fixture
def local_run(tmp_path):
    run = LocalRun(tmp_path / "log", PORT=four_free_ports(), LOCAL_STORAGE_DIR=tmp_path / "images")
    yield run
    if run.process.poll() is None:
        run.process.terminate()
        run.process.wait(PATIENCE_SECONDS)


def test_it_ends_with_two_commands_that_work_and_leaves_nothing_running(local_run):
    wait_until(lambda: local_run.printed().count("\ncurl ") == 2 or local_run.process.poll(), "the two commands")
    assert "the sandbox stands in" in local_run.printed()
    page = re.search(r"Open (\S+) in a browser", local_run.printed()).group(1)
    assert (
        requests.get(page, headers={"Accept": "text/html"}, timeout=30).headers["Content-Type"].startswith("text/html")
    )
    commands = re.findall(r"^curl .*$", local_run.printed(), re.MULTILINE)
    results = [json.loads(subprocess.run(["sh", "-c", command], capture_output=True).stdout) for command in commands]
    assert [(result["success"], result["simulated"], result["engine"]) for result in results] == [
        (True, True, "perchance"),
        (True, True, "sketch"),
    ]
    the_readme_s_commands_work(local_run)
    rebound = {"Host": "evil.example"}
    for port, path in ((local_run.port, "/"), (local_run.port, "/models"), (local_run.port + 2, "/sandbox")):
        assert requests.get(f"http://127.0.0.1:{port}{path}", headers=rebound, timeout=5).status_code == 421
        assert requests.get(f"http://localhost:{port}{path}", timeout=5).status_code == 200
    everything = psutil.Process(local_run.process.pid).children(recursive=True)
    assert any("chrom" in command_of(process) for process in everything)
    local_run.process.send_signal(signal.SIGINT)
    assert local_run.process.wait(PATIENCE_SECONDS) == 0
    assert left_of(everything) == []


def the_readme_s_commands_work(run: LocalRun) -> None:
    """Run each curl line and Python expression of the README as it is printed, but for the port."""
    here = README.replace("localhost:8000", f"localhost:{run.port}")
    shown = run.log.parent
    documented = requests.get(f"http://localhost:{run.port}/", timeout=5).json()["examples"].values()
    curls = [*re.findall(r"(?:    |`)(curl .*?)(?:$|` )", here, re.MULTILINE), *documented]
    curls = [command for command in curls if command.startswith("curl")]
    assert len(curls) >= 4 + len([command for command in documented if command.startswith("curl")])
    (shown / "house.jpg").write_bytes(HOUSE)
    for command in curls:
        done = subprocess.run(["bash", "-c", command], cwd=shown, capture_output=True, timeout=60)
        assert done.returncode == 0, command
        made = re.search(rb'"success": ?true|"job_id":', done.stdout) or " -o " in command
        assert made or (" -F image=" in command and NO_ENGINE in done.stdout), (command, done.stdout)
    assert {path.read_bytes()[:4] for path in shown.glob("*.png")} == {b"\x89PNG"}
    expressions = re.findall(r"^\| .* \| `((?:requests|OpenAI)\b.*)` \|$", here, re.MULTILINE)
    pictures = [eval(expression, {"requests": requests, "OpenAI": openai.OpenAI}) for expression in expressions]  # noqa: S307 - our README's
    assert [requests.get(picture, timeout=5).headers["Content-Type"] for picture in pictures] == ["image/png"] * 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_ends_it_during_a_generation_nothing_is_left(local_run, how):
    wait_until(lambda: "\ncurl " in local_run.printed() or local_run.process.poll(), "the two commands")
    requests.post(f"http://127.0.0.1:{local_run.port + 2}/sandbox", json={"delay": 60}, timeout=5)
    everything = psutil.Process(local_run.process.pid).children(recursive=True)
    with concurrent.futures.ThreadPoolExecutor() as clients:
        address = f"http://127.0.0.1:{local_run.port}/generate?prompt=a"
        asked = [clients.submit(requests.get, address, timeout=30) for _ in range(4)]
        time.sleep(1)
        local_run.process.send_signal(how)
        local_run.process.wait(PATIENCE_SECONDS)
        wait_until(lambda: left_of(everything) == [], "the end of everything")
        concurrent.futures.wait(asked, 5)


def test_when_one_part_ends_the_others_do_and_it_is_reported(local_run):
    wait_until(lambda: "\ncurl " in local_run.printed() or local_run.process.poll(), "the two commands")
    everything = psutil.Process(local_run.process.pid).children(recursive=True)
    next(process for process in everything if "app:app" in command_of(process)).kill()
    assert local_run.process.wait(PATIENCE_SECONDS) == 1
    assert "The API has ended" in local_run.printed()
    wait_until(lambda: left_of(everything) == [], "the end of everything")


@pytest.mark.parametrize(
    ("offset", "what"), [(0, "the API"), (1, "the render worker"), (2, "the sandbox"), (3, "the sandbox's upload host")]
)
def test_a_taken_port_is_one_clear_sentence(tmp_path, offset, what):
    first = four_free_ports()
    with socket.create_server(("127.0.0.1", first + offset)):
        run = LocalRun(tmp_path / "log", PORT=first)
        assert run.process.wait(60) == 1
    assert run.printed().splitlines()[-1].startswith(f"Port {first + offset}, which {what} needs, is taken")


def test_help_is_given():
    done = subprocess.run(
        [sys.executable, "-m", "local", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Ctrl-C" in done.stdout


@pytest.mark.parametrize(("set_to", "used"), [(None, "2"), ("17", "17")])
def test_the_time_for_running_pictures_is_short_unless_it_is_set(monkeypatch, set_to, used):
    monkeypatch.delenv("GRACEFUL_TIMEOUT_SECONDS", raising=False)
    if set_to:
        monkeypatch.setenv("GRACEFUL_TIMEOUT_SECONDS", set_to)
    assert variables(load(), simulated=False)["GRACEFUL_TIMEOUT_SECONDS"] == used


@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0", "192.0.2.77", "fd00::77", "::"])
def test_it_answers_to_this_machine_s_names_and_addresses(monkeypatch, listening):
    monkeypatch.delenv("ALLOWED_HOSTS", raising=False)
    monkeypatch.setenv("HOST", listening)
    hosts = variables(load(), simulated=False)["ALLOWED_HOSTS"].split(",")
    assert ApiSettings(allowed_hosts=hosts).allowed_hosts == tuple(hosts)
    assert {"localhost", "127.0.0.1", "[::1]", socket.gethostname().lower()} <= set(hosts)
    named = {"192.0.2.77": "192.0.2.77", "fd00::77": "[fd00::77]"}.get(listening, "localhost")
    assert named in hosts
    assert not {"0.0.0.0", "[::]", "*"} & set(hosts)


def test_unless_they_are_set(monkeypatch):
    monkeypatch.setenv("ALLOWED_HOSTS", "*")
    assert variables(load(), simulated=False)["ALLOWED_HOSTS"] == "*"


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        ("*", "localhost"),
        ("localhost,127.0.0.1", "localhost"),
        ("pictures.example", "pictures.example"),
        ("pictures.example:9000, localhost:9000", "localhost"),
        ("pictures.example:9000", "pictures.example"),
        ("*.pictures.example", "pictures.example"),
        ("[fd00::77]", "[fd00::77]"),
        ("[fd00::77]:9000", "[fd00::77]"),
    ],
)
def test_it_asks_itself_by_a_name_that_is_allowed(allowed, asked):
    assert host_to_ask(allowed, 9000) == asked


@pytest.mark.parametrize(
    ("listening", "reached", "asked"),
    [
        ("127.0.0.1", "127.0.0.1", "localhost"),
        ("0.0.0.0", "127.0.0.1", "localhost"),
        ("::", "[::1]", "localhost"),
        ("::1", "[::1]", "[::1]"),
        ("192.0.2.77", "192.0.2.77", "192.0.2.77"),
    ],
)
def test_it_asks_itself_where_it_listens(listening, reached, asked):
    assert reachable_at(listening) == reached
    assert host_to_ask(",".join(own_hosts(listening)), 9000, listening) == asked
