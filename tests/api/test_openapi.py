"""/openapi.json: valid, whole, and true. All responses of the other tests are compared with it, too: described.py."""

import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from image_api import create_app, errors
from image_api.generation.options import GenerationOptions
from image_api.settings import Settings
from image_api.web import websocket_errors
from image_api.web.api import OPERATIONS, describe
from image_api.web.api_answers import RELAYED
from image_api.web.error_responses import AUTOMATIC_METHODS
from image_api.web.openapi import response as openapi_response
from image_api.web.openapi.document import document
from image_api.web.schemas.openai import ImagesRequest
from render_worker.contract import SIZE_PATTERN, VERSION, InvalidField, is_side
from render_worker.contract.fields import TEXT_PATTERN
from render_worker.engines import ENGINES
from render_worker.errors import ServiceBlocked, WorkerError
from render_worker.storages import STORAGES
from tests.api.conftest import NAME, RESULT, Front
from tests.api.described import described
from tests.api.pictures import PNG

NOT_RELAYED = {"superseded", "unauthorized", "storage_resting", "over_budget"}
NOT_RELAYED |= {"picture_deleted", "deletion_unsupported", "engine_starting"}
"""Codes of the render worker's that this tier turns into others, or that a result has."""


@pytest.fixture(scope="module")
def app():
    return create_app(Settings())


def test_it_works(client):
    answer = client.get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert (answer.json["openapi"], answer.json["info"]["version"]) == ("3.1.0", VERSION)
    assert answer.json["servers"] == [{"url": "http://localhost"}]
    validate(answer.json)


def test_its_server_is_where_the_client_reaches_this_service(client_with):
    client = client_with()
    servers = [client.get("/openapi.json", headers={"Host": host}).json["servers"] for host in ("a.example", "b:81")]
    assert servers == [[{"url": "http://a.example"}], [{"url": "http://b:81"}]]
    public = client_with(public_base_url="https://pictures.example/api/")
    assert public.get("/openapi.json").json["servers"] == [{"url": "https://pictures.example/api"}]


def test_a_client_that_has_it_gets_304(client):
    etag = client.get("/openapi.json").headers["ETag"]
    again = client.get("/openapi.json", headers={"If-None-Match": etag})
    other = client.get("/openapi.json", headers={"If-None-Match": etag, "Host": "other.example"})
    assert (again.status_code, again.data, other.status_code) == (304, b"", 200)


def test_a_client_that_takes_gzip_gets_a_tenth(client):
    plain = client.get("/openapi.json")
    zipped = client.get("/openapi.json", headers={"Accept-Encoding": "br, gzip"})
    assert (zipped.headers["Content-Encoding"], zipped.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(zipped.data) == plain.data
    assert 5 * len(zipped.data) < len(plain.data)
    assert zipped.headers["ETag"] != plain.headers["ETag"]
    again = {"Accept-Encoding": "gzip", "If-None-Match": zipped.headers["ETag"]}
    assert client.get("/openapi.json", headers=again).status_code == 304


def test_it_is_built_once_and_not_before_it_is_asked_for(client):
    extensions = client.application.extensions
    client.get("/health")
    assert openapi_response.KEY not in extensions
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(client.application.test_client().get, "/openapi.json") for _ in range(8)]
    texts = {answer.result().text for answer in answers}
    built = extensions[openapi_response.KEY]
    client.get("/openapi.json")
    assert (len(texts), extensions[openapi_response.KEY] is built) == (1, True)


def test_describing_a_view_returns_the_view_itself():
    def view() -> None:
        """Return nothing."""

    try:
        assert describe(hidden=True)(view) is view
    finally:
        del OPERATIONS[view]


def test_pages_of_other_origins_may_read_it(client):
    assert client.get("/openapi.json", headers={"Origin": "https://a.example"}).headers["Access-Control-Allow-Origin"]


def test_a_bad_host_header_is_refused_and_a_query_ignored(client):
    assert client.get("/openapi.json", headers={"Host": "a b"}).status_code == 400
    assert client.get("/openapi.json?x=1").status_code == 200


