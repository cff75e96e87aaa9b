"""DELETE /images/<name>: the operator deletes a picture, and nothing makes it again by its address."""

import pytest

from image_api.dispatch.deletion import OLDER
from image_api.services import services_of
from tests.api.conftest import NAME, RESULT

TOKEN = "a-token-of-the-tests"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
IMAGE = f"/images/{NAME}"
SEEDED = "/generate?prompt=a+tree&seed=7"
GONE = {"error": "This picture was deleted by the operator.", "code": "picture_deleted"}
MISSING = {"error": "There is none.", "code": "not_found"}
BY_HASH = {"error": "Imgur deletes only by a deletehash.", "code": "deletion_unsupported", "success": False}
ELSEWHERE = f"https://pictures.example/a/{NAME}?X-Amz-Signature=1"


@pytest.fixture
def client(client_with):
    return client_with(worker_token=TOKEN)


def deleted(worker) -> list[str]:
    return [path for method, path, _, _ in worker.requests if method == "DELETE"]


def test_it_works(client, worker):
    client.get(SEEDED)
    worker.say_to(IMAGE, 204, b"")
    answer = client.delete(IMAGE, headers=OPERATOR)
    assert (answer.status_code, answer.data) == (204, b"")
    assert deleted(worker) == [IMAGE]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, MISSING, (404, "not_found")),
        (410, GONE, (410, "picture_deleted")),
        (409, BY_HASH, (409, "deletion_unsupported")),
        (502, {"error": "s3: failed.", "code": "storage_failed"}, (502, "storage_failed")),
        (504, {"error": "The storages took longer.", "code": "timeout"}, (504, "timeout")),
        (200, b"<html>", (503, "worker_unavailable")),
        (200, MISSING, (503, "worker_unavailable")),
    ],
    ids=lambda it: it if isinstance(it, int) else "",
)
def test_what_the_worker_says_is_told(client, worker, status, body, expected):
    worker.say_to(IMAGE, status, body)
    answer = client.delete(IMAGE, headers=OPERATOR)
    assert (answer.status_code, answer.json["code"]) == expected


def test_an_older_worker_is_one_that_cannot(client, worker):
    worker.say_to(IMAGE, 405, {"error": "This method is not allowed here.", "code": "method_not_allowed"})
    answer = client.delete(IMAGE, headers=OPERATOR)
    assert (answer.status_code, answer.json["error"]) == (409, OLDER)
    assert "render_worker.delete" in answer.json["hint"]


@pytest.mark.parametrize("status", [204, 404, 410, 502])
@pytest.mark.parametrize("address", [IMAGE, ELSEWHERE], ids=["the folder", "another storage"])
def test_whatever_it_says_the_picture_is_not_returned_or_made_by_its_address(client, worker, status, address):
    worker.say_to("/generate", 200, {**RESULT, "image_url": address})
    client.get(SEEDED)
    worker.say_to("/", status, b"" if status == 204 else {"error": "x", "code": "x"})
    worker.say_to("/generate", 200, RESULT)
    client.delete(IMAGE, headers=OPERATOR)
    generation = services_of(client.application).generation
    assert generation.records.get(NAME) is None
    assert not generation.can_regenerate(address, None)
    assert client.get(SEEDED).headers["X-Cache"] == "MISS"


@pytest.mark.parametrize("name", ["x.png", "a" * 64, "A" * 64 + ".png", "a" * 64 + ".svg", NAME + ".deleted"])
def test_what_is_no_picture_s_name_is_not_there(client, worker, name):
    assert client.delete(f"/images/{name}", headers=OPERATOR).status_code == 404
    assert worker.requests == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer another"}], ids=["no token", "a wrong token"])
def test_it_is_the_operator_s(client, worker, headers):
    answer = client.delete(IMAGE, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert worker.requests == []


def test_without_a_token_of_the_operator_it_is_closed(client_with, worker):
    assert client_with().delete(IMAGE, headers=OPERATOR).status_code == 403
    assert worker.requests == []


def test_a_link_preview_bot_deletes_nothing(client, worker):
    answer = client.delete(IMAGE, headers={**OPERATOR, "User-Agent": "Twitterbot/1.0"})
    assert (answer.status_code, answer.json["code"]) == (503, "speculative_request")
    assert worker.requests == []
