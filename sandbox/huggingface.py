"""Hugging Face's router and Hub, and an Inference Endpoint, in the shapes that its client and public code show.

    GET  /huggingface/hub/api/models/<id>?expand=inferenceProviderMapping     who serves a model
    POST /huggingface/router/hf-inference/models/<id>                         {"inputs", "parameters"}: a picture
    POST /huggingface/router/nscale/v1/images/generations, …/together/…       JSON with the picture in base64
    POST /huggingface/router/fal-ai/<id>                                      JSON with the picture's address
    POST /huggingface/endpoint                                                as hf-inference

Behaviours: REFUSALS' keys, `loading` (refused with an estimated time), `loading_odd` (one that is no number) and
`loading_absurd`, `deep` (JSON without an end), `html` and `empty_json` (HTTP 200), `wrong_types`, `not_base64`,
`elsewhere` (an address on another host), `black` (fal.ai's safety checker), `redirect`, `hang`, and those of a spoiled
picture. Of the Hub: `hub_down`, `hub_hang`, `hub_unknown`, `hub_nobody` (no provider known here), `hub_odd`.

Nobody could verify here: what nscale and Together say when they refuse, whether the router still answers `loading`,
and that the order of the mapping is the account's.
"""

import base64
import json

from flask import Blueprint, Response, jsonify, request

from sandbox.callers import HANG_SECONDS, still_there
from sandbox.control import painted, pictures, switchboard
from sandbox.pictures import chosen_seed, handed_out, reset
from sandbox.settings import Settings
from sandbox.switchboard import Asked

DEPRECATED = "The requested model is deprecated and no longer supported by provider hf-inference"
NO_PERMISSION = (
    "This authentication method does not have sufficient permissions to call Inference Providers on behalf of user ann"
)
FLAGGED = {
    "loc": ["body", "prompt"],
    "msg": "The content could not be processed because it contained material flagged by a content checker.",
    "type": "content_policy_violation",
    "input": {"prompt": "as it was sent"},
}
REFUSALS: dict[str, tuple[int, object, dict[str, str]]] = {
    "no_permission": (403, {"error": NO_PERMISSION}, {}),
    "no_credit": (402, {"error": "You have depleted your monthly included credits."}, {}),
    "not_enabled": (402, {"error": "Pay-as-you go is not enabled for provider fal-ai yet."}, {}),
    "too_many": (429, {"error": "Too Many Requests"}, {"Retry-After": "7"}),
    "too_many_as_limit": (429, {"error": "Too Many Requests"}, {"RateLimit": '"api";r=0;t=55'}),
    "too_many_absurd": (429, {"error": "Too Many Requests"}, {"Retry-After": "999999999"}),
    "too_many_silent": (429, {}, {}),
    "deprecated": (410, {"error": DEPRECATED}, {}),
    "unknown_model": (404, {"error": "Model not found"}, {}),
    "invalid": (400, {"error": {"message": "size is not supported", "type": "invalid_request_error"}}, {}),
    "invalid_list": (422, {"detail": [{"loc": ["body"], "msg": "field required", "type": "missing"}]}, {}),
    "flagged": (422, {"detail": [FLAGGED]}, {}),
    "nsfw": (400, {"error": {"message": "NSFW content detected in prompt.", "code": "nsfw_content"}}, {}),
    "loading": (503, {"error": "Model is currently loading", "estimated_time": 1.0}, {}),
    "loading_odd": (503, {"error": "Model is currently loading", "estimated_time": float("nan")}, {}),
    "loading_absurd": (503, {"error": "Model is currently loading", "estimated_time": 10**400}, {}),
    "overloaded": (503, {"error": "Model too busy, unable to get response in less than 60 second(s)"}, {}),
    "error_500": (500, {"error": ["unknown error"]}, {}),
    "teapot": (418, 418, {}),
    "hub_down": (500, {"error": "Internal Error - We're working hard to fix this as soon as possible!"}, {}),
    "hub_unknown": (404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}),
}
OTHER_REPLIES = {
    "html": "<!DOCTYPE html><title>Hugging Face</title>",
    "empty_json": "{}",
    "wrong_types": '{"data": 7, "images": 7}',
    "not_base64": '{"data": [{"b64_json": "\\u00e9"}], "images": [{"url": 7}]}',
    "deep": "[" * 100_000,
}
TASK = "text-to-image"
SERVED = ("replicate", "nscale", "fal-ai", "together", "hf-inference")  # as an account may have ordered them

