"""Which addresses need a credential, and how each family of routes says that one is missing."""

import json

import openai
import pytest

from image_api.services import services_of
from tests.api.auth.conftest import ANN, OPERATOR, OPERATORS_TOKEN, ZOE, bearer
from tests.api.conftest import NAME

OPEN = {
    *("/", "/health", "/ready", "/v1/health", "/api/v1/health", "/models", "/status", "/badge.svg", "/robots.txt"),
    *("/images/<name>", "/p/<image_name:name>", "/docs", "/redoc", "/openapi.json", "/v1/styles"),
    *("/static/<version>/<path:name>", "/vendor/<version>/<name>", "/favicon.ico", "/manifest.webmanifest"),
    *("/apple-touch-icon.png", "/apple-touch-icon-precomposed.png"),
}
CHECKED = {"/v1/models", "/api/v1/models", "/v1/models/<model_name:name>"}
METHODS = {"get", "post", "put", "delete", "patch"}
CREDENTIALS = [{"bearer": []}, {"key": []}]
FORBIDDEN, UNKNOWN = bearer("hf_oauth_ann"), bearer("hf_unknown_ann")


def requests_of(app):
    """Yield the rule of each address with a method and a path that fits."""
    for rule in app.url_map.iter_rules():
        values = dict.fromkeys(rule.arguments, "x") | ({"name": NAME} if "name" in rule.arguments else {})
        values |= {"ending": "png"} if "ending" in rule.arguments else {}
        with app.test_request_context():
            path = app.url_map.bind("").build(
                rule.endpoint, values, method=next(iter(rule.methods)), force_external=False
            )
        for method in sorted(rule.methods - {"OPTIONS"}):
            yield rule, method, path


def test_every_address_but_the_open_ones_needs_a_credential(client):
    app, closed = client.application, set()
    for rule, method, path in requests_of(app):
        if rule.websocket:
            continue
        answer = client.open(path, method=method)
        is_open = rule.rule in OPEN | CHECKED and method != "DELETE"
        assert (answer.status_code == 401) != is_open, (method, path, answer.status_code)
        closed |= {rule.rule} if answer.status_code == 401 else set()
    assert {"/generate", "/v1/images/generations", "/api/v1/generate", "/sheet", "/wake"} <= closed


@pytest.mark.parametrize(("headers", "status"), [({}, 200), (ANN, 200), (UNKNOWN, 401), (FORBIDDEN, 403)], ids=str)
def test_the_list_of_models_is_open_and_tells_whether_a_key_is_right(client, worker, headers, status):
    worker.say_to("/models", 200, {"models": []})
    assert client.get("/v1/models", headers=headers).status_code == status
    assert client.get("/v1/models/auto", headers=headers).status_code == status


def test_none_does_if_auth_is_none(client_with, worker):
    client = client_with()
    assert client.get("/generate?prompt=a").status_code == 200
    assert client.get("/generate?prompt=a", headers=UNKNOWN).status_code == 200
    assert services_of(client.application).authenticator is None
    assert not services_of(client.application).credentials._loading.is_begun


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("GET", "/v1/nowhere"), ("DELETE", "/generate")])
def test_what_is_no_address_is_said_without_one(client, method, path):
    assert client.open(path, method=method).status_code in (404, 405)


@pytest.mark.parametrize("path", ["/generate", "/v1/images/generations", "/api/v1/generate"])
def test_a_browser_s_preflight_needs_none(client, path):
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    answer = client.options(path, headers={**asked, "Access-Control-Request-Headers": "authorization, content-type"})
    assert answer.status_code == 200
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 401), (UNKNOWN, 401), (FORBIDDEN, 403)], ids=["none", "odd", "no"]
)
class TestDialects:
    def test_common(self, client, headers, status):
        answer = client.get("/generate?prompt=a", headers=headers)
        assert (answer.status_code, answer.json["success"]) == (status, False)
        assert answer.json.keys() == {"success", "error", "code", "request_id"}

    def test_event_stream(self, client, headers, status):
        answer = client.get("/generate?prompt=a", headers={**headers, "Accept": "text/event-stream"})
        assert (answer.status_code, answer.mimetype) == (status, "application/json")

    def test_picture(self, client, headers, status):
        for accept in ("image/avif,image/webp,*/*", "image/png"):
            answer = client.get("/generate.png?prompt=a", headers={**headers, "Accept": accept})
            assert (answer.status_code, answer.headers["Cache-Control"]) == (status, "no-store")

    def test_styled(self, client, headers, status):
        answer = client.post("/v1/images/generate", json={"prompt": "a"}, headers=headers)
        assert (answer.status_code, answer.json["status"]) == (status, "error")
        assert answer.json["code"] == ("unauthorized" if status == 401 else "forbidden")

    def test_jobs(self, client, headers, status):
        for method, path in (("POST", "generate"), ("GET", "jobs"), ("GET", "jobs/x/events"), ("DELETE", "jobs/x")):
            answer = client.open(f"/api/v1/{path}", method=method, json={"prompt": "a"}, headers=headers)
            assert (answer.status_code, answer.json["success"]) == (status, False)

    def test_stable_diffusion(self, client, headers, status):
        for path in ("/v1/txt2img", "/api/v1/generate/txt2img", "/v1/models/load", "/v1/loras/load"):
            answer = client.post(path, json={"prompt": "a"}, headers=headers)
            assert (answer.status_code, answer.json["success"]) == (status, False)
            assert answer.json["code"] == ("unauthorized" if status == 401 else "forbidden")

    def test_openai(self, client, headers, status):
        answer = client.post("/v1/images/generations", json={"prompt": "a"}, headers=headers)
        code = "invalid_api_key" if status == 401 else "forbidden"
        assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
        assert (answer.json["error"]["type"], answer.json["error"]["param"]) == ("invalid_request_error", None)
        assert "WWW-Authenticate" in answer.headers


