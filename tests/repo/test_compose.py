"""compose.yaml: health checks, bounded logs, what the services need of each other, and the profile with a queue."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
import yaml

from tests.fakes.processes import clean_environment, free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
SCALE = {"celery-worker", "redis", "postgres"}
TIERS = {"image-api": "Dockerfile", "render-worker": "render_worker/Dockerfile"}
OURS = ("image-api", "render-worker", "celery-worker", "sandbox")
IMAGES = {**TIERS, "render-worker-gpu": "render_worker/Dockerfile.gpu"}
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


@pytest.mark.parametrize(("service", "dockerfile"), IMAGES.items())
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
    for service in IMAGES:
        assert {"HOST", "PORT"} <= SERVICES[service]["environment"].keys()  # API_HOST and API_PORT give way to these
    assert SERVICES["image-api"]["ports"] == ["${API_PORT:-8000}:8000"]


def test_jobs_have_a_volume_where_the_image_has_the_folder_of_its_user():
    assert SERVICES["image-api"]["volumes"] == ["jobs:/data/jobs"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "install --directory --owner=api --mode=700 /data/jobs" in dockerfile
    assert "ln -s /data/jobs .data" in dockerfile  # the folder of the default DATABASE_URL
    assert dockerfile.index("/data/jobs") < dockerfile.index("USER api")


@pytest.mark.parametrize("name", ["API_KEYS", "DATABASE_URL", "POSTGRES_PASSWORD", "SIGNING_KEYS", "WEBHOOK_SECRET"])
@pytest.mark.parametrize("service", ["render-worker", "render-worker-gpu", "celery-worker"])
def test_a_secret_of_the_api_tier_is_its_own(service, name):
    assert SERVICES[service]["environment"][name] == ""
    assert name not in SERVICES["image-api"]["environment"]  # .env's


@pytest.mark.parametrize("service", sorted(set(SERVICES) - {"postgres"}))
def test_a_service_has_no_capability_and_gains_no_privilege(service):
    confined = SERVICES[service]
    assert (confined["cap_drop"], confined["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & confined.keys()


@pytest.mark.parametrize("service", OURS)
def test_a_service_of_ours_is_a_user_that_cannot_write_its_program_and_forks_within_bounds(service):
    confined = SERVICES[service]
    assert confined["read_only"] is True
    assert [entry.partition(":")[0] for entry in confined["tmpfs"]] == ["/tmp"]  # noqa: S108 - in the container
    assert all(re.search(r":size=\d+m,", entry) for entry in confined["tmpfs"])  # it is memory
    assert 0 < confined["pids_limit"] <= 1024
    dockerfile = (ROOT / TIERS.get(service, TIERS["render-worker"])).read_text()
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE)[-1] not in ("root", "0")


def test_what_a_tier_writes_by_default_is_in_a_volume():
    worker = SERVICES["render-worker"]
    for written in (worker["environment"]["LOCAL_STORAGE_DIR"], worker["environment"]["BUDGET_FILE"]):
        assert any(Path(written).is_relative_to(volume.split(":")[1]) for volume in worker["volumes"])


def test_every_log_is_bounded():
    assert {name for name, service in SERVICES.items() if service["logging"]["options"]["max-size"]} == set(SERVICES)


def test_without_a_profile_it_is_both_tiers_alone():
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {"image-api", "render-worker"}
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["scale"]} == SCALE
    for name, service in SERVICES.items():  # what a profile starts is never waited for by what starts without it
        needed = set(service.get("depends_on", ()))
        assert name in SCALE or not needed & SCALE


def test_a_celery_worker_is_the_render_worker_s_image_and_keeps_pictures_where_that_one_serves_them():
    serving, making = SERVICES["render-worker"], SERVICES["celery-worker"]
    assert making["image"] == serving["image"]
    assert making["volumes"] == serving["volumes"]
    assert making["environment"] == {**serving["environment"], "LOCAL_STORAGE_SHARED": "true"}
    assert making["env_file"] == serving["env_file"]
    assert making["command"] == ["celery", "-A", "render_worker.tasks", "worker"]
    assert making["deploy"] == {"replicas": "${CELERY_WORKERS:-2}"}
    assert "container_name" not in making  # of which there could be one alone
    assert "hostname" not in making  # its name in the queue


@pytest.mark.parametrize("name", sorted(SCALE))
def test_all_of_the_profile_have_a_health_check_and_come_back(name):
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert "ports" not in SERVICES[name]  # reachable from inside alone


def test_what_redis_and_postgresql_keep_outlives_their_containers():
    assert SERVICES["redis"]["volumes"] == ["queue:/data"]
    assert SERVICES["postgres"]["volumes"] == ["database:/var/lib/postgresql/data"]
    volumes = [it.partition(":")[0] for service in SERVICES.values() for it in service.get("volumes", ())]
    assert {it for it in volumes if not it.startswith(".")} == COMPOSE["volumes"].keys()


def redis_s(part: str, **replaced: str) -> str:
    """Return a shell script of the service redis as its container's shell gets it, with some texts replaced."""
    service = SERVICES["redis"]
    script = service["command"][2] if part == "command" else service["healthcheck"]["test"][1]
    for old, new in replaced.items():
        assert old in script
        script = script.replace(old, new)
    return script.replace("$$", "$")


