"""/health, /ready, the front page, and URLs that have no view."""

import re

from image_api.generation.options import GenerationOptions
from image_api.web.schemas.sheet import SheetOptions
from tests.api.conftest import RESULT
from tests.api.test_contact_sheet import file_of

WORKER_HEALTH = {
    "status": "ready",
    "ready": True,
    "uptime_seconds": 5,
    "queue": {"running": 0, "waiting": 0, "max_concurrency": 4, "queue_size": 20},
    "engines": {},
    "storage": "local",
    "models": [],  # /ready asks for the models too, because they want the token
}


def test_it_works_without_asking_the_worker(client, worker):
    answer = client.get("/health")
    assert answer.json == {
        "status": "healthy",
        "service": "image-api",
        "version": "0.1.0",
        "worker_configured": True,
        "worker": {"status": "unknown"},
    }
    assert worker.requests == []


def test_health_has_the_worker_s_last_known_state(client, worker, monkeypatch):
    monkeypatch.setattr("image_api.dispatch.coalesced_read.READ_TTL_SECONDS", 0)
    worker.say(200, WORKER_HEALTH)
    client.get("/ready")
    assert client.get("/health").json["worker"]["status"] == "ready"
    worker.close()
    client.get("/ready")
    assert client.get("/health").json["worker"]["status"] == "unreachable"


def test_ready_asks_the_worker(client, worker):
    worker.say(200, WORKER_HEALTH)
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["worker"]["status"]) == (200, "ready")


def test_a_worker_that_is_starting_is_not_ready(client, worker):
    engines = {"perchance": {"state": "starting"}}
    worker.say(200, {**WORKER_HEALTH, "status": "starting", "ready": False, "engines": engines})
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["code"]) == (503, "worker_unavailable")
    assert "perchance is starting" in answer.json["error"]
    assert int(answer.headers["Retry-After"]) > 0


def test_the_front_page_documents_every_parameter(client):
    page = client.get("/", headers={"Host": "pictures.example"}).json
    assert list(page["parameters"]) == [
        "prompt",
        "negative_prompt",
        "seed",
        "guidance_scale",
        "shape",
        "width",
        "height",
        "aspect_ratio",
        "model",
        "output_format",
        "output_compression",
        "image",
        "strength",
        "steps",
        "scheduler",
        "lora_path",
        "lora_scale",
        "format",
        "response_format",
        "size",
        "style",
        "n",
        "previews",
        "cache",
        "within",
        "prefer",
    ]
    assert page["parameters"]["shape"] == {
        "accepts": "one of portrait, landscape, square",
        "default": "square",
        "required": False,
    }
    assert page["examples"]["picture"].startswith("curl -s 'http://pictures.example/generate?")


def test_the_documentation_has_an_example_of_each_parameter(client):
    examples = client.get("/").json["examples"]
    shown = set(re.findall(r"[?&](\w+)=", examples["all parameters"]))
    assert shown == GenerationOptions.public_fields().keys() - {"size", "image", "strength"}
    others = {name for text in examples.values() for name in re.findall(r"(?:[?&]|-F )(\w+)=", text)}
    assert others == SheetOptions.public_fields().keys() | GenerationOptions.public_fields().keys()


def test_the_documentation_s_examples_are_valid(client, worker):
    worker.say(200, RESULT)
    worker.say_to("/images/", 200, file_of(64, 64))
    addresses = re.findall(r"http://[^'\"]+[?][^'\"]+", "\n".join(client.get("/").json["examples"].values()))
    assert len(addresses) == 10
    for address in addresses:
        assert client.get(address).status_code in (200, 302), address


def test_simulation_marks_every_response(client_with, worker):
    client = client_with(simulated=True)
    worker.say(200, RESULT)
    for path in ("/", "/health", "/generate?prompt=a", "/generate", "/nowhere", "/images/x"):
        assert client.get(path).json["simulated"] is True, path


def test_an_unknown_url_has_the_common_error_format(client):
    answer = client.get("/nowhere")
    assert (answer.status_code, answer.json["code"], answer.json["success"]) == (404, "not_found", False)


def test_an_unexpected_error_reveals_no_details(client, worker, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr("image_api.routes.health.ApiHealth", fail)
    answer = client.get("/health")
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


def test_a_degraded_worker_is_ready(client, worker):
    worker.say(200, {**WORKER_HEALTH, "status": "degraded", "reasons": ["imgur: rate-limited"]})
    assert client.get("/ready").status_code == 200


def test_the_styled_family_has_a_health_of_its_own(client, worker):
    assert client.get("/v1/health").json == {"status": "ok"}
    assert client.head("/v1/health").headers["Content-Length"] == str(len(client.get("/v1/health").data))
    refused = client.post("/v1/health")
    assert (refused.status_code, refused.json["status"], refused.json["code"]) == (405, "error", "method_not_allowed")
    assert client.get("/v1/health/x").json["status"] == "error"
    assert "GET /v1/health" in client.get("/").json["endpoints"]
    assert worker.requests == []