def test_every_view_says_what_it_takes_and_returns(app):
    views = {endpoint: view for endpoint, view in app.view_functions.items() if view not in OPERATIONS}
    assert views == {}, "each wears @describe of image_api/web/api.py, a file or another page hidden=True"


def test_it_has_each_rule_and_method_and_no_others(app):
    paths = {path: {name for name in item if name != "x-websocket"} for path, item in document(app)["paths"].items()}
    expected: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if not OPERATIONS[app.view_functions[rule.endpoint]].hidden:
            methods = set() if rule.websocket else {it.lower() for it in rule.methods - AUTOMATIC_METHODS}
            path = re.sub(r"<(?:.+:)?(\w+)>", r"{\1}", rule.rule)
            expected.setdefault(path, set()).update(methods)
    assert paths == expected


def test_each_error_s_status_is_where_it_is_raised(app):
    found = document(app)["paths"]
    named = {error for it in OPERATIONS.values() for error in it.errors if isinstance(error, type)}
    assert errors.ServiceBusy in named
    for rule in app.url_map.iter_rules():
        operation = OPERATIONS[app.view_functions[rule.endpoint]]
        if operation.hidden or rule.websocket:
            continue
        item = found[re.sub(r"<(?:.+:)?(\w+)>", r"{\1}", rule.rule)]
        for method in rule.methods - AUTOMATIC_METHODS:
            statuses = {error if isinstance(error, int) else error.status for error in operation.errors}
            assert {str(it) for it in statuses | {*operation.answers}} <= item[method.lower()]["responses"].keys()


def test_every_error_class_is_raised_by_some_operation():
    named = {error for it in OPERATIONS.values() for error in it.errors}
    of_400s = {errors.InvalidParameter, errors.ModelNotEnabled}  # whose status is named alone
    others = {*of_400s, errors.MisdirectedRequest, websocket_errors.UnsupportedWebSocketVersion}
    known = {it for it in (vars(errors) | vars(websocket_errors)).values() if isinstance(it, type)}
    assert {it for it in known if issubclass(it, errors.ApiError)} - named - others == {errors.ApiError}


def test_the_render_worker_s_codes_are_those_that_it_has():
    for row in (*ENGINES.values(), *STORAGES.values()):
        row.load()
    raised = {(it.status, it.code) for it in subclasses(WorkerError) - {ServiceBlocked} if it.code not in NOT_RELAYED}
    missing = {
        (status, code)
        for status, code in raised
        if code not in RELAYED.get(status, ()) and f"{code.partition('_')[0]}_…" not in RELAYED.get(status, ())
    }
    assert missing == set()


def subclasses(cls: type) -> set[type]:
    return {cls}.union(*(subclasses(it) for it in cls.__subclasses__()))


def test_no_internal_field_is_shown(app):
    text = json.dumps(document(app))
    assert not [name for name in ("cache_without_seed", "negative_prompt_optional", "seed_drawn") if name in text]


def test_fields_that_an_address_decides_are_not_offered(app):
    operations = described()
    named = {it["name"] for it in map(operations.resolved, operations.operation("GET", "/generate.png")["parameters"])}
    assert named & {"format", "output_format", "response_format", "image", "strength"} == set()
    assert {"prompt", "style", "n", "ending"} <= named


def test_what_a_field_is_if_it_is_left_out_is_told(app):
    schemas = document(app)["components"]["schemas"]
    told = {
        name: {field: it["default"] for field, it in schemas[name]["properties"].items() if "default" in it}
        for name in ("ImagesRequest", "EditRequest", "StyledRequest", "TextToImageRequest")
    }
    openai = {"model": "auto", "n": 1, "size": "auto", "output_format": "png", "stream": False, "partial_images": 0}
    assert told["ImagesRequest"] == {**openai, "seed": -1, "guidance_scale": 7.0}
    assert told["EditRequest"] == told["ImagesRequest"]
    assert told["StyledRequest"] == {"model": "auto", "size": "auto", "response_format": "url"}
    assert told["TextToImageRequest"] == {"guidance_scale": 7.0, "seed": -1, "num_images": 1}
    (given,) = ImagesRequest(prompt="a", **told["ImagesRequest"]).pictures("auto")
    (left_out,) = ImagesRequest(prompt="a").pictures("auto")
    assert given.model_dump(exclude={"n"}) == left_out.model_dump(exclude={"n"})


