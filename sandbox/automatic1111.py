"""The web API of AUTOMATIC1111's web UI, of Forge, SD.Next and stable-diffusion.cpp, as their sources have it.

    POST /automatic1111/sdapi/v1/txt2img, …/img2img    a picture in base64, after those before it
    GET  /automatic1111/sdapi/v1/progress              of whatever is made at the moment
    POST /automatic1111/sdapi/v1/interrupt             ends that, and its request brings half a picture
    GET  /automatic1111/sdapi/v1/sd-models, …/options

The sources: modules/api/api.py of https://github.com/AUTOMATIC1111/stable-diffusion-webui and of
https://github.com/lllyasviel/stable-diffusion-webui-forge, modules/api/ of https://github.com/vladmandic/sdnext, and
examples/server/routes_sdapi.cpp of https://github.com/leejet/stable-diffusion.cpp. A client that hangs up ends nothing.

Unverified: what SD.Next answers when a picture is interrupted (here half of it, as the others), and what older versions
of each did.
"""

import base64
import binascii
import io
import json
from typing import Literal

from flask import Blueprint, Response, request
from PIL import Image, UnidentifiedImageError
from pydantic import Field

from sandbox.automatic1111_checkpoints import CHECKPOINTS, LOADED, ONLY, OPTIONS
from sandbox.automatic1111_machine import OTHER, Machine
from sandbox.automatic1111_replies import CRASHES, INFO, REPLIES
from sandbox.pictures import SPOILED, as_format, chosen_seed, handed_out, painted
from sandbox.replies import hang, html_reply, json_reply, reset
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import LoggedRequest, memory, state

Flavour = Literal["a1111", "forge", "sdnext", "sdcpp"]
SAMPLERS = ("Euler", "Euler a", "DPM++ 2M")
FAULTS = Faults(
    (
        *(*CRASHES, *REPLIES, *INFO, "crash", "no_api", "html_502", "hang", "no_results"),
        *("interrupted", "skipped", "data_url", *SPOILED),
    ),
    by_chance=("crash", "nothing", "html_502"),
)
LIST_FAULTS = Faults(("missing", "no_api", "html_502", "not_a_list", "odd_entries", "empty", "deep"))
PROGRESS_FAULTS = Faults(("missing", "html_502", "odd", "wrong_types", "hang", "drip"))

automatic1111 = Blueprint("automatic1111", __name__, url_prefix="/automatic1111/sdapi/v1")


class Automatic1111Scenario(Scenario):
    """What the stand-in plays."""

    automatic1111: str = Field("ok", description='"ok" or a fault of a picture.')
    automatic1111_list: str = Field("ok", description='"ok" or a fault of the list of checkpoints.')
    automatic1111_progress: str = Field("ok", description='"ok" or a fault of the progress.')
    automatic1111_flavour: Flavour = Field("a1111", description="Which server it is.")
    automatic1111_user: str = Field("", description="user:password that it asks for.")
    automatic1111_format: Literal["png", "jpeg", "webp"] = Field("png", description="Its option samples_format.")
    automatic1111_others: float = Field(0, ge=0, le=60, description="Seconds of another client's job before each one.")
    automatic1111_comments: bool | None = Field(None, description="Its option enable_prompt_comments, if it lists it.")
    automatic1111_stays: bool = Field(False, description="Whether it goes on with the checkpoint that it has loaded.")


def _environment(addresses: Addresses) -> dict[str, str]:
    return {"AUTOMATIC1111_URL": f"{addresses.site}/automatic1111", "AUTOMATIC1111_POLL_SECONDS": "0.5"}


def _reset() -> None:
    memory(Machine).reset()


STAND_IN = StandIn(
    name="automatic1111",
    scenario=Automatic1111Scenario,
    faults={"automatic1111": FAULTS, "automatic1111_list": LIST_FAULTS, "automatic1111_progress": PROGRESS_FAULTS},
    blueprints=(automatic1111,),
    environment=_environment,
    reset=_reset,
)


@automatic1111.post("/<any(txt2img, img2img):kind>")
def picture(kind: str) -> Response:
    """Make a picture, or refuse."""
    body = json.loads(request.get_data())
    with state().logged("automatic1111", {"kind": kind, **body, **_sizes_of_images(body)}) as entry:
        entry.played = state().draw("automatic1111")
        if refusal := _unauthorized() or _fault(entry) or _refusal(kind, body):
            return refusal
        machine, scenario, steps = memory(Machine), _scenario(), int(body.get("steps", 50))
        with machine.lock, state().in_flight():
            if scenario.automatic1111_others:
                machine.run(OTHER, scenario.automatic1111_others, steps)
            machine.run(body.get("force_task_id"), scenario.delay, steps, ended_by=entry.played)
            half = machine.ended_by is not None
        return _made(body, entry.played, half=half)


