"""Where OpenAI's and Azure's clients look for OpenAI's API: any base that a user may have typed."""

import openai
import pytest
import requests

from tests.api.conftest import NAME
from tests.api.pictures import PNG

BASES = [
    "/v1",
    "/v1/",
    "",
    "/",
    "/v1/v1",
    "//v1//",
    "/api/v1",
    "/openai",
    "/openai/v1",
    "/v1/openai",
    "/v1beta/openai/",
    "/v1/images/generations",
    "/v1/images/generations/",
    "/images/generations",
    "/v1/images/edits",
]
MODELS = {"models": [{"name": "sketch", "engine": "sketch", "state": "ready", "description": "", "answers_auto": True}]}
BODY = {"prompt": "a tree"}


@pytest.fixture
def ai_at(base):
    """Makes clients with a base of the test's choice."""
    with openai.OpenAI(base_url=base, api_key="anything", max_retries=0) as client:
        yield lambda typed: client.with_options(base_url=base + typed)


@pytest.fixture
def azure(base):
    """Makes Azure's clients."""
    made = []

    def make(**options: object) -> openai.AzureOpenAI:
        given = {"azure_endpoint": base, "api_version": "2024-10-21", **options}
        made.append(openai.AzureOpenAI(api_key="anything", max_retries=0, **given))
        return made[-1]

    yield make
    for client in made:
        client.close()


def model_sent(worker) -> str:
    return worker.asked_to_make()[-1]["model"]


@pytest.mark.parametrize("typed", BASES)
def test_a_client_works_with_any_base(ai_at, base, worker, typed):
    ai = ai_at(typed)
    assert ai.images.generate(prompt="a tree").data[0].url == f"{base}/images/{NAME}"
    assert ai.images.edit(image=("a.png", PNG), prompt="a hat").data[0].url == f"{base}/images/{NAME}"
    worker.say_to("/models", 200, MODELS)
    assert [it.id for it in ai.models.list()] == ["auto", "sketch"]
    assert ai.models.retrieve("sketch").id == "sketch"
    with pytest.raises(openai.NotFoundError) as missing:
        ai.chat.completions.create(model="gpt-5", messages=[])
    assert "POST /v1/images/generations" in missing.value.body["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/images/generations/",
        "/v1/images/generations//",
        "//v1/images//generations",
        "/v1/images/generations?api-version=2024-10-21",
        "/v1/images/generations/?prompt=ignored&n=99",
        "/v1/images/generations?n=%ff",
    ],
)
def test_slashes_and_query_fields_change_nothing(base, path):
    answer = requests.post(base + path, json=BODY, allow_redirects=False, timeout=9)
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 1


@pytest.mark.parametrize("path", ["/v1/models/?limit=100&order=asc", "/v1/models/sketch/?api-version=1", "/api/models"])
def test_so_it_is_for_models(base, worker, path):
    worker.say_to("/models", 200, MODELS)
    answer = requests.get(base + path, allow_redirects=False, timeout=9)
    assert (answer.status_code, answer.json()["object"]) == (200, "model" if "sketch" in path else "list")


def test_models_are_as_before_for_clients_of_this_service(base, worker):
    worker.say_to("/models", 200, MODELS)
    assert requests.get(base + "/models", timeout=9).json()["models"][0]["name"] == "sketch"
    answer = requests.get(base + "/models", headers={"X-Stainless-Lang": "js"}, timeout=9)
    assert answer.json()["data"][0]["id"] == "auto"


@pytest.mark.parametrize("path", ["/generate", "/v1/images/generate"])
def test_this_service_s_own_routes_refuse_a_query_as_before(base, path):
    answer = requests.post(base + path + "?api-version=1", json=BODY, timeout=9)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert requests.post(base + path + "/", json=BODY, timeout=9).status_code == 404


def test_azure_s_client_works(azure, base, worker):
    ai = azure()
    assert ai.images.generate(prompt="a tree", model="dall-e-3").data[0].url == f"{base}/images/{NAME}"
    assert model_sent(worker) == "auto"
    with pytest.raises(openai.BadRequestError) as refused:
        ai.images.edit(image=[("a.png", PNG), ("b.png", PNG)], prompt="a hat", model="my-edits")
    assert refused.value.code == "unsupported"
    worker.say_to("/models", 200, MODELS)
    assert [it.id for it in ai.models.list()] == ["auto", "sketch"]
    with pytest.raises(openai.NotFoundError) as missing:
        ai.chat.completions.create(model="gpt-5", messages=[])
    assert "POST /v1/images/generations" in missing.value.body["message"]


@pytest.mark.parametrize("model", [None, "sketch", "gpt-image-2"])
def test_a_deployment_that_only_azure_knows_leaves_the_model_to_the_body(azure, worker, model):
    ai = azure(azure_deployment="perchance")  # whose names the worker does not tell here
    ai.images.generate(prompt="a tree", **({"model": model} if model else {}))
    assert model_sent(worker) == {None: "perchance", "gpt-image-2": "auto"}.get(model, model)


@pytest.mark.parametrize(("deployment", "served"), [("sketch", "sketch"), ("dall-e-3", "auto"), ("auto", "auto")])
def test_a_deployment_that_is_a_model_here_counts(azure, worker, deployment, served):
    worker.say_to("/models", 200, MODELS)
    azure(azure_deployment=deployment).images.generate(prompt="a tree", model="gpt-image-1", response_format="url")
    assert model_sent(worker) == served


@pytest.mark.parametrize("typed", ["/foo/v1", "/images", "/generate"])
def test_under_a_base_that_is_wrong_otherwise_models_say_what_there_is(ai_at, typed):
    with pytest.raises(openai.NotFoundError) as missing:
        ai_at(typed).models.list()
    assert "POST /v1/images/generations" in missing.value.body["message"]


def test_azure_s_newer_base_works_with_openai_s_client(ai_at, worker):
    ai_at("/openai/v1").images.generate(prompt="a tree", extra_query={"api-version": "preview"})
    assert model_sent(worker) == "auto"


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/audio/speech",
        "/v1/images",
        "/v1/images/upscale",
        "/v1/videos",
        "/chat/completions",
        "/embeddings?x=1",
        "/v1/v1/responses/",
        "/openai/deployments/a%20b/images/generations",
        "/openai/deployments//images/generations",
        "/openai/deployments/gpt-5/chat/completions?api-version=1",
        "/openai/anything",
        "/proxy/v1/images/generations",
        "/inference/chat/completions",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_there_is_not_is_said_in_openai_s_format(base, method, path):
    answer = requests.request(method, base + path, timeout=9)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (404, "not_found", "invalid_request_error")
    assert "POST /v1/images/generations" in error["message"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/images/generations"), ("GET", "/v1/v1/images/edits/"), ("POST", "/openai/models")]
)
def test_another_method_is_refused_there_too(base, method, path):
    answer = requests.request(method, base + path, timeout=9)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


def test_a_very_long_path_costs_nothing(base):
    for piece in ("/v1", "/images/generations", "/openai/deployments/a", "/chat", "/models"):
        answer = requests.get(base + piece * (40_000 // len(piece)) + "/x", timeout=2)
        assert answer.status_code in (404, 405, 414, 503)