def test_a_form_has_files_and_json_has_base64(app):
    body = described().operation("POST", "/generate")["requestBody"]["content"]
    assert body["multipart/form-data"]["schema"]["properties"]["image"]["format"] == "binary"
    schema = described().resolved(body["application/json"]["schema"])
    assert {"contentEncoding": "base64", "type": "string"} in schema["properties"]["image"]["anyOf"]


@pytest.mark.parametrize("url", ["/generate", "/v1/images/generate", "/v1/images/generations", "/v1/txt2img"])
def test_examples_are_accepted_by_the_schema_and_by_the_service(client, worker, url):
    content = described().operation("POST", url)["requestBody"]["content"]["application/json"]
    worker.say_to("/models", 200, {"models": []})
    assert content["examples"]
    for example in content["examples"].values():
        schema = {**content["schema"], "components": described().document["components"]}
        assert list(Draft202012Validator(schema).iter_errors(example["value"])) == []
        if "b64" not in json.dumps(example) and "gpt" not in json.dumps(example):
            assert client.post(url, json=example["value"]).status_code == 200


def test_a_size_s_pattern_is_what_the_check_accepts():
    pattern = re.compile(SIZE_PATTERN)
    wrong = [pixels for pixels in range(10_001) if bool(pattern.match(f"{pixels}x64")) != is_side(pixels)]
    assert wrong == []
    assert bool(pattern.match("auto"))


@pytest.mark.parametrize(
    "text", ["a", " a ", "", "   ", "\n", "a\nb\tc", "a\x00", "\x7f", "a\x85b", "\u2028", "\u00a0", "é", "🌲", "a\x1fb"]
)
def test_a_text_s_pattern_is_what_the_check_accepts(text):
    try:
        GenerationOptions.parse([("prompt", text)])
        accepted = True
    except InvalidField:
        accepted = False
    assert bool(re.search(TEXT_PATTERN, text)) is accepted


