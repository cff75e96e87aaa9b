"""The render worker's views, its token and its responses."""

import io

import pytest
from PIL import Image

from render_worker.engines.sketch.engine import SketchEngine
from render_worker.errors import EngineError

SKETCH = {"prompt": "a lighthouse at night", "model": "sketch", "seed": 7, "shape": "landscape"}


def test_it_works(client):
    result = client.post("/generate", json=SKETCH).json
    assert (result["success"], result["engine"], result["seed"]) == (True, "sketch", 7)
    with client.get(result["image_url"]) as answer:
        assert answer.headers["Content-Type"] == "image/png"
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["ETag"] == f'"{result["sha256"]}"'
        assert Image.open(io.BytesIO(answer.data)).size == (768, 512)


@pytest.mark.parametrize(("output_format", "ending"), [("jpeg", ".jpg"), ("webp", ".webp")])
def test_other_formats_are_served_as_what_they_are(client, output_format, ending):
    result = client.post("/generate", json={**SKETCH, "output_format": output_format}).json
    assert result["image_url"] == f"/images/{result['sha256']}{ending}"
    with client.get(result["image_url"]) as answer:
        assert answer.headers["Content-Type"] == result["content_type"] == f"image/{output_format}"
        assert answer.headers["ETag"] == f'"{result["sha256"]}"'
        image = Image.open(io.BytesIO(answer.data))
        assert (image.format, image.size, len(answer.data)) == (output_format.upper(), (768, 512), result["bytes"])


def test_the_quality_of_a_file_can_be_chosen(client):
    sizes = [
        client.post("/generate", json={**SKETCH, "output_format": "webp", "output_compression": quality}).json["bytes"]
        for quality in (0, 50, 100)
    ]
    assert sizes[0] < sizes[1] / 2 < sizes[2] / 4
    refused = client.post("/generate", json={**SKETCH, "output_compression": 50})
    assert (refused.status_code, refused.json["code"]) == (400, "invalid_parameter")


def test_an_unchanged_picture_is_not_sent_again(client):
    result = client.post("/generate", json=SKETCH).json
    with client.get(result["image_url"], headers={"If-None-Match": f'"{result["sha256"]}"'}) as answer:
        assert (answer.status_code, answer.data) == (304, b"")


@pytest.mark.parametrize("body", [{}, {"prompt": "a", "nonsense": 1}, {"prompt": "a", "timeout_seconds": 0}])
def test_a_bad_request_is_refused_by_name(client, body):
    answer = client.post("/generate", json=body)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", ".new-abc", "a" * 64 + ".png", "a" * 64 + ".png%00", "a" * 64 + ".gif"]
)
def test_no_other_file_can_be_had(client, name):
    answer = client.get(f"/images/{name}")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_models_are_listed(client):
    names = {model["name"]: model["answers_auto"] for model in client.get("/models").json["models"]}
    assert names == {"perchance": True, "sketch": False}


def test_health_shows_the_state(client):
    health = client.get("/health").json
    assert health["status"] == "starting"
    assert health["queue"] == {"running": 0, "waiting": 0, "max_concurrency": 4, "queue_size": 20}
    assert health["engines"]["sketch"]["state"] == "ready"
    assert health["warnings"] == []


def test_failures_are_remembered_newest_first(client, monkeypatch):
    async def fail(self, recipe, report):
        raise EngineError(f"No {recipe.prompt}.")

    monkeypatch.setattr(SketchEngine, "generate", fail)
    for number in range(12):
        answer = client.post("/generate", json={"prompt": f"tree {number}", "model": "sketch", "request_id": "abc"})
        assert (answer.status_code, answer.json["code"], answer.json["request_id"]) == (502, "engine_failed", "abc")
    errors = client.get("/health").json["last_errors"]
    assert len(errors) == 10
    assert (errors[0]["error"], errors[0]["request_id"]) == ("No tree 11.", "abc")


def test_an_unforeseen_error_is_answered_without_details(client, monkeypatch):
    async def fail(self, recipe, report):
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(SketchEngine, "generate", fail)
    answer = client.post("/generate", json=SKETCH)
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


class TestToken:
    @pytest.mark.parametrize("given", [None, "", "Bearer wrong", "Bearer", "secret", "Bearer ünlaut", "bearer secret"])
    @pytest.mark.parametrize("path", ["/models", "/images/" + "a" * 64 + ".png", "/nowhere"])
    def test_without_it_every_request_is_refused(self, client_with, given, path):
        headers = {} if given is None else {"Authorization": given}
        answer = client_with(worker_token="secret").get(path, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")

    def test_without_it_nothing_is_generated(self, client_with):
        assert client_with(worker_token="secret").post("/generate", json=SKETCH).status_code == 401

    def test_with_it_everything_is_open(self, client_with):
        client = client_with(worker_token="secret")
        assert client.get("/models", headers={"Authorization": "Bearer secret"}).status_code == 200

    def test_health_is_open_and_does_not_show_it(self, client_with):
        answer = client_with(worker_token="secret").get("/health")
        assert answer.status_code == 200
        assert "secret" not in answer.text

    @pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.5", "::"])
    def test_its_absence_beyond_loopback_is_warned_of(self, client_with, host, caplog):
        client_with(hosts=("127.0.0.1", host))
        assert "WORKER_TOKEN is not set" in caplog.text

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "/run/worker.sock"])
    def test_on_loopback_it_is_not_missed(self, client_with, host):
        assert client_with(hosts=(host,)).get("/health").json["warnings"] == []
