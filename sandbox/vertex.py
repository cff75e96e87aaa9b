"""Google's Vertex AI and the token endpoint of its service accounts, as far as pictures need them.

    POST /vertex/token                                          a signed statement (RFC 7523) for a token
    POST /vertex/v1/publishers/google/models/<model>:<verb>     with an API key, in the header x-goog-api-key
    POST /vertex/v1/projects/<p>/locations/<l>/publishers/google/models/<model>:<verb>          with a token

The verb is `generateContent` for Gemini's models and `predict` for Imagen's. Behaviours, beside `ok`:

    hang, reset, redirect, html (with status 200), html_502, list, wrong_types, not_base64, nothing, huge, compressed
    a key of ERRORS
    blocked (by its prompt), text (in place of a picture), no_image, safety, an unknown_reason, a thought first
    filtered (Imagen's filter, with its reason), filtered_silently
    token_refused, token_500, token_html, token_hang, token_without: the token endpoint
    a key of LIFETIMES: when the token ends

Shapes are google-genai's own types and Google's reference of both methods; messages are quoted from public issue
threads. Nobody could compare with the live service: the exact messages, what Imagen answers since it was announced to
end, and how it refuses a seed beside a watermark or a negative prompt that the model does not take. The statement's
claims are looked at, its signature is not. Every API key is taken, and of the Gemini models only the oldest is at other
locations than `global`.
"""

import base64
import json
import time
from typing import Any

from flask import Blueprint, Response, request

from sandbox.callers import still_there
from sandbox.control import painted, switchboard
from sandbox.pictures import OVERSIZED_BYTES, chosen_seed, handed_out, reset
from sandbox.switchboard import Asked

