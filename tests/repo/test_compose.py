"""compose.yaml: health checks, bounded logs, and what the two services need of each other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.fakes.processes import clean_environment, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
TIERS = {"image-api": "Dockerfile", "render-worker": "render_worker/Dockerfile"}
SERVER = """
import http.server, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2]) if self.path == "/health" else 404)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health)
print("up", flush=True)
server.handle_request()
"""


def image_s_probe(dockerfile: str) -> list[str]:
    """Return the command of an image's HEALTHCHECK."""
    found = re.search(r"^HEALTHCHECK .*?CMD (\[.*\])$", (ROOT / dockerfile).read_text(), re.MULTILINE)
    assert found, dockerfile
    return yaml.safe_load(found[1])


@pytest.mark.parametrize(("service", "dockerfile"), TIERS.items())
def test_each_tier_has_its_image_s_health_check_more_often(service, dockerfile):
    check = SERVICES[service]["healthcheck"]
    assert check["test"] == ["CMD", *image_s_probe(dockerfile)]
    assert {name: check[name] for name in ("interval", "start_period")} == {"interval": "10s", "start_period": "60s"}


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (301, False)])
def test_the_probe_asks_health_itself_whatever_proxy_is_set(status, healthy):
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", SERVER, str(port), str(status)], stdout=subprocess.PIPE) as server:
        server.stdout.readline()
        assert (probed(port) == 0) is healthy
        server.wait(10)


def test_the_probe_fails_if_nothing_listens():
    assert probed(free_port()) != 0


def probed(port: int) -> int:
    """Return the probe's exit status for a service on that port, in a container that has a proxy's address."""
    environment = clean_environment(PORT=port, HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9")
    command = ["env", sys.executable, *SERVICES["image-api"]["healthcheck"]["test"][3:]]
    return subprocess.run(command, env=environment, stderr=subprocess.DEVNULL).returncode


def test_the_api_waits_for_no_healthy_worker():
    assert SERVICES["image-api"]["depends_on"] == ["render-worker"]  # it answers for one that still starts
    assert "depends_on" not in SERVICES["render-worker"]


def test_a_name_that_both_compose_and_a_tier_read_means_the_port_on_the_machine_alone():
    for service in TIERS:
        assert {"HOST", "PORT"} <= SERVICES[service]["environment"].keys()  # API_HOST and API_PORT give way to these
    assert SERVICES["image-api"]["ports"] == ["${API_PORT:-8000}:8000"]


def test_jobs_have_a_volume_where_the_image_has_the_folder_of_its_user():
    assert SERVICES["image-api"]["volumes"] == ["jobs:/data/jobs"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "install --directory --owner=api --mode=700 /data/jobs" in dockerfile
    assert "ln -s /data/jobs .data" in dockerfile  # the folder of the default DATABASE_URL
    assert dockerfile.index("/data/jobs") < dockerfile.index("USER api")


@pytest.mark.parametrize("name", ["DATABASE_URL", "WEBHOOK_SECRET"])
def test_a_secret_of_the_jobs_is_the_api_s_alone(name):
    assert SERVICES["render-worker"]["environment"][name] == ""
    assert name not in SERVICES["image-api"]["environment"]  # .env's


def test_every_log_is_bounded():
    assert {name for name, service in SERVICES.items() if service["logging"]["options"]["max-size"]} == {
        "image-api",
        "render-worker",
        "sandbox",
    }
