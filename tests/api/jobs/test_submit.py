"""POST /api/v1/generate: a request becomes a job, which is made; what is invalid becomes none."""

import base64
import io
import json
from uuid import UUID

import pytest

from image_api.generation.options import GenerationOptions
from image_api.sent_images import MAX_BYTES
from image_api.services import services_of
from tests.api.conftest import NAME, PICTURE, RESULT
from tests.api.jobs.conftest import ended
from tests.api.pictures import PNG

URL = "/api/v1/generate"
MANY_PARTS = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 10_000 + b"--x--\r\n"


def listed(client) -> list[dict]:
    return client.get("/api/v1/jobs").json["jobs"]


def test_it_works(both, worker):
    answer = both.post(URL, json={"prompt": " a tree ", "seed": 7})
    job = answer.json
    assert (answer.status_code, job["status"], job["prompt"], job["n"]) == (202, "pending", "a tree", 1)
    assert answer.headers["Location"] == job["links"]["status"] == f"http://localhost/api/v1/status/{job['job_id']}"
    assert (int(answer.headers["Retry-After"]), answer.headers["Cache-Control"]) == (2, "no-store")
    assert "Idempotency-Replayed" not in answer.headers
    assert "Preference-Applied" not in answer.headers
    made = ended(both, job["job_id"])
    assert (made["status"], made["attempts"], len(made["images"])) == ("completed", 1, 1)
    assert made["images"][0]["image_url"].endswith(NAME)
    assert made["images"][0]["index"] == 0
    assert {"seed", "engine", "width", "model", "prompt"} <= made["images"][0].keys()
    assert made["created_at"] <= made["started_at"] <= made["completed_at"]
    [asked] = worker.asked_to_make()
    assert (asked["prompt"], asked["seed"]) == ("a tree", 7)


def test_several_pictures_of_a_style_and_a_size_are_made_as_generate_makes_them(both, worker):
    fields = {"prompt": "a tree", "n": 2, "seed": 40, "style": "anime", "size": "512x768", "guidance_scale": "8"}
    made = ended(both, both.post(URL, json=fields).json["job_id"])
    by_job = sorted(worker.asked_to_make(), key=lambda it: it["seed"])
    worker.requests.clear()
    assert both.post("/generate?", json={**fields, "cache": False}).status_code == 200
    at_once = sorted(worker.asked_to_make(), key=lambda it: it["seed"])
    own = {"request_id", "timeout_seconds"}
    assert [{**it, **dict.fromkeys(own)} for it in by_job] == [{**it, **dict.fromkeys(own)} for it in at_once]
    assert ([it["index"] for it in made["images"]], made["n"]) == ([0, 1], 2)


@pytest.mark.parametrize("form", [True, False], ids=["form", "json"])
def test_an_image_is_kept_with_the_job_and_its_room_given_back(both, worker, form):
    memory = services_of(both.application).image_memory
    if form:
        sent = {"data": {"prompt": "a tree", "strength": "0.4", "image": (io.BytesIO(PNG), "a.png")}}
    else:
        sent = {"json": {"prompt": "a tree", "strength": 0.4, "image": base64.b64encode(PNG).decode()}}
    answer = both.post(URL, **sent)
    assert answer.status_code == 202, answer.text
    answer.close()
    made = ended(both, answer.json["job_id"])
    assert made["status"] == "completed", made
    assert worker.sent_images() == [PNG]
    assert worker.asked_to_make()[0]["strength"] == 0.4
    assert memory.left == MAX_BYTES


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"prompt": ""}, "prompt is required"),
        ({"prompt": "a\x00b"}, "prompt must be"),
        ({"prompt": "\ud800"}, "prompt must be"),
        ({"seed": "x"}, "seed must be"),
        ({"seed": "٣"}, "seed must be"),
        ({"n": 11}, "n must be"),
        ({"n": 1e9}, "n must be"),
        ({"width": 500, "height": 500}, "width must be"),
        ({"size": "512x512", "width": 512}, "width must be left out"),
        ({"strength": 0.5}, "strength goes with image only"),
        ({"image": "bm8gcGljdHVyZQ=="}, "image must be"),
        ({"within": 5, "model": "sketch"}, "within only goes with model=auto"),
        ({"prefer": "free", "model": "sketch"}, "prefer only goes with model=auto"),
        ({"format": "image"}, "format must be json"),
        ({"format": "redirect"}, "format must be json"),
        ({"response_format": "b64_json"}, "response_format must be url"),
        ({"previews": True}, "previews must be false"),
        ({"webhook_url": "https://client.example/hook"}, "webhook_url cannot be honoured"),
        ({"webhook_url": 7}, "webhook_url must be"),
        ({"webhook": "https://client.example/hook"}, '"webhook" is not a parameter here; webhook_url is its name'),
        ({"idempotency_key": "x"}, '"idempotency_key" is not a parameter here; it is a header'),
        ({"nothing": 1}, '"nothing" is not a parameter here; known are'),
    ],
    ids=str,
)
def test_what_is_invalid_is_refused_by_name_and_no_job(client, worker, fields, sentence):
    answer = client.post(URL, json={"prompt": "a tree", **fields})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert sentence in answer.json["error"]
    assert listed(client) == worker.requests == []


