"""Google's Vertex AI and the token endpoint of its service accounts, as far as pictures need them.

    POST /vertex/token                                          a signed statement (RFC 7523) for a token
    POST /vertex/v1/publishers/google/models/<model>:<verb>     with an API key, in the header x-goog-api-key
    POST /vertex/v1/projects/<p>/locations/<l>/publishers/google/models/<model>:<verb>          with a token

The verb is `generateContent`. Shapes are google-genai's own types and Google's reference of the method; messages are
quoted from public issue threads. Unverified: the exact messages, and what is answered for a model that has ended, as
Imagen's have: here it is 404. The sizes are in `sandbox/vertex_models.py`. The statement's claims are checked, its
signature is not. Every API key is accepted, and of the models only the oldest is at other locations than `global`. Of a
picture that is sent along the log has the SHA-256.
"""

import base64
import hashlib
import io
import json
import time
from typing import Any

from flask import Blueprint, Response, request
from PIL import Image
from pydantic import Field

from sandbox.clients import wait_connected
from sandbox.pictures import OVERSIZED_BYTES, chosen_seed, handed_out
from sandbox.replies import client_gone, hang, html_reply, json_reply, reset
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import LoggedRequest, state
from sandbox.vertex_models import GEMINI, OLDEST_GEMINI, Size, file_of, size_of

TOKEN = "ya29.of-the-sandbox"  # noqa: S105 - it opens nothing
RESPONSIBLE = (
    "Image generation failed with the following error: The prompt could not be submitted. This prompt contains "
    "sensitive words that violate Google's Responsible AI practices. Try rephrasing the prompt."
)
LIFETIMES: dict[str, object] = {
    "token_short": 0,
    "token_float": 3599.0,
    "token_text": "3599",
    "token_endless": 10**400,
    "token_no_number": float("nan"),
}
EXHAUSTED = "Resource exhausted. Please try again later."
Error = tuple[int, str, str, list[dict[str, object]]]


def _info(reason: str) -> list[dict[str, object]]:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return [{"@type": kind, "reason": reason, "domain": "googleapis.com"}]


def _retry(delay: str) -> list[dict[str, object]]:
    return [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]