TOKEN = "ya29.of-the-sandbox"  # noqa: S105 - it opens nothing
GEMINI = ("gemini-2.5-flash-image", "gemini-3-pro-image", "gemini-3.1-flash-image")
LEGACY_IMAGEN = ("imagen-3.0-generate-001", "imagen-3.0-fast-generate-001")
IMAGEN = (*LEGACY_IMAGEN, "imagen-3.0-generate-002", "imagen-4.0-generate-001", "imagen-4.0-fast-generate-001")
GEMINI_SIZES = {"1:1": (1024, 1024), "2:3": (848, 1264), "3:2": (1264, 848)}
IMAGEN_SIZES = {"1:1": (1024, 1024), "3:4": (896, 1280), "4:3": (1280, 896)}
RESPONSIBLE = (
    "Image generation failed with the following error: The prompt could not be submitted. This prompt contains "
    "sensitive words that violate Google's Responsible AI practices. Try rephrasing the prompt."
)
FILTERED = (
    "Unable to show generated images. All images were filtered out because they violated Vertex AI's usage guidelines. "
    "You will not be charged for blocked images. Try rephrasing the prompt. Support codes: 63429089"
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

vertex = Blueprint("vertex", __name__, url_prefix="/vertex")


@vertex.post("/token")
def token() -> Response:
    """A token for a statement whose claims are in order."""
    board = switchboard()
    assertion = request.form.get("assertion", "")  # whoever hangs up is noticed only once his request is read
    with board.asked("vertex_token") as entry:
        if board.scenario.vertex.startswith("token_"):
            entry.played = board.behaviour("vertex")
        if entry.played == "token_hang":
            still_there(entry)
            return Response(status=499)
        if entry.played == "token_500":
            return _json({"error": "internal_failure"}, 500)
        if entry.played == "token_html":
            return Response("<!DOCTYPE html><title>Error</title>", mimetype="text/html")
        if entry.played == "token_without":
            return _json({"id_token": "something else"})
        if entry.played == "token_refused" or not _in_order(assertion):
            return _json({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
        seconds = LIFETIMES.get(entry.played, 3599)
        return _json({"access_token": TOKEN, "expires_in": seconds, "token_type": "Bearer"})


@vertex.post("/v1/publishers/google/models/<model>:<verb>", defaults={"location": "global"})
@vertex.post("/v1/projects/<project>/locations/<location>/publishers/google/models/<model>:<verb>")
def make(model: str, verb: str, location: str, project: str | None = None) -> Response:
    """Make a picture; answers when it is made."""
    board = switchboard()
    body = json.loads(request.get_data())
    logged = {"model": model, "verb": verb, "location": location, "project": project, **body}
    with board.asked("vertex", logged) as entry:
        if not board.scenario.vertex.startswith("token_"):
            entry.played = board.behaviour("vertex")
        if not _welcome(project):
            entry.played = "unauthenticated"
        elif not _exists(model, verb, location, project):
            entry.played = "not_found"
        if entry.played in ERRORS:
            return _error(*ERRORS[entry.played])
        odd = _oddity(entry)
        if odd:
            return odd
        with board.in_flight():
            return _by_imagen(entry, body) if verb == "predict" else _by_gemini(entry, body)


def _in_order(assertion: str) -> bool:
    """Whether the statement is a signed one of now, for this endpoint."""
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in assertion.split(".")[:2])
        fresh = abs(time.time() - claims["iat"]) < 60 and 0 < claims["exp"] - claims["iat"] <= 3600
        right = claims["aud"] == request.base_url and "cloud-platform" in claims["scope"] and "@" in claims["iss"]
        grant = request.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    except (ValueError, KeyError, TypeError):
        return False
    return header.get("alg") == "RS256" and assertion.count(".") == 2 and fresh and right and grant


def _welcome(project: str | None) -> bool:
    if project is None:
        return bool(request.headers.get("x-goog-api-key"))
    return request.headers.get("Authorization") == f"Bearer {TOKEN}"


def _exists(model: str, verb: str, location: str, project: str | None) -> bool:
    if verb == "predict":
        return model in IMAGEN and location != "global" and project is not None
    return verb == "generateContent" and model in GEMINI and (location == "global" or model == GEMINI[0])


def _oddity(entry: Asked) -> Response | None:
    """What has no part in the protocol."""
    if entry.played == "hang":
        still_there(entry)
        return Response(status=499)
    if entry.played == "reset":
        return reset()
    if entry.played == "redirect":
        return Response(status=307, headers={"Location": f"{request.host_url}vertex/elsewhere"})
    if entry.played.startswith("html"):
        page = "<!DOCTYPE html><title>Error 502</title>"
        return Response(page, 502 if entry.played == "html_502" else 200, mimetype="text/html")
    if entry.played == "compressed":
        return handed_out(b"", "compressed")
    documents: dict[str, object] = {
        "list": [[]],
        "nothing": {},
        "wrong_types": {"candidates": [7], "predictions": [7]},
        "huge": {"candidates": "A" * OVERSIZED_BYTES},
    }
    return _json(documents[entry.played]) if entry.played in documents else None


def _by_gemini(entry: Asked, body: Any) -> Response:
    config = body.get("generationConfig", {})
    size = GEMINI_SIZES.get(config.get("imageConfig", {}).get("aspectRatio", "1:1"))
    if "IMAGE" not in config.get("responseModalities", []) or size is None:
        return _error(*ERRORS["invalid_argument"])
    if entry.played == "blocked":
        return _json({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": "simulated"})
    reasons = {"no_image": "NO_IMAGE", "safety": "IMAGE_SAFETY", "unknown_reason": "SOMETHING_NEW"}
    if entry.played in reasons:
        return _json({"candidates": [{"finishReason": reasons[entry.played], "index": 0}]})
    text: dict[str, object] = {"text": "I cannot make such a picture."}
    if entry.played == "text":
        return _candidate([text])
    picture = painted(str(body["contents"][0]["parts"][0]["text"]), "", chosen_seed(-1), 7.0, size)
    if not still_there(entry, switchboard().scenario.delay):
        return Response(status=499)
    data = "!" if entry.played == "not_base64" else base64.b64encode(picture).decode()
    part: dict[str, object] = {"inlineData": {"mimeType": "image/jpeg", "data": data}}
    thoughts = [{**text, "thought": True}, {"inlineData": {"mimeType": "image/jpeg", "data": "AAAA"}, "thought": True}]
    return _candidate([*(thoughts if entry.played == "thought" else []), part])


def _by_imagen(entry: Asked, body: Any) -> Response:
    wanted = body.get("parameters", {})
    size = IMAGEN_SIZES.get(wanted.get("aspectRatio", "1:1"))
    seeded_in_vain = "seed" in wanted and wanted.get("addWatermark", True)
    negative_in_vain = "negativePrompt" in wanted and entry.body and entry.body["model"] not in LEGACY_IMAGEN
    if size is None or seeded_in_vain or negative_in_vain:
        return _error(*ERRORS["invalid_argument"])
    if entry.played == "filtered_silently":
        return _json({})
    if entry.played == "filtered":
        return _json({"predictions": [{"raiFilteredReason": FILTERED}]})
    prompt, negative = str(body["instances"][0]["prompt"]), wanted.get("negativePrompt", "")
    picture = painted(prompt, negative, chosen_seed(int(wanted.get("seed", -1))), 7.0, size)
    if not still_there(entry, switchboard().scenario.delay):
        return Response(status=499)
    data = "!" if entry.played == "not_base64" else base64.b64encode(picture).decode()
    return _json({"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": data}]})


def _candidate(parts: list[dict[str, object]]) -> Response:
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return _json({"candidates": [candidate], "modelVersion": "simulated", "usageMetadata": {"totalTokenCount": 1300}})


def _error(code: int, status: str, message: str, details: list[dict[str, object]]) -> Response:
    error = {"code": code, "message": message, "status": status, **({"details": details} if details else {})}
    return _json({"error": error}, code)


def _json(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document), status, mimetype="application/json")
