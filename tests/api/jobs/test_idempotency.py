"""Idempotency-Key: a request that is sent again gets the job that the first one made."""

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.pictures import JPEG, PNG

URL = "/api/v1/generate"
KEYED = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


def sent(client, body=None, headers=KEYED, url=URL):
    return client.post(url, json=body or {"prompt": "a tree"}, headers=headers)


def test_it_works(both):
    first = sent(both, {"prompt": "a tree", "seed": 7, "n": 2})
    again = sent(both, {"n": "2", "seed": 7.0, "prompt": " a tree ", "utm_source": "x", "style": None})
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json["job_id"] == first.json["job_id"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    other = sent(both, {"prompt": "a tree", "seed": 8, "n": 2})
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert len(both.get("/api/v1/jobs").json["jobs"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        *({"prompt": "another"}, {"seed": 1}, {"n": 1}, {"size": "512x512"}, {"model": "sketch"}, {"cache": False}),
        *({"within": 9}, {"prefer": "fast"}, {"style": "anime"}, {"output_format": "webp"}, {"negative_prompt": "b"}),
    ],
    ids=str,
)
def test_each_option_makes_another_request(client, change):
    sent(client)
    assert sent(client, {"prompt": "a tree", **change}).status_code == 422
    assert sent(client).status_code == 202


def test_an_image_is_the_same_by_its_bytes_however_it_is_sent(client):
    def form(image):
        data = {"prompt": "a tree", "image": (io.BytesIO(image), "any.png")}
        return client.post(URL, data=data, headers=KEYED)

    first = form(PNG)
    body = {"image": f"data:image/png;base64,{base64.b64encode(PNG).decode()}", "prompt": "a tree"}
    assert sent(client, body).json["job_id"] == first.json["job_id"]
    assert [form(JPEG).status_code, sent(client).status_code] == [422, 422]


def test_it_works_by_each_way_to_submit(client):
    first = sent(client)
    prefers = {**KEYED, "Prefer": "respond-async"}
    by_post = sent(client, headers=prefers, url="/generate")
    by_get = client.get("/generate?prompt=a%20tree", headers=prefers)
    assert {by_post.json["job_id"], by_get.json["job_id"]} == {first.json["job_id"]}
    assert by_get.headers["Idempotency-Replayed"] == "true"


def test_quotation_marks_are_no_part_of_a_key(client):
    plain, quoted = ({"Idempotency-Key": key} for key in ("k", '"k"'))
    assert sent(client, headers=plain).json["job_id"] == sent(client, headers=quoted).json["job_id"]


@pytest.mark.parametrize("key", ["", '""', " ", "x" * 256, "a b", "a\tb", "ключ", "\x7f", "é", "a,a", "a, a", "\u0663"])
def test_an_invalid_key_is_refused_by_name(client, key):
    raw = key.encode().decode("latin-1")
    answer = client.post(URL, json={"prompt": "a"}, environ_overrides={"HTTP_IDEMPOTENCY_KEY": raw})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert answer.json["error"].startswith("Idempotency-Key must be")
    assert client.get("/api/v1/jobs").json["jobs"] == []


@pytest.mark.parametrize("key", ["x" * 255, "!", "~", "-", '"', "a:b;c=d{}", "0"])
def test_any_other_key_is_taken(client, key):
    first, again = (sent(client, headers={"Idempotency-Key": key}) for _ in range(2))
    assert (first.status_code, again.json["job_id"]) == (202, first.json["job_id"])


def test_a_key_is_its_client_s_own(client):
    first = sent(client)
    other = client.post(URL, json={"prompt": "b"}, headers=KEYED, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert other.status_code == 202
    assert other.json["job_id"] != first.json["job_id"]


def test_a_key_holds_after_a_restart_also_for_other_machines(client_with):
    far = {"REMOTE_ADDR": "203.0.113.9"}
    ids = {
        client_with().post(URL, json={"prompt": "a"}, headers=KEYED, environ_overrides=far).json["job_id"]
        for _ in range(2)
    }
    assert len(ids) == 1


def test_of_requests_at_once_one_makes_the_job(both):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sent(both.application.test_client()), range(8)))
    assert {it.status_code for it in answers} == {202}
    assert len({json.loads(it.data)["job_id"] for it in answers}) == 1
    assert sum("Idempotency-Replayed" not in it.headers for it in answers) == 1