ERRORS: dict[str, Error] = {
    "invalid_argument": (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", []),
    "sensitive_words": (400, "INVALID_ARGUMENT", RESPONSIBLE, []),
    "api_key_invalid": (400, "INVALID_ARGUMENT", "API key not valid.", _info("API_KEY_INVALID")),
    "failed_precondition": (400, "FAILED_PRECONDITION", "Precondition check failed.", []),
    "unauthenticated": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", []),
    "permission_denied": (403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.predict' denied.", []),
    "service_disabled": (403, "PERMISSION_DENIED", "Vertex AI API has not been used.", _info("SERVICE_DISABLED")),
    "billing_disabled": (403, "PERMISSION_DENIED", "It requires billing to be enabled.", _info("BILLING_DISABLED")),
    "not_found": (404, "NOT_FOUND", "Publisher Model was not found or your project does not have access to it.", []),
    "exhausted": (429, "RESOURCE_EXHAUSTED", EXHAUSTED, []),
    "exhausted_37s": (429, "RESOURCE_EXHAUSTED", EXHAUSTED, _retry("37.5s")),
    "exhausted_absurdly": (429, "RESOURCE_EXHAUSTED", EXHAUSTED, _retry("999999999s")),
    "internal": (500, "INTERNAL", "Internal error encountered.", []),
    "unavailable": (503, "UNAVAILABLE", "The service is currently unavailable.", []),
    "deadline_exceeded": (504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.", []),
}

TOKEN_FAULTS = ("token_refused", "token_500", "token_html", "token_hang", "token_without")
FINISH_REASONS = {"no_image": "NO_IMAGE", "safety": "IMAGE_SAFETY", "unknown_reason": "SOMETHING_NEW"}
ODD_DOCUMENTS: dict[str, object] = {
    "list": [[]],
    "nothing": {},
    "wrong_types": {"candidates": [7]},
}
FAULTS = Faults(
    (
        *(*ERRORS, *ODD_DOCUMENTS, "huge", *TOKEN_FAULTS, *LIFETIMES),
        *("hang", "reset", "redirect", "html", "html_502", "not_base64", "compressed"),  # html has status 200
        *(*FINISH_REASONS, "blocked", "text", "thought"),  # of Gemini; a thought comes before the picture
        "size_ignored",  # by Gemini, as https://github.com/googleapis/js-genai/issues/1461 reports
    ),
    by_chance=("unavailable", "html", "reset", "no_image"),
)

vertex = Blueprint("vertex", __name__, url_prefix="/vertex")


class VertexScenario(Scenario):
    """What the stand-in plays."""

    vertex: str = Field("ok", description='"ok" or a fault')


def _environment(addresses: Addresses) -> dict[str, str]:
    return {"VERTEX_URL": f"{addresses.site}/vertex"}


STAND_IN = StandIn(
    name="vertex",
    scenario=VertexScenario,
    faults={"vertex": FAULTS},
    blueprints=(vertex,),
    environment=_environment,
    keys={"GOOGLE_API_KEY": "any"},
)


@vertex.post("/token")
def token() -> Response:
    """Return a token for a statement whose claims are in order."""
    board = state()
    assertion = request.form.get("assertion", "")  # a client that hangs up is noticed only if its request has been read
    with board.logged("vertex_token") as entry:
        if _played_at_token():
            entry.played = board.draw("vertex")
        if fault := _token_fault(entry):
            return fault
        if entry.played == "token_refused" or not _in_order(assertion):
            return json_reply({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
        seconds = LIFETIMES.get(entry.played, 3599)
        return json_reply({"access_token": TOKEN, "expires_in": seconds, "token_type": "Bearer"})


@vertex.post("/v1/publishers/google/models/<model>:<verb>", defaults={"location": "global"})
@vertex.post("/v1/projects/<project>/locations/<location>/publishers/google/models/<model>:<verb>")
def make(model: str, verb: str, location: str, project: str | None = None) -> Response:
    """Make a picture; responds when it is made."""
    board, body = state(), json.loads(request.get_data())
    logged = {"model": model, "verb": verb, "location": location, "project": project, **_without_pictures(body)}
    with board.logged("vertex", logged) as entry:
        if not _played_at_token():
            entry.played = board.draw("vertex")
        if not _authorized(project):
            entry.played = "unauthenticated"
        elif not _exists(model, verb, location):
            entry.played = "not_found"
        if fault := _fault(entry):
            return fault
        with board.in_flight():
            return _by_gemini(entry, model, body)


def _played_at_token() -> bool:
    return state().fields(VertexScenario).vertex.startswith("token_")


def _token_fault(entry: LoggedRequest) -> Response | None:
    if entry.played == "token_hang":
        return hang(entry)
    if entry.played == "token_500":
        return json_reply({"error": "internal_failure"}, 500)
    if entry.played == "token_html":
        return html_reply("Error")
    return json_reply({"id_token": "something else"}) if entry.played == "token_without" else None


def _in_order(assertion: str) -> bool:
    """Return whether the statement is fresh, for this endpoint, and of the form of a signed one."""
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in assertion.split(".")[:2])
        fresh = abs(time.time() - claims["iat"]) < 60 and 0 < claims["exp"] - claims["iat"] <= 3600
        right = claims["aud"] == request.base_url and "cloud-platform" in claims["scope"] and "@" in claims["iss"]
        grant = request.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    except (ValueError, KeyError, TypeError):
        return False
    return header.get("alg") == "RS256" and assertion.count(".") == 2 and fresh and right and grant


def _authorized(project: str | None) -> bool:
    if project is None:
        return bool(request.headers.get("x-goog-api-key"))
    return request.headers.get("Authorization") == f"Bearer {TOKEN}"


def _exists(model: str, verb: str, location: str) -> bool:
    return verb == "generateContent" and model in GEMINI and (location == "global" or model == OLDEST_GEMINI)


def _fault(entry: LoggedRequest) -> Response | None:
    """Return a response that is no part of the protocol, or an error; returns None if a picture is to be made."""
    if entry.played in ERRORS:
        return _error_response(entry.played)
    if entry.played == "hang":
        return hang(entry)
    if entry.played == "reset":
        return reset()
    if entry.played == "redirect":
        return Response(status=307, headers={"Location": f"{request.host_url}vertex/elsewhere"})
    if entry.played.startswith("html"):
        return html_reply("Error 502", 502 if entry.played == "html_502" else 200)
    if entry.played == "compressed":
        return handed_out(b"", "compressed")
    if entry.played == "huge":
        return json_reply({"candidates": "A" * OVERSIZED_BYTES})
    return json_reply(ODD_DOCUMENTS[entry.played]) if entry.played in ODD_DOCUMENTS else None


def _by_gemini(entry: LoggedRequest, model: str, body: Any) -> Response:
    config = body.get("generationConfig", {})
    image = config.get("imageConfig", {})
    size = size_of(model, image.get("aspectRatio", "1:1"), image.get("imageSize", "1K"))
    if "IMAGE" not in config.get("responseModalities", []) or size is None:
        return _error_response("invalid_argument")
    if entry.played == "blocked":
        return json_reply({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": "simulated"})
    if entry.played in FINISH_REASONS:
        return json_reply({"candidates": [{"finishReason": FINISH_REASONS[entry.played], "index": 0}]})
    text = {"text": "I cannot make such a picture."}
    if entry.played == "text":
        return _candidate_response([{**text}])
    parts, output = body["contents"][0]["parts"], image.get("imageOutputOptions", {})
    prompt = " ".join(str(part["text"]) for part in parts if "text" in part)
    sources = [_source_of(part["inlineData"]) for part in parts if "inlineData" in part]
    if None in sources:
        return _error_response("invalid_argument")
    made = _made(entry, prompt, " ".join(map(str, sources)), _unless_ignored(entry, model, image, size), output)
    if isinstance(made, Response):
        return made
    thoughts = [{**text, "thought": True}, {**_inline(made[0], "AAAA"), "thought": True}]
    return _candidate_response([*(thoughts if entry.played == "thought" else []), _inline(*made)])


def _source_of(inline: Any) -> str | None:
    """Return the SHA-256 of a picture that was sent along; returns None if it is none of its media type."""
    data = base64.urlsafe_b64decode(inline["data"])
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return hashlib.sha256(data).hexdigest() if image.get_format_mimetype() == _kind_of(inline) else None
    except (OSError, SyntaxError):
        return None


def _kind_of(inline: Any) -> str | None:
    """Return the media type; Google takes a field's name in either form, and its client sends both."""
    kind: str | None = inline.get("mimeType", inline.get("mime_type"))
    return kind


def _without_pictures(body: Any) -> Any:
    """Return the body with the SHA-256 of each picture in its place."""
    if isinstance(body, list):
        return [_without_pictures(each) for each in body]
    if not isinstance(body, dict):
        return body
    if _kind_of(body) and "data" in body:
        return {"mimeType": _kind_of(body), "data": hashlib.sha256(base64.urlsafe_b64decode(body["data"])).hexdigest()}
    return {name: _without_pictures(each) for name, each in body.items()}


def _unless_ignored(entry: LoggedRequest, model: str, image: Any, size: Size) -> Size:
    """Return the size; returns the default one of its ratio if the scenario plays that the image size is ignored."""
    if entry.played != "size_ignored":
        return size
    return size_of(model, image.get("aspectRatio", "1:1"), "1K") or size


def _made(entry: LoggedRequest, prompt: str, source: str, size: Size, output: Any) -> tuple[str, str] | Response:
    """Return the media type and the file in base64, or the response of a request that gets none."""
    try:
        kind, file = file_of(prompt, source, chosen_seed(-1), size, output)
    except LookupError:
        return _error_response("invalid_argument")
    if not wait_connected(entry, state().scenario.delay):
        return client_gone()
    return kind, "!" if entry.played == "not_base64" else base64.b64encode(file).decode()


def _inline(kind: str, data: str) -> dict[str, object]:
    return {"inlineData": {"mimeType": kind, "data": data}}


def _candidate_response(parts: list[dict[str, object]]) -> Response:
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    usage = {"totalTokenCount": 1300}
    return json_reply({"candidates": [candidate], "modelVersion": "simulated", "usageMetadata": usage})


def _error_response(word: str) -> Response:
    code, status, message, details = ERRORS[word]
    error = {"code": code, "message": message, "status": status, **({"details": details} if details else {})}
    return json_reply({"error": error}, code)
