"""render.paid.yaml: what it has besides render.yaml, and what of that its parts need of each other."""

import re
import subprocess
import sys

import jsonschema
import pytest
import yaml

from tests.fakes.processes import clean_environment
from tests.repo.blueprint_rules import BLUEPRINT
from tests.repo.test_blueprint import ROOT, variables
from tests.repo.test_compose import SERVICES as COMPOSED

SETTINGS = "import sys; from {} import load; load()"
REDIS_URL = "redis://red-d1e2f3:6379"
GIVEN = {
    "REDIS_URL": REDIS_URL,
    "DATABASE_URL": "postgres://jobs:secret@dpg-d1e2f3-a/jobs",
    "CLOUDINARY_URL": "cloudinary://key:secret@cloud",
    "WORKER_TOKEN": "q83vEjRWeJA/+w==",
}
"""What Render, or its user, gives for the variables whose value is not written down."""


@pytest.fixture
def paid():
    return yaml.safe_load((ROOT / "render.paid.yaml").read_text())


def service(blueprint: dict, name: str) -> dict:
    return next(it for it in blueprint["services"] if it["name"] == name)


def environment(server: dict) -> dict[str, str]:
    """Return what Render sets in a service."""
    return {name: str(it.get("value", GIVEN.get(name))) for name, it in variables(server).items()}


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (0, {"maxmemoryPolicy": "allkeys-fifo"}),
        (0, {"runtime": "docker"}),
        (0, {"envVars": []}),
        (1, {"type": "background"}),
        (1, {"numInstances": 0}),
        (1, {"maxmemoryPolicy": "noeviction"}),
        (2, {"ipAllowList": ["10.0.0.0/8"]}),
    ],
    ids=str,
)
def test_the_rules_refuse_what_render_refuses(paid, number, change):
    paid["services"][number].update(change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(paid, BLUEPRINT)


@pytest.mark.parametrize("name", ["type", "name", "ipAllowList"])
def test_the_rules_want_what_render_wants_of_a_key_value(paid, name):
    del paid["services"][0][name]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(paid, BLUEPRINT)


@pytest.mark.parametrize("change", [{"runtime": "python"}, {"plan": "hobby"}, {"ipAllowList": [{}]}], ids=str)
def test_the_rules_refuse_what_render_refuses_of_a_database(paid, change):
    paid["databases"][0].update(change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(paid, BLUEPRINT)


def test_nothing_of_it_is_lost_with_an_instance(paid):
    assert "free" not in {part["plan"] for part in (*paid["services"], *paid["databases"])}
    assert service(paid, "image-api-queue")["maxmemoryPolicy"] == "noeviction"


def test_redis_and_postgresql_are_reachable_from_inside_alone(paid):
    assert service(paid, "image-api-queue")["ipAllowList"] == paid["databases"][0]["ipAllowList"] == []


def test_the_api_is_the_free_plan_s_but_for_how_pictures_are_asked_for(paid):
    free = service(yaml.safe_load((ROOT / "render.yaml").read_text()), "image-api")
    api = service(paid, "image-api")
    differing = {"plan", "envVars"}
    assert {name: it for name, it in api.items() if name not in differing} == {
        name: it for name, it in free.items() if name not in differing
    }
    for name in ("PYTHON_VERSION", "TRUSTED_PROXIES"):
        assert variables(api)[name] == variables(free)[name]


def test_celery_workers_are_the_free_plan_s_image_with_another_command(paid):
    free = service(yaml.safe_load((ROOT / "render.yaml").read_text()), "perchance-worker")
    worker = service(paid, "celery-worker")
    assert worker["type"] == "worker"
    for name in ("runtime", "region", "dockerfilePath", "dockerContext", "buildFilter"):
        assert worker[name] == free[name]
    assert worker["dockerCommand"].split() == COMPOSED["celery-worker"]["command"]
    assert worker["numInstances"] > 1
    assert "healthCheckPath" not in worker  # a background worker has no port


def test_the_image_of_a_celery_worker_is_built_with_the_queue_s_packages(paid):
    extras = variables(service(paid, "celery-worker"))["EXTRAS"]["value"].split()
    assert {"celery", "redis"} <= set(extras)
    assert all((ROOT / f"render_worker/requirements-{name}.txt").is_file() for name in extras)
    assert re.search(r'^ARG EXTRAS=""$', (ROOT / "render_worker/Dockerfile").read_text(), re.MULTILINE)


def test_both_tiers_use_one_redis(paid):
    queue = {"type": "keyvalue", "name": "image-api-queue", "property": "connectionString"}
    for name in ("celery-worker", "image-api"):
        assert variables(service(paid, name))["REDIS_URL"]["fromService"] == queue


@pytest.mark.parametrize(
    ("name", "module"), [("celery-worker", "render_worker.settings"), ("image-api", "image_api.settings")]
)
def test_each_tier_takes_what_is_set(paid, name, module):
    command = [sys.executable, "-c", SETTINGS.format(module)]
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(**environment(service(paid, name))), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_pictures_go_where_every_client_finds_them(paid):
    # A disk of Render's belongs to one instance, and nothing serves what is on a background worker's.
    assert "local" not in variables(service(paid, "celery-worker"))["STORAGE"]["value"].split(",")


def test_it_asks_for_the_account_of_the_storage_alone(paid):
    asked = [name for it in paid["services"] for name, variable in variables(it).items() if "sync" in variable]
    assert asked == ["CLOUDINARY_URL"]