@automatic1111.get("/progress")
def progress() -> Response:
    """Return the progress of whatever is made at the moment."""
    with state().logged("automatic1111_progress", dict(request.args)) as entry:
        entry.played = state().draw("automatic1111_progress")
        if _flavour() == "sdcpp" or entry.played == "missing":
            return Response(status=404)
        if entry.played == "html_502":
            return html_reply("Bad gateway", 502)
        if entry.played == "hang":
            return hang(entry)
        if entry.played == "drip":
            return handed_out(bytes(100_000), "drip")
        if _flavour() != "forge" and (refusal := _unauthorized()):
            return refusal
        found = memory(Machine).progress(with_image=request.args.get("skip_current_image") == "false")
        if _flavour() == "sdnext":
            found["id"] = found.pop("current_task") and "a-job-of-sdnext"
        return json_reply(_spoiled_progress(found, entry.played))


@automatic1111.post("/interrupt")
def interrupt() -> Response:
    """End whatever is made at the moment."""
    with state().logged("automatic1111_interrupt"):
        if _flavour() == "sdcpp":
            return Response(status=404)
        if refusal := _unauthorized():
            return refusal
        memory(Machine).interrupt("interrupted")
        return Response(status=204) if _flavour() == "sdnext" else json_reply({})


@automatic1111.get("/sd-models")
def checkpoints() -> Response:
    """Return the checkpoints."""
    with state().logged("automatic1111_list") as entry:
        entry.played = state().draw("automatic1111_list")
        faults = {
            "missing": Response(status=404),
            "no_api": json_reply({"detail": "Not Found"}, 404),
            "html_502": html_reply("Bad gateway", 502),
            "not_a_list": json_reply({"models": 7}),
            "odd_entries": json_reply([7, None, {}, {"title": 7}, {"title": "x.ckpt", "hash": ["y"]}, CHECKPOINTS[0]]),
            "empty": json_reply([]),
            "deep": Response("[" * 100_000, mimetype="application/json"),
        }
        if entry.played in faults:
            return faults[entry.played]
        return _unauthorized() or json_reply([ONLY] if _flavour() == "sdcpp" else list(CHECKPOINTS))


@automatic1111.get("/options")
def options() -> Response:
    """Return the options, of which the real ones are many more."""
    with state().logged("automatic1111_options"):
        found: dict[str, object] = {"samples_format": "png", "sd_model_checkpoint": CHECKPOINTS[0]["title"]}
        if _flavour() != "sdcpp":
            found |= OPTIONS
        if _scenario().automatic1111_comments is not None:
            found["enable_prompt_comments"] = _scenario().automatic1111_comments
        return _unauthorized() or json_reply(found)


def _scenario() -> Automatic1111Scenario:
    return state().fields(Automatic1111Scenario)


def _flavour() -> Flavour:
    return _scenario().automatic1111_flavour


def _error(status: int, error: str, detail: str = "", errors: str = "") -> Response:
    """Return an error as each of the servers words it."""
    if _flavour() == "sdcpp":
        return json_reply({"error": "server_error", "message": errors or detail}, status)
    if _flavour() == "forge":  # its middleware for errors is switched off
        return json_reply({"detail": detail}, status) if detail else Response("Internal Server Error", status)
    code = {"code": status} if _flavour() == "sdnext" else {}
    return json_reply({"error": error, **code, "detail": detail, "body": "", "errors": errors}, status)


def _unauthorized() -> Response | None:
    wanted = _scenario().automatic1111_user
    given = request.authorization
    if not wanted or (given and f"{given.username}:{given.password}" == wanted):
        return None
    detail = "Unauthorized" if _flavour() == "sdnext" else "Incorrect username or password"
    reply = _error(401, "HTTPException", detail)
    reply.headers["WWW-Authenticate"] = "Basic"
    return reply


