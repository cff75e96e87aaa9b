"""What is the operator's alone: by WORKER_TOKEN, or as an account that ADMIN_ACCOUNTS names."""

import pytest
from flask import Blueprint

from image_api.web.access import require_admin
from tests.api.auth.conftest import ANN, OPERATOR, OPERATORS_TOKEN, ZOE, bearer
from tests.api.conftest import NAME
from tests.api.test_disclosure import HEALTH, MODELS, SECRET

STRANGER = bearer("hf_unknown_zoe")


def admins_view(client):
    """Add an address that is for admins alone, and return the client."""
    routes = Blueprint("of_admins", __name__)

    @routes.post("/of-admins")
    def view():
        require_admin()
        return "done"

    client.application.register_blueprint(routes)
    return client


def status(client, headers) -> int:
    return admins_view(client).post("/of-admins", headers=headers).status_code


@pytest.mark.parametrize("headers", [OPERATOR, ZOE, bearer("hf_read_zoe"), bearer("hf_read_ZOE")], ids=str)
def test_admins_may(client, headers):
    assert status(client, headers) == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [(ANN, 403), (bearer("hf_org_zoe"), 403), (bearer("hf_app_zoe"), 403), (STRANGER, 401), ({}, 401)],
    ids=str,
)
def test_others_may_not(client, headers, expected):
    assert status(client, headers) == expected


ADMINS_OWN = ["models/load", "loras/load", "loras/unload"]


@pytest.mark.parametrize("path", [f"{prefix}/{it}" for prefix in ("/v1", "/api/v1") for it in ADMINS_OWN])
@pytest.mark.parametrize(("headers", "expected"), [({}, 401), (STRANGER, 401), (ANN, 403)], ids=["none", "odd", "user"])
def test_models_and_loras_are_loaded_by_admins_alone(client, worker, path, headers, expected):
    assert client.post(path, json={"model_id": "sd-1-5"}, headers=headers).status_code == expected
    assert worker.requests == []
    for admin in (OPERATOR, ZOE):
        assert client.post(path, json={"model_id": "sd-1-5"}, headers=admin).status_code not in (401, 403)


@pytest.mark.parametrize(("headers", "expected"), [({}, 401), (STRANGER, 401), (ANN, 403)], ids=["none", "odd", "user"])
def test_pictures_are_deleted_by_admins_alone(client, worker, headers, expected):
    assert client.delete(f"/images/{NAME}", headers=headers).status_code == expected
    assert worker.requests == []
    for admin in (OPERATOR, ZOE):
        worker.say_to("/images/", 204, b"")
        assert client.delete(f"/images/{NAME}", headers=admin).status_code == 204


def test_without_auth_the_operator_may_alone(client_with):
    client = admins_view(client_with(worker_token=OPERATORS_TOKEN))
    found = [client.post("/of-admins", headers=headers).status_code for headers in (OPERATOR, ZOE, {})]
    assert found == [200, 401, 401]
    assert client.post("/of-admins").headers["WWW-Authenticate"] == 'Bearer realm="image-generation-api"'


@pytest.mark.parametrize("headers", [{}, ZOE, bearer("None"), bearer("")], ids=str)
def test_without_a_worker_token_there_is_no_operator(client_with, headers):
    answer = admins_view(client_with()).post("/of-admins", headers=headers)
    assert (answer.status_code, "WORKER_TOKEN" in answer.json["error"]) == (403, True)


class TestDisclosure:
    @pytest.fixture(autouse=True)
    def _troubled(self, worker):
        worker.say_to("/health", 200, HEALTH)
        worker.say_to("/models", 200, MODELS)

    @pytest.mark.parametrize("path", ["/ready", "/models"])
    @pytest.mark.parametrize(("headers", "shown"), [(OPERATOR, True), (ZOE, True), (ANN, False), (STRANGER, False)])
    def test_an_admin_sees_the_details(self, client, path, headers, shown):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, SECRET in answer.text) == (200, shown)

    @pytest.mark.parametrize("path", ["/ready", "/models", "/health", "/api/v1/health"])
    def test_a_hub_that_is_down_keeps_no_open_address_from_answering(self, client, hub, path):
        hub.play("error_500")
        answer = client.get(path, headers=ZOE)
        assert (answer.status_code, SECRET in answer.text) == (200, False)

    def test_health_asks_no_hub(self, client, hub):
        assert client.get("/health", headers=ZOE).status_code == 200
        assert hub.checks == 0