REQUESTS = [
    ("GET", "/generate?prompt=a", 200, {}),
    ("GET", "/generate?prompt=a&n=2", 200, {}),
    ("GET", "/generate?prompt=a&format=redirect", 302, {}),
    ("GET", "/generate?prompt=a", 200, {"headers": {"Accept": "text/event-stream"}}),
    ("GET", "/generate?prompt=a", 204, {"headers": {"Last-Event-ID": "x:end"}}),
    ("GET", "/generate?prompt=a", 410, {"headers": {"Last-Event-ID": "x:3"}}),
    ("GET", "/generate?prompt=a", 503, {"headers": {"Sec-Purpose": "prefetch"}}),
    ("GET", "/generate?prompt=a", 200, {"headers": {"Origin": "https://a.example"}}),
    ("GET", "/generate?prompt=a", 200, {"headers": {"Sec-Fetch-Dest": "document", "Accept": "text/html"}}),
    ("GET", "/generate?prompt=a", 200, {"headers": {"User-Agent": "Slackbot-LinkExpanding 1.0"}}),
    ("GET", "/generate", 400, {}),
    ("GET", "/generate?prompt=" + "a" * 70_000, 414, {}),
    ("GET", "/generate?prompt=a", 431, {"headers": {"X-Long": "a" * 9000}}),
    ("HEAD", "/generate?prompt=a", 200, {}),
    ("POST", "/generate", 200, {"json": {"prompt": "a"}}),
    ("POST", "/generate", 303, {"json": {"prompt": "a", "format": "redirect"}}),
    ("POST", "/generate", 200, {"files": {"prompt": (None, "a")}}),
    ("POST", "/generate", 400, {"json": {"prompt": "a", "seeds": 4}}),
    ("POST", "/generate", 413, {"json": {"prompt": "a" * 70_000}}),
    ("GET", "/generate.png?prompt=a", 200, {}),
    ("GET", "/generate.png?prompt=a&format=json", 400, {}),
    ("GET", "/sheet?prompt=a", 200, {}),
    ("GET", "/sheet.json?prompt=a", 200, {}),
    ("GET", "/sheet?prompt=a", 302, {"headers": {"Sec-Fetch-Dest": "image"}}),
    ("GET", "/sheet.png?prompt=a&seeds=5", 400, {}),
    ("GET", "/models", 503, {}),
    ("GET", "/stream/generate/txt2img", 426, {}),
    ("POST", "/v1/images/generate", 200, {"json": {"prompt": "a", "style": "anime"}}),
    ("POST", "/v1/images/generate", 400, {"json": {"prompt": "a", "style": "x"}}),
    ("POST", "/v1/images/generate", 413, {"data": "{" + " " * 70_000}),
    ("GET", "/v1/styles", 200, {}),
    ("GET", "/v1/health", 200, {}),
    ("POST", "/v1/images/generations", 200, {"json": {"prompt": "a", "response_format": "url"}}),
    ("POST", "/v1/images/generations", 200, {"json": {"prompt": "a", "model": "auto"}}),
    ("POST", "/v1/images/generations", 400, {"json": {"prompt": ""}}),
    ("POST", "/v1/images/edits", 400, {"json": {"prompt": "a"}}),
    ("POST", "/v1/images/variations", 400, {"json": {}}),
    ("POST", "/v1/txt2img", 200, {"json": {"prompt": "a", "num_inference_steps": 3}}),
    ("POST", "/v1/txt2img", 400, {"json": {"prompt": "a", "steps": 3}}),
    ("POST", "/api/v1/generate/txt2img", 200, {"json": {"prompt": "a", "num_images": 2}}),
    ("POST", "/v1/img2img", 400, {"json": {"prompt": "a"}}),
    ("POST", "/api/v1/generate/img2img", 200, {"files": {"prompt": (None, "a"), "image": ("a", PNG)}}),
    ("POST", "/v1/models/load", 403, {"json": {"model_id": "a"}}),
    ("POST", "/v1/loras/load", 403, {"json": {"lora_path": "a"}}),
    ("GET", "/v1/loras/list", 503, {}),
    ("GET", "/v1/loras/list", 503, {"headers": {"User-Agent": "Slackbot-LinkExpanding 1.0"}}),
    ("GET", "/v1/models", 503, {}),
    ("GET", "/v1/models/x", 503, {}),
    ("GET", f"/images/{NAME}", 200, {}),
    ("GET", "/images/x", 404, {}),
    ("GET", "/images/x", 404, {"headers": {"Accept": "text/html"}}),
    ("GET", f"/images/{NAME}", 304, {"headers": {"If-None-Match": f'"{NAME[:64]}"'}}),
    ("GET", "/health", 200, {}),
    ("GET", "/ready", 503, {}),
    ("GET", "/wake", 503, {}),
    ("GET", "/wake.gif", 503, {}),
    ("GET", "/", 200, {}),
    ("GET", "/", 200, {"headers": {"Accept": "text/html"}}),
    ("GET", "/openapi.json", 200, {}),
    ("GET", "/robots.txt", 200, {}),
]


@pytest.mark.parametrize(("method", "address", "status", "details"), REQUESTS, ids=str)
def test_a_real_response_is_as_the_document_says(front: Front, method, address, status, details):
    front.worker.say(200, RESULT)
    answer = front.session.request(method, front.url + address, **details, allow_redirects=False, timeout=20)
    path = address.partition("?")[0]
    assert described().operation(method, path), path
    is_json = answer.headers.get("Content-Type") == "application/json" and method != "HEAD"
    body = answer.json() if is_json else None
    assert answer.status_code == status, answer.text[:300]
    assert described().problems(method, path, answer.status_code, dict(answer.headers), body) == []
