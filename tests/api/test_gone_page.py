"""A picture that is gone for good: a page for a browser's address bar, JSON for every other client."""

import pytest

from tests.api.conftest import NAME

ADDRESS_BAR = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
DELETED = {"success": False, "error": "This picture was deleted by the operator.", "code": "picture_deleted"}


@pytest.fixture(params=[404, 410])
def gone(request, client, worker):
    worker.say_to("/images/", request.param, DELETED if request.param == 410 else b"{}")
    worker.say_to("/recipes/", 404, b"{}")
    return client, request.param


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": ADDRESS_BAR},
        {"Accept": ADDRESS_BAR, "Sec-Fetch-Dest": "document"},
        {"Accept": "text/html"},
        {"Accept": "TEXT/HTML, */*;q=0.1"},
    ],
)
def test_an_address_bar_gets_a_page(gone, headers):
    client, status = gone
    answer = client.get(f"/images/{NAME}", headers=headers)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert ("deleted by the operator" if status == 410 else "cannot make it again") in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert {"Accept", "Sec-Fetch-Dest"} <= {it.strip() for it in answer.headers["Vary"].split(",")}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept": "*/*"},
        {"Accept": "application/json"},
        {"Accept": "application/json, text/html;q=0.5"},
        {"Accept": "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"},
        {"Accept": ADDRESS_BAR, "Sec-Fetch-Dest": "image"},
        {"Accept": "nonsense"},
    ],
)
def test_every_other_client_gets_json(gone, headers):
    client, status = gone
    answer = client.get(f"/images/{NAME}", headers=headers)
    assert (answer.status_code, answer.json["code"]) == (status, "not_found" if status == 404 else "picture_deleted")
    sentence = answer.json["error"]
    assert sentence.startswith("There is no picture at this address, or no longer" if status == 404 else "This picture")
    assert {"Accept", "Sec-Fetch-Dest"} <= {it.strip() for it in answer.headers["Vary"].split(",")}


def test_head_has_the_page_s_head(gone):
    client, status = gone
    answer = client.head(f"/images/{NAME}", headers={"Accept": ADDRESS_BAR})
    assert (answer.status_code, answer.mimetype, answer.data) == (status, "text/html", b"")


def test_a_hostile_host_gets_nothing_into_the_page(gone):
    client, _ = gone
    answer = client.get(f"/images/{NAME}", headers={"Accept": ADDRESS_BAR, "Host": 'x"><script>'})
    assert "<script" not in answer.text


def test_a_public_address_is_linked(client_with, worker):
    worker.say_to("/images/", 404, b"{}")
    client = client_with(public_base_url="https://pictures.example/a&b")
    answer = client.get(f"/images/{NAME}", headers={"Accept": ADDRESS_BAR})
    assert '<a href="https://pictures.example/a&amp;b/">' in answer.text


def test_a_name_that_no_picture_has_is_not_found_as_ever(client):
    answer = client.get("/images/x.png", headers={"Accept": ADDRESS_BAR})
    assert (answer.status_code, answer.json["hint"]) == (404, "GET / lists what there is.")


@pytest.mark.parametrize("path", ["/nothere", "/pictures/of/nothing", "/p/none", "/static/none.js"])
def test_an_address_that_is_none_is_a_page_for_people_and_json_for_programs(client, path):
    answer = client.get(path, headers={"Accept": ADDRESS_BAR, "Sec-Fetch-Dest": "document"})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is no page at this address." in answer.text
    for headers in ({}, {"Accept": "*/*"}, {"Accept": ADDRESS_BAR, "Sec-Fetch-Dest": "image"}):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Sec-Fetch-Dest" in answer.headers["Vary"]


def test_an_address_beside_openai_s_is_no_page(client):
    answer = client.get("/v1/nothing", headers={"Accept": ADDRESS_BAR, "Sec-Fetch-Dest": "document"})
    assert (answer.status_code, answer.mimetype) == (404, "application/json")
