"""Hugging Face's router and Hub, and an Inference Endpoint, in the shapes that its client and public code show.

    GET  /huggingface/hub/api/models/<id>?expand=inferenceProviderMapping     the providers of a model
    POST /huggingface/router/hf-inference/models/<id>                         {"inputs", "parameters"}: a picture
    POST /huggingface/router/nscale/v1/images/generations, …/together/…       JSON with the picture in base64
    POST /huggingface/router/fal-ai/<id>                                      JSON with the picture's address
    POST /huggingface/endpoint                                                as hf-inference

Spaces are in `sandbox/huggingface_space.py`.

Unverified: what nscale and Together say when they refuse, whether the router still answers `loading`, and that the
order of the mapping is the account's.
"""

import base64
import json

from flask import Blueprint, Response, jsonify, request
from pydantic import Field

from sandbox.clients import wait_connected
from sandbox.huggingface_space import SPACE_FAULTS, SpaceScenario, space, space_address
from sandbox.pictures import SPOILED, as_format, chosen_seed, handed_out, painted, pictures
from sandbox.replies import client_gone, hang, json_reply, reset
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import LoggedRequest, state
from sandbox.upload_host import NOWHERE, upload_origin

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
    "deprecated": (410, {"error": DEPRECATED}, {}),  # `times` says how many providers have dropped the model
    "unknown_model": (404, {"error": "Model not found"}, {}),
    "invalid": (400, {"error": {"message": "size is not supported", "type": "invalid_request_error"}}, {}),
    "invalid_list": (422, {"detail": [{"loc": ["body"], "msg": "field required", "type": "missing"}]}, {}),
    "flagged": (422, {"detail": [FLAGGED]}, {}),
    "nsfw": (400, {"error": {"message": "NSFW content detected in prompt.", "code": "nsfw_content"}}, {}),
    "loading": (503, {"error": "Model is currently loading", "estimated_time": 1.0}, {}),  # in seconds
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
    "deep": "[" * 100_000,  # JSON without an end
}
TASK = "text-to-image"
SERVED = ("replicate", "nscale", "fal-ai", "together", "hf-inference")  # as an account may have ordered them

FAULTS = Faults(
    (
        *(*REFUSALS, *OTHER_REPLIES, *SPOILED, "redirect", "hang"),
        "elsewhere",  # the address of a picture on another host
        "black",  # by fal.ai's safety checker
        *("hub_hang", "hub_nobody", "hub_odd"),  # of the Hub: the second knows none of our providers
    )
)

huggingface = Blueprint("huggingface", __name__, url_prefix="/huggingface")


class HuggingFaceScenario(SpaceScenario):
    """What the stand-in plays."""

    huggingface: str = Field("ok", description='"ok" or a fault')


def _environment(addresses: Addresses) -> dict[str, str]:
    return {
        "HUGGINGFACE_ROUTER_URL": f"{addresses.site}/huggingface/router",
        "HUGGINGFACE_HUB_URL": f"{addresses.site}/huggingface/hub",
        "HUGGINGFACE_IMAGE_ORIGINS": addresses.uploads,
        "HUGGINGFACE_SPACE_URL": space_address(addresses),
    }


STAND_IN = StandIn(
    name="huggingface",
    scenario=HuggingFaceScenario,
    faults={"huggingface": FAULTS, "huggingface_space": SPACE_FAULTS},
    blueprints=(huggingface, space),
    environment=_environment,
    keys={"HF_TOKEN": "hf_any"},
)


@huggingface.get("/hub/api/models/<path:model>")
def mapping(model: str) -> Response:
    """Return the providers of the model."""
    board = state()
    with board.logged("huggingface_hub", {"model": model, "expand": request.args.get("expand")}) as entry:
        if _played_at_hub():
            entry.played = board.draw("huggingface")
        if not _authorized():
            return json_reply({"error": "Invalid user token."}, 401)
        if entry.played in REFUSALS:
            return _refused(entry.played)
        if entry.played == "hub_hang":
            return hang(entry)
        reply = {"_id": "0", "id": model, "inferenceProviderMapping": _providers(model, entry.played)}
        return json_reply(reply)  # jsonify would sort the providers