def _fault(entry: LoggedRequest) -> Response | None:
    """Return the response of a fault; returns None if the picture is to be made."""
    played = entry.played
    if played in REPLIES:
        status, text = REPLIES[played]
        return Response(text, status, mimetype="text/plain" if status > 200 else "application/json")
    if played == "hang":
        return hang(entry)
    if played == "reset":
        return reset()
    if played == "html_502":
        return html_reply("Bad gateway", 502)
    if played == "no_api":
        return json_reply({"detail": "Not Found"}, 404)
    if played == "no_results":
        return json_reply({"error": "generate_image returned no results"}, 500)
    if played == "crash":
        return Response("Internal Server Error", 500, mimetype="text/plain")
    return _error(500, CRASHES[played][0], "", CRASHES[played][1]) if played in CRASHES else None


def _refusal(kind: str, body: dict[str, object]) -> Response | None:
    """Return the response to a request that the server refuses; returns None if it takes it."""
    flavour = _flavour()
    if flavour == "sdcpp":
        return None if body.get("prompt") else json_reply({"error": "prompt required"}, 400)
    for name in ("width", "height", "steps", "seed"):
        if not isinstance(body.get(name), int):
            wrong = {"loc": ["body", name], "msg": "value is not a valid integer", "type": "type_error.integer"}
            return json_reply({"detail": [wrong]}, 422)
    if body.get("sampler_name") not in SAMPLERS:
        return _error(400 if flavour == "forge" else 404, "HTTPException", "Sampler not found")
    if kind == "img2img" and not body.get("init_images"):
        if flavour == "sdnext":
            return json_reply({"error": "Init image is none"}, 400)
        return _error(404, "HTTPException", "Init image not found")
    if flavour == "forge" and _checkpoint(body) is None:
        return Response("Internal Server Error", 500, mimetype="text/plain")  # RuntimeError: model '…' not found
    return None


def _checkpoint(body: dict[str, object]) -> str | None:
    """Return the name of the checkpoint that a picture is made with; returns None if it asks for an unknown one."""
    override = body.get("override_settings")
    wanted = override.get("sd_model_checkpoint") if isinstance(override, dict) else None
    if wanted is None or _scenario().automatic1111_stays:
        return LOADED
    return next((str(it["model_name"]) for it in CHECKPOINTS if wanted in it.values()), None)


def _made(body: dict[str, object], played: str, *, half: bool) -> Response:
    """Return the picture of a request; half of it if it was ended."""
    width, height, scale = int(str(body["width"])), int(str(body["height"])), float(str(body["cfg_scale"]))
    seed = chosen_seed(int(str(body.get("seed", -1))))
    jpeg = painted(str(body["prompt"]), str(body.get("negative_prompt") or ""), seed, scale, (width, height))
    file = as_format(_half(jpeg) if half else jpeg, _scenario().automatic1111_format)
    if played in SPOILED:
        reply = handed_out(file, played)
        if reply.status_code != 200 or reply.is_streamed or reply.content_encoding:
            return reply
        file = reply.get_data()
    prefix = "data:image/png;base64," if played == "data_url" else ""
    info = {
        "prompt": body["prompt"],
        "seed": seed,
        "all_seeds": [seed],
        "width": width,
        "height": height,
        "sampler_name": body.get("sampler_name"),
        "cfg_scale": scale,
        "steps": body.get("steps"),
        "sd_model_name": ONLY["filename"]
        if _flavour() == "sdcpp"
        else _checkpoint(body) or LOADED,  # an unknown one is silently ignored
    }
    echoed = body if _flavour() == "sdcpp" else {**body, "init_images": None}
    images = [prefix + base64.b64encode(file).decode()]
    return json_reply({"images": images, "parameters": echoed, "info": INFO.get(played, json.dumps(info))})


def _half(jpeg: bytes) -> bytes:
    image = Image.open(io.BytesIO(jpeg)).convert("RGB")
    image.paste((127, 127, 127), (0, image.height // 2, image.width, image.height))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def _spoiled_progress(found: dict[str, object], played: str) -> dict[str, object]:
    if played == "odd":
        return {**found, "progress": float("nan"), "eta_relative": float("inf"), "current_image": "*"}
    if played == "wrong_types":
        return {"progress": "much", "eta_relative": [], "state": 7, "current_task": 7, "current_image": 7}
    return found


def _sizes_of_images(body: dict[str, object]) -> dict[str, object]:
    """Return the sizes of the pictures that a request begins with, for the log in place of them."""
    images = body.get("init_images")
    return {"init_images": [_size(it) for it in images]} if isinstance(images, list) else {}


def _size(text: object) -> str:
    try:
        image = Image.open(io.BytesIO(binascii.a2b_base64(str(text), strict_mode=True)))
    except (ValueError, UnidentifiedImageError):
        return "no picture"
    return f"{image.width}x{image.height}"