def test_redis_evicts_nothing_keeps_what_it_has_and_wants_its_password(tmp_path):
    port, password = free_port(), "5ecre7"
    here = f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\nappendonly"
    environment = clean_environment(REDIS_PASSWORD=password)
    server = subprocess.Popen(
        ["sh", "-c", redis_s("command", appendonly=here)], env=environment, stdout=subprocess.DEVNULL
    )
    probe = ["sh", "-c", redis_s("healthcheck", **{"redis-cli": f"redis-cli -p {port}"})]
    try:
        wait_until(lambda: subprocess.run(probe, env=environment, capture_output=True).returncode == 0, "redis")
        with redis.Redis(port=port, password=password) as client:
            found = {name: client.config_get(name)[name] for name in ("maxmemory-policy", "appendonly", "maxmemory")}
            assert found == {"maxmemory-policy": "noeviction", "appendonly": "yes", "maxmemory": str(512 << 20)}
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        assert password not in Path(f"/proc/{server.pid}/cmdline").read_text()
        wrong = clean_environment(REDIS_PASSWORD="other")
        assert subprocess.run(probe, env=wrong, capture_output=True).returncode != 0
    finally:
        server.terminate()
    assert server.wait(10) == 0  # the shell gave way to it, so that a stop reaches it
    assert subprocess.run(probe, env=environment, capture_output=True).returncode != 0


def test_without_a_password_redis_says_where_the_lines_are():
    environment = clean_environment(REDIS_PASSWORD="")
    done = subprocess.run(["sh", "-c", redis_s("command")], env=environment, capture_output=True, text=True, timeout=10)
    assert done.returncode != 0
    assert "REDIS_PASSWORD: is missing: .env.example has the lines" in done.stderr


def of_the_profile() -> dict[str, str]:
    """Return the lines of .env.example about the profile."""
    example = (ROOT / ".env.example").read_text()
    (block,) = (part for part in example.split("\n\n") if "# COMPOSE_PROFILES=scale" in part)
    return dict(re.findall(r"^# ([A-Z_]+)=(.*)$", block, re.MULTILINE))


def test_the_example_s_lines_lead_to_the_services_of_the_profile():
    lines = of_the_profile()
    assert (lines["COMPOSE_PROFILES"], lines["DISPATCH"], lines["CELERY_WORKERS"]) == ("scale", "celery", "2")
    broker, database = urlsplit(lines["REDIS_URL"]), urlsplit(lines["DATABASE_URL"])
    assert (broker.hostname, broker.port, broker.username) == ("redis", 6379, "")
    assert (database.hostname, database.port) == ("postgres", 5432)
    # PostgreSQL's image names the database after the user.
    assert {database.username, database.path[1:]} == {SERVICES["postgres"]["environment"]["POSTGRES_USER"]}
    assert {broker.hostname, database.hostname} < SCALE
    assert lines["REDIS_PASSWORD"] == lines["POSTGRES_PASSWORD"] == ""  # no secret that all have
