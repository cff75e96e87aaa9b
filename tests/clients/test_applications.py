"""Requests of known applications, sent as they send them; what is asserted is what they read of the response."""

import pytest
import requests

from tests.clients.applications import BEARER, GENERATIONS, UPLOADS, Generation, Upload
from tests.clients.conftest import MODELS, bytes_of, picture_of


def named(request: Generation | Upload) -> str:
    """Return an application's name for a test's."""
    return request.source.split(":")[0].split("/")[1]


@pytest.mark.parametrize("request_", GENERATIONS, ids=named)
def test_an_application_gets_its_pictures(base, request_):
    response = requests.post(
        f"{base}/images/generations{request_.query}", json=request_.body, headers=request_.headers, timeout=60
    )
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/json"
    items = response.json()["data"]
    assert len(items) == request_.body.get("n", 1)
    assert all(item[request_.reads] for item in items)
    assert all(picture_of(item, request_.headers) for item in items)  # Open WebUI repeats its headers


@pytest.mark.parametrize("request_", UPLOADS, ids=named)
def test_an_upload_is_refused_in_openai_s_words(base, photo, request_):
    files = [(name, (f"{name}.png", bytes_of(photo), "image/png")) for name in request_.files]
    address = f"{base}{request_.path}{request_.query}"
    form = requests.Request("POST", address, request_.headers, files, request_.fields).prepare()
    body = iter([form.body]) if request_.chunked else form.body
    headers = {**request_.headers, "Content-Type": form.headers["Content-Type"]}
    response = requests.post(address, data=body, headers=headers, timeout=60)
    assert response.status_code == 400
    error = response.json()["error"]
    of_one = len(request_.files) == 1 and "edits" in request_.path
    said = ("invalid_parameter", "image cannot") if of_one else ("unsupported", "No engine he")
    assert (error["type"], error["code"], error["message"][:12]) == ("invalid_request_error", *said)


def test_a_connection_is_checked_by_the_list_of_models(base):
    """Home Assistant, n8n and Open WebUI do when their user enters a key."""
    response = requests.get(f"{base}/models", headers=BEARER, timeout=10)
    assert [model["id"] for model in response.json()["data"]] == MODELS