@pytest.mark.parametrize("fields", [{"format": "json"}, {"response_format": "url"}, {"previews": False}])
def test_what_changes_nothing_is_taken(submit, fields):
    assert submit(**fields).status_code == 202


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": "{" + " " * 70_000}, 413),
        ({"data": "prompt=a", "content_type": "application/x-www-form-urlencoded"}, 400),
        ({"data": b"\xff\xfe{"}, 400),
        ({"data": "[]"}, 400),
        ({"data": json.dumps({f"field{number}": 1 for number in range(10_000)})}, 413),
        ({"query_string": "prompt=a", "json": {"prompt": "a"}}, 400),
        ({"data": MANY_PARTS, "content_type": "multipart/form-data; boundary=x"}, 413),
    ],
)
def test_a_body_that_is_none_is_refused_as_generate_refuses_it(client, sent, status):
    answers = [client.post(url, **sent) for url in (URL, "/generate")]
    assert [it.status_code for it in answers] == [status, status]
    assert answers[0].json["code"] == answers[1].json["code"]
    assert listed(client) == []


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"User-Agent": "Twitterbot/1.0"}, 503),
        ("POST", {"Sec-Purpose": "prefetch"}, 503),
        ("HEAD", {}, 405),
        ("GET", {}, 405),
    ],
)
def test_what_is_no_client_s_wish_makes_no_job(client, method, headers, status):
    assert client.open(URL, method=method, json={"prompt": "a"}, headers=headers).status_code == status
    assert listed(client) == []


def test_the_database_is_made_by_the_first_job_alone(client_with, tmp_path):
    client = client_with()
    client.get("/generate?prompt=a")
    client.post(URL, json={"prompt": ""})
    client.get("/api/v1/status/nothing")
    client.delete("/api/v1/jobs/nothing")
    assert list(tmp_path.glob("jobs.db*")) == []
    client.post(URL, json={"prompt": "a"})
    assert list(tmp_path.glob("jobs.db"))


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "a\n\ttree 🌳"},
        {"size": "512x768", "n": 3, "seed": 5},
        {"aspect_ratio": "16:9", "negative_prompt": "b", "style": "watercolor"},
        {"width": 512, "aspect_ratio": "1:2"},
        {"shape": "portrait", "output_format": "webp", "output_compression": 80, "guidance_scale": 0},
        {"within": 60, "prefer": "free", "cache": False},
    ],
)
def test_the_options_are_stored_as_they_were_understood(client, fields):
    given = {"prompt": "a tree", **fields}
    job_id = client.post(URL, json=given).json["job_id"]
    job = services_of(client.application).jobs.get(UUID(job_id))
    expected = GenerationOptions.parse_json(json.dumps(given).encode())
    assert GenerationOptions.model_validate(dict(job.request)) == expected


def test_base_urls_are_those_by_which_clients_reach_the_service(client_with):
    client = client_with(public_base_url="https://pictures.example/app/", api_v1_prefix="/jobs/v1")
    answer = client.post("/jobs/v1/generate", json={"prompt": "a"})
    assert answer.headers["Location"].startswith("https://pictures.example/app/jobs/v1/status/")
    assert client.get("/", headers={"Accept": "application/json"}).json["endpoints"]["GET /jobs/v1/jobs"]


def test_the_picture_s_bytes_are_at_the_address(client, worker, submit):
    worker.say(200, {**RESULT, "image_url": f"/images/{NAME}"})
    worker.say_to("/images/", 200, PICTURE)
    [image] = ended(client, submit().json["job_id"])["images"]
    assert image["image_url"] == f"http://localhost/images/{NAME}"
    assert client.get(image["image_url"]).data == PICTURE
