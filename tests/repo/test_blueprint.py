"""render.yaml, and what render.paid.yaml shares with it, by the rules of Render's published schema."""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from image_api.application import create_app as create_api
from image_api.settings import Settings as ApiSettings
from image_api.web.trusted_proxies import CLIENT_ADDRESS, TrustedProxies
from render_worker.settings import Settings as WorkerSettings
from render_worker.worker import create_app as create_worker
from tests.fakes.processes import clean_environment
from tests.repo.blueprint_rules import BLUEPRINT

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = ("render.yaml", "render.paid.yaml")
SECRETS = {"WORKER_TOKEN", "IMGUR_CLIENT_ID", "CLOUDINARY_URL", "REDIS_URL", "DATABASE_URL"}
SETTINGS = {"perchance-worker": WorkerSettings, "celery-worker": WorkerSettings, "image-api": ApiSettings}
SHOWN = ("graceful_timeout", "workers")
SHUTDOWN_SECONDS = 30  # Render's maxShutdownDelaySeconds if it is not set


@pytest.fixture
def blueprint():
    return yaml.safe_load((ROOT / "render.yaml").read_text())


@pytest.fixture(params=FILES)
def either(request):
    """Return each of the two blueprints."""
    return yaml.safe_load((ROOT / request.param).read_text())


@pytest.fixture
def worker(blueprint):
    return next(service for service in blueprint["services"] if service["name"] == "perchance-worker")


@pytest.fixture
def api(blueprint):
    return next(service for service in blueprint["services"] if service["name"] == "image-api")


def variables(service: dict) -> dict[str, dict]:
    return {variable["key"]: variable for variable in service.get("envVars", ())}


def servers(blueprint: dict) -> list[dict]:
    """Return the services that run our own code."""
    return [service for service in blueprint["services"] if service["name"] in SETTINGS]


def test_each_is_valid(either):
    jsonschema.validate(either, BLUEPRINT)
    names = [part["name"] for part in (*either["services"], *either.get("databases", ()))]
    assert len(names) == len(set(names))
    assert len(servers(either)) == 2


def test_what_a_variable_is_taken_from_is_a_part_of_the_same_blueprint(either):
    parts = {(service["type"], service["name"]) for service in either["services"]}
    databases = {database["name"] for database in either.get("databases", ())}
    for variable in (it for service in either["services"] for it in variables(service).values()):
        if taken := variable.get("fromService"):
            assert (taken["type"], taken["name"]) in parts
        if taken := variable.get("fromDatabase"):
            assert taken["name"] in databases


def test_all_are_in_one_region(either):
    assert {part["region"] for part in (*either["services"], *either.get("databases", ()))} == {"oregon"}


def test_the_database_that_it_shows_is_valid_once_it_is_uncommented():
    before, sentence, shown = (ROOT / "render.yaml").read_text().partition("# Jobs (/api/v1)")
    shown = re.sub(r"^( *)# (?=[ -]*\w+:)", r"\1", shown, flags=re.MULTILINE)
    blueprint = yaml.safe_load(before + sentence + shown)
    jsonschema.validate(blueprint, BLUEPRINT)
    (database,) = blueprint["databases"]
    api = next(service for service in blueprint["services"] if service["name"] == "image-api")
    assert variables(api)["DATABASE_URL"]["fromDatabase"] == {
        "name": database["name"],
        "property": "connectionString",
    }
    assert database["region"] == api["region"]


@pytest.mark.parametrize(
    "change",
    [
        {"env": "docker"},  # the old name of runtime, which the schema does not have
        {"runtime": "flask"},
        {"plan": "hobby"},
        {"region": "europe"},
        {"maxShutdownDelaySeconds": 301},
        {"envVars": [{"key": "SIMULATED", "value": True}]},
        {"envVars": [{"key": "TOKEN", "fromService": {"name": "a", "envVarKey": "TOKEN"}}]},
        {"envVars": [{"key": "TOKEN", "fromService": {"type": "web", "name": "a"}}]},
        {"envVars": [{"key": "TOKEN", "fromDatabase": {"name": "a", "property": "b"}, "sync": False}]},
    ],
    ids=str,
)
def test_the_rules_refuse_what_render_refuses(blueprint, change):
    changed = copy.deepcopy(blueprint)
    changed["services"][0].update(change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, BLUEPRINT)


@pytest.mark.parametrize("name", ["type", "name", "runtime"])
def test_the_rules_want_what_render_wants(blueprint, name):
    del blueprint["services"][0][name]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(blueprint, BLUEPRINT)


def test_it_fits_the_free_plan(blueprint):
    for service in blueprint["services"]:
        assert (service["type"], service["plan"]) == ("web", "free")  # the free plan has no other kind
        assert not {"disk", "numInstances", "scaling", "preDeployCommand"} & service.keys()
    assert "databases" not in blueprint


