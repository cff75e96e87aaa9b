"""The guide's examples of several render workers fit render.yaml and compose.yaml."""

import re
from pathlib import Path

import jsonschema
import yaml

from image_api.settings import Settings
from tests.repo.blueprint_rules import BLUEPRINT

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "DEPLOYMENT_GUIDE.md").read_text()
SECTION = GUIDE.split("\n## Several render workers\n")[1].split("\n## ")[0]
FOR_RENDER, FOR_COMPOSE = (yaml.safe_load(it) for it in re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL))


def test_the_second_service_is_the_first_by_another_name():
    blueprint = yaml.safe_load((ROOT / "render.yaml").read_text())
    first = next(it for it in blueprint["services"] if it["name"] == "perchance-worker")
    (second,) = FOR_RENDER
    assert {**second, "name": first["name"], "envVars": first["envVars"]} == first
    token = {"type": "web", "name": first["name"], "envVarKey": "WORKER_TOKEN"}
    assert second["envVars"] == [{"key": "WORKER_TOKEN", "fromService": token}, *first["envVars"][1:]]
    jsonschema.validate({**blueprint, "services": [*blueprint["services"], second]}, BLUEPRINT)


def test_the_second_container_has_volumes_of_its_own_where_the_first_has_its():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    second = FOR_COMPOSE["services"]["render-worker-2"]
    assert second["extends"] == {"file": "compose.yaml", "service": "render-worker"}
    first = [it.partition(":") for it in compose["services"]["render-worker"]["volumes"]]
    assert [it.partition(":")[2] for it in second["volumes"]] == [path for _, _, path in first]
    assert {it.partition(":")[0] for it in second["volumes"]} == FOR_COMPOSE["volumes"].keys()
    assert not FOR_COMPOSE["volumes"].keys() & compose["volumes"].keys()


def test_the_addresses_are_those_of_the_services():
    named = FOR_COMPOSE["services"]["image-api"]["environment"]["PERCHANCE_WORKER_URL"]
    assert Settings(perchance_worker_url=named).worker_urls == (
        "http://render-worker:8001",
        "http://render-worker-2:8001",
    )