@pytest.fixture
def application(client):
    return client.application


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("hf_unknown_a", openai.AuthenticationError),
        ("sk-anything", openai.AuthenticationError),
        ("hf_oauth_a", openai.PermissionDeniedError),
    ],
)
def test_openai_s_client_raises_its_own_errors(client_of, key, error):
    for call in (lambda ai: ai.models.list(), lambda ai: ai.images.generate(prompt="a tree")):
        with pytest.raises(error):
            call(client_of(api_key=key))


def test_openai_s_client_gets_its_picture_with_a_token(client_of):
    assert client_of(api_key="hf_read_ann").images.generate(prompt="a tree", response_format="url").data


@pytest.mark.parametrize("headers", [ANN, ZOE, OPERATOR], ids=["user", "admin", "operator"])
@pytest.mark.parametrize("path", ["/generate?prompt=a", "/sheet?prompt=a&seeds=4", "/v1/models"])
def test_with_a_credential_every_family_answers(client, worker, headers, path):
    worker.say_to("/models", 200, {"models": []})
    assert client.get(path, headers=headers).status_code == 200


WINDOW = {"Sec-Fetch-Dest": "document", "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_the_page_of_a_picture_opens_without_a_credential_and_makes_none(client, worker):
    answer = client.get("/generate?prompt=a", headers=WINDOW)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert worker.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Dest": "document", "Accept": "application/json"},
        {"Sec-Fetch-Dest": "image", "Accept": "text/html"},
        {**WINDOW, "User-Agent": "Discordbot/2.0"},
        {"User-Agent": "Discordbot/2.0"},
    ],
)
def test_nothing_else_there_does(client, worker, headers):
    assert client.get("/generate?prompt=a", headers=headers).status_code == 401
    assert client.get("/generate?prompt=a&format=image", headers={**WINDOW, **headers}).status_code == 401
    assert worker.requests == []


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (UNKNOWN, 401), (FORBIDDEN, 403)], ids=str)
def test_scripts_of_other_origins_can_read_what_is_wrong(client, headers, status):
    answer = client.get("/generate?prompt=a", headers={"Origin": "https://pictures.example", **headers})
    assert (answer.status_code, answer.headers["WWW-Authenticate"][:6]) == (status, "Bearer")
    assert "WWW-Authenticate" in answer.headers["Access-Control-Expose-Headers"].split(", ")


def test_the_document_says_which_operations_need_a_credential(client):
    document = json.loads(client.get("/openapi.json").text)
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["paths"]["/generate"]["post"]["security"] == CREDENTIALS
    assert "security" not in document["paths"]["/health"]["get"]


def test_without_auth_it_is_what_the_operator_alone_may(client_with):
    client = client_with(worker_token=OPERATORS_TOKEN)
    paths = json.loads(client.get("/openapi.json").text)["paths"]
    operations = {
        (method, path): it for path, found in paths.items() for method, it in found.items() if method in METHODS
    }
    needed = {key for key, it in operations.items() if it.get("security") == CREDENTIALS}
    refused = {key for key in operations if client.open(key[1], method=key[0].upper()).status_code == 401}
    assert needed == refused
    assert len(needed) == 7
    assert operations["post", "/generate"]["security"] == [{}, *CREDENTIALS]


def test_the_documentation_says_what_to_send(client, client_with):
    assert "Authorization: Bearer hf_" in client.get("/").json["authentication"]
    assert "authentication" not in client_with().get("/").json


@pytest.mark.parametrize(
    ("key", "status"), [("hf_read_ann", 200), ("hf_unknown_ann", 401), ("hf_oauth_a", 403), ("é", 401)]
)
def test_azure_s_clients_send_it_in_a_header_of_their_own(client, key, status):
    path = "/openai/deployments/sketch/images/generations?api-version=2024-10-21"
    answer = client.post(path, json={"prompt": "a", "response_format": "url"}, headers={"api-key": key})
    assert (answer.status_code, "error" in answer.json) == (status, status != 200)


def test_credentials_that_differ_are_refused(client):
    headers = {"api-key": "hf_read_ann", **UNKNOWN}
    answer = client.get("/generate?prompt=a", headers=headers)
    assert (answer.status_code, answer.json["error"]) == (
        401,
        "This request has credentials that differ; send one alone.",
    )
    assert client.get("/generate?prompt=a", headers={**ANN, "X-API-Key": "hf_read_ann"}).status_code == 200