def test_the_image_s_paths_are_there_seen_from_the_root(either):
    (worker,) = (service for service in servers(either) if service["runtime"] == "docker")
    assert "rootDir" not in worker  # Render's documents contradict each other on how it shifts the other paths
    assert (ROOT / worker["dockerfilePath"]).is_file()
    assert (ROOT / worker["dockerContext"]).is_dir()
    assert not {"buildCommand", "startCommand"} & worker.keys()


def test_the_api_is_built_of_locked_packages(api):
    assert api["runtime"] == "python"
    assert api["buildCommand"] == "pip install --require-hashes -r requirements.txt"
    assert api["startCommand"].startswith("exec ")


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(("port", "bound"), [({}, 10000), ({"PORT": ""}, 10000), ({"PORT": 8080}, 8080)], ids=str)
def test_the_api_binds_a_port_that_is_set_and_logs_no_request(api, shell, port, bound):
    render_s_own = "--preload --access-logfile - --bind=0.0.0.0:10000"
    environment = clean_environment(GUNICORN_CMD_ARGS=render_s_own, **port)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = [shell, "-c", f"{api['startCommand']} --print-config"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found = dict(re.findall(r"^(bind|accesslog) +=(.*)$", done.stdout, re.MULTILINE))
    assert found == {"bind": f" ['0.0.0.0:{bound}']", "accesslog": " None"}


def test_health_checks_ask_for_what_is_there(worker, api, tmp_path):
    apps = {
        "perchance-worker": create_worker(WorkerSettings(local_storage_dir=tmp_path)),
        "image-api": create_api(ApiSettings()),
    }
    for service in (worker, api):
        rules = [rule.rule for rule in apps[service["name"]].url_map.iter_rules()]
        assert service["healthCheckPath"] in rules


def test_the_secret_is_made_once_and_copied(worker, api):
    assert variables(worker)["WORKER_TOKEN"] == {"key": "WORKER_TOKEN", "generateValue": True}
    copied = variables(api)["WORKER_TOKEN"]["fromService"]
    assert copied == {"type": "web", "name": "perchance-worker", "envVarKey": "WORKER_TOKEN"}


def test_the_worker_s_public_address_is_wired(api):
    # Its private one (property: hostport) would reach no free web service, and its public one is no constant.
    wired = variables(api)["PERCHANCE_WORKER_URL"]["fromService"]
    assert wired == {"type": "web", "name": "perchance-worker", "envVarKey": "RENDER_EXTERNAL_URL"}
    uncommented = "\n".join(line.split("#")[0] for line in (ROOT / "render.yaml").read_text().splitlines())
    assert "onrender.com" not in uncommented


def test_clients_are_told_apart_behind_what_stands_before_it(api, monkeypatch):
    value = variables(api)["TRUSTED_PROXIES"]["value"]
    assert value == "private,cloudflare"
    monkeypatch.setenv("TRUSTED_PROXIES", value)
    assert ApiSettings().trusted_proxies == ("private", "cloudflare")
    seen: dict = {}
    proxies = TrustedProxies(lambda environ, _: seen.update(environ) or [], ApiSettings().trusted_proxies)
    came = {"REMOTE_ADDR": "10.201.4.7", "HTTP_X_FORWARDED_FOR": "198.51.100.7, 172.68.1.1"}
    proxies({**came, "HTTP_X_FORWARDED_PROTO": "https"}, lambda *_: None)
    assert (seen[CLIENT_ADDRESS], seen["wsgi.url_scheme"]) == ("198.51.100.7", "https")


def test_it_asks_for_nothing(blueprint):
    # Imgur gives out no ids any more; the guide tells holders of an old one where to put it.
    for service in blueprint["services"]:
        assert not [name for name, variable in variables(service).items() if "sync" in variable]


def test_no_secret_is_written_down(either):
    for service in either["services"]:
        for name, variable in variables(service).items():
            assert name not in SECRETS or "value" not in variable


def test_the_python_version_is_whole(api):
    version = str(variables(api)["PYTHON_VERSION"]["value"])
    assert [part.isdigit() for part in version.split(".")] == [True] * 3
    assert version.startswith("3.11.")  # what the tests run on


def test_only_what_exists_is_set(either):
    render_s_own = {"PYTHON_VERSION", "EXTRAS"}  # the latter goes to the image's build, as its argument
    for service in servers(either):
        known = {name.upper() for name in SETTINGS[service["name"]].model_fields} | render_s_own
        assert variables(service).keys() <= known


@pytest.mark.parametrize("file", ["gunicorn.conf.py", "render_worker/gunicorn.conf.py"])
def test_a_stop_is_over_before_render_kills_and_one_process_is_one(file):
    script = f"import json, runpy; it = runpy.run_path({file!r}); print(json.dumps([it[name] for name in {SHOWN}]))"
    environment = clean_environment(WEB_CONCURRENCY=4)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=True)
    graceful_timeout, workers = json.loads(done.stdout)
    assert graceful_timeout < SHUTDOWN_SECONDS
    assert workers == 1