huggingface = Blueprint("huggingface", __name__, url_prefix="/huggingface")


@huggingface.get("/hub/api/models/<path:model>")
def mapping(model: str) -> Response:
    """Who serves the model."""
    board = switchboard()
    with board.asked("huggingface_hub", {"model": model, "expand": request.args.get("expand")}) as entry:
        if board.scenario.huggingface.startswith("hub_"):
            entry.played = board.behaviour("huggingface")
        if not _authorized():
            return _refused(401, {"error": "Invalid user token."})
        if entry.played in REFUSALS:
            return _refused(*REFUSALS[entry.played])
        if entry.played == "hub_hang":
            still_there(entry)
            return Response(status=499)
        served = SERVED[:1] if entry.played == "hub_nobody" else SERVED
        providers: object = {name: {"status": "live", "providerId": model, "task": TASK} for name in served}
        if entry.played == "hub_odd":
            providers = {"nscale": {"status": 7}}
        reply = {"_id": "0", "id": model, "inferenceProviderMapping": providers}
        return Response(json.dumps(reply), mimetype="application/json")  # jsonify would sort the providers


@huggingface.post("/router/hf-inference/models/<path:model>")
@huggingface.post("/endpoint")
def picture(model: str = "") -> Response:
    """A picture as it is."""
    body = json.loads(request.get_data())
    with switchboard().asked("huggingface", {"provider": "hf-inference", "model": model, **body}) as entry:
        return _answer(entry) or handed_out(_painted(body["inputs"], body.get("parameters", {})), entry.played)


@huggingface.post("/router/<any(nscale, together):provider>/v1/images/generations")
def in_base64(provider: str) -> Response:
    """A picture within JSON."""
    body = json.loads(request.get_data())
    with switchboard().asked("huggingface", {"provider": provider, **body}) as entry:
        if body.get("response_format") != {"nscale": "b64_json", "together": "base64"}[provider]:
            return _refused(*REFUSALS["invalid"])
        if answer := _answer(entry):
            return answer
        file = handed_out(_painted(body["prompt"], body), entry.played).get_data()
        return jsonify(data=[{"b64_json": base64.b64encode(file).decode()}])


@huggingface.post("/router/fal-ai/<path:model>")
def by_address(model: str) -> Response:
    """The address of a picture, on the sandbox's upload host."""
    body = json.loads(request.get_data())
    with switchboard().asked("huggingface", {"provider": "fal-ai", "model": model, **body}) as entry:
        if answer := _answer(entry):
            return answer
        port = 9 if entry.played == "elsewhere" else Settings().sandbox_upload_port
        name = pictures().keep(_painted(body["prompt"], {**body, **body.get("image_size", {})}))
        image = {"url": f"http://127.0.0.1:{port}/{name}.jpeg", "content_type": "image/jpeg"}
        return jsonify(images=[image], seed=body.get("seed"), has_nsfw_concepts=[entry.played == "black"])


def _answer(entry: Asked) -> Response | None:
    """The answer that is no picture, after the time that a picture takes; None where a picture is to be made."""
    board = switchboard()
    if not _authorized():
        return _refused(401, {"error": "Invalid username or password."})
    if not board.scenario.huggingface.startswith("hub_"):
        entry.played = board.behaviour("huggingface")
    if entry.played in REFUSALS:
        return _refused(*REFUSALS[entry.played])
    with board.in_flight():
        gone = not still_there(entry, HANG_SECONDS if entry.played == "hang" else board.scenario.delay)
    if gone or entry.played == "hang":
        return Response(status=499)
    if entry.played == "reset":
        return reset()
    if entry.played == "redirect":
        return Response(status=307, headers={"Location": "http://127.0.0.1:9/"})
    text = OTHER_REPLIES.get(entry.played)
    return Response(text, mimetype="text/html" if entry.played == "html" else "application/json") if text else None


def _authorized() -> bool:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return token.startswith("hf_") and "wrong" not in token


def _refused(status: int, reply: object, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(reply), status, headers or {}, mimetype="application/json")


def _painted(prompt: str, words: dict[str, object]) -> bytes:
    width, height = str(words.get("size", "1024x1024")).split("x")
    size = (int(str(words.get("width", width))), int(str(words.get("height", height))))
    seed, guidance = int(str(words.get("seed", -1))), float(str(words.get("guidance_scale", 7)))
    return painted(prompt, str(words.get("negative_prompt", "")), chosen_seed(seed), guidance, size)