@huggingface.post("/router/hf-inference/models/<path:model>")
@huggingface.post("/endpoint")
def picture(model: str = "") -> Response:
    """Return a picture as it is."""
    body = json.loads(request.get_data())
    with state().logged("huggingface", {"provider": "hf-inference", "model": model, **body}) as entry:
        wanted = (request.accept_mimetypes.best or "").partition("/")[2]
        options = {"output_format": wanted, **body.get("parameters", {})}
        return _fault(entry) or handed_out(_painted(body["inputs"], options), entry.played)


@huggingface.post("/router/nscale/v1/images/generations", defaults={"provider": "nscale"})
@huggingface.post("/router/together/v1/images/generations", defaults={"provider": "together"})
def in_base64(provider: str) -> Response:
    """Return a picture within JSON."""
    body = json.loads(request.get_data())
    with state().logged("huggingface", {"provider": provider, **body}) as entry:
        if body.get("response_format") != {"nscale": "b64_json", "together": "base64"}[provider]:
            return _refused("invalid")
        if fault := _fault(entry):
            return fault
        file = handed_out(_painted(body["prompt"], body), entry.played).get_data()
        return jsonify(data=[{"b64_json": base64.b64encode(file).decode()}])


@huggingface.post("/router/fal-ai/<path:model>")
def by_address(model: str) -> Response:
    """Return the address of a picture on the upload host."""
    body = json.loads(request.get_data())
    with state().logged("huggingface", {"provider": "fal-ai", "model": model, **body}) as entry:
        if fault := _fault(entry):
            return fault
        origin = NOWHERE if entry.played == "elsewhere" else upload_origin()
        name = pictures().keep(_painted(body["prompt"], {**body, **body.get("image_size", {})}))
        image = {"url": f"{origin}/{name}.jpeg", "content_type": "image/jpeg"}
        return jsonify(images=[image], seed=body.get("seed"), has_nsfw_concepts=[entry.played == "black"])


def _fault(entry: LoggedRequest) -> Response | None:
    """Return the response that is no picture, after a picture's time; returns None if a picture is to be made."""
    board = state()
    if not _authorized():
        return json_reply({"error": "Invalid username or password."}, 401)
    if not _played_at_hub():
        entry.played = board.draw("huggingface")
    if entry.played in REFUSALS:
        return _refused(entry.played)
    with board.in_flight():
        if entry.played == "hang":
            return hang(entry)
        if not wait_connected(entry, board.scenario.delay):
            return client_gone()
    return _other_reply(entry.played)


def _other_reply(played: str) -> Response | None:
    if played == "reset":
        return reset()
    if played == "redirect":
        return Response(status=307, headers={"Location": f"{NOWHERE}/"})
    text = OTHER_REPLIES.get(played)
    return Response(text, mimetype="text/html" if played == "html" else "application/json") if text else None


def _played_at_hub() -> bool:
    return state().fields(HuggingFaceScenario).huggingface.startswith("hub_")


def _providers(model: str, played: str) -> dict[str, object]:
    if played == "hub_odd":
        return {"nscale": {"status": 7}}
    served = SERVED[:1] if played == "hub_nobody" else SERVED
    return {name: {"status": "live", "providerId": model, "task": TASK} for name in served}


def _authorized() -> bool:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return token.startswith("hf_") and "wrong" not in token


def _refused(word: str) -> Response:
    status, reply, headers = REFUSALS[word]
    return json_reply(reply, status, headers)


def _painted(prompt: str, options: dict[str, object]) -> bytes:
    width, height = str(options.get("size", "1024x1024")).split("x")
    size = (int(str(options.get("width", width))), int(str(options.get("height", height))))
    seed, guidance = int(str(options.get("seed", -1))), float(str(options.get("guidance_scale", 7)))
    picture = painted(prompt, str(options.get("negative_prompt", "")), chosen_seed(seed), guidance, size)
    return as_format(picture, str(options.get("output_format", "jpeg")))
