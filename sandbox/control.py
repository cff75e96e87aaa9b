"""The sandbox's own address, /sandbox: switch the scenario, read the log and the gauge while it runs."""

from flask import Blueprint, Response, abort, current_app, jsonify, request
from pydantic import ValidationError

from sandbox.pictures import Pictures, jpeg
from sandbox.switchboard import Scenario, Switchboard

control = Blueprint("control", __name__, url_prefix="/sandbox")


def switchboard() -> Switchboard:
    """The running sandbox's switchboard."""
    board: Switchboard = current_app.extensions["switchboard"]
    return board


def pictures() -> Pictures:
    """The running sandbox's pictures."""
    shelf: Pictures = current_app.extensions["pictures"]
    return shelf


def painted(prompt: str, negative_prompt: str, seed: int, guidance_scale: float, size: tuple[int, int]) -> bytes:
    """The JPEG of a recipe, or one that was painted beforehand where the scenario wants no time spent on painting."""
    if switchboard().scenario.painted == "beforehand":
        return pictures().beforehand(size)
    return jpeg(prompt, negative_prompt, seed, guidance_scale, size)


@control.before_request
def refuse_other_sites_pages() -> None:
    """Answer 403 to a page of another site, which may POST without asking; programs send no Origin."""
    if request.headers.get("Origin", request.host_url.rstrip("/")) != request.host_url.rstrip("/"):
        abort(403)


@control.get("")
def state() -> Response:
    """The scenario that is played."""
    return jsonify(switchboard().scenario.model_dump())


@control.post("")
def switch() -> tuple[Response, int]:
    """Play the scenario of the JSON body; what it leaves out is well."""
    try:
        scenario = Scenario.model_validate_json(request.get_data())
    except ValidationError as error:
        return jsonify(error=str(error)), 400
    switchboard().switch(scenario)
    return jsonify(scenario.model_dump()), 200


@control.post("/reset")
def reset() -> Response:
    """All is well again, the log is empty and nobody has asked too often; keys stay good."""
    switchboard().reset()
    current_app.extensions["visitors"].forget_visits()
    return jsonify(Scenario().model_dump())


@control.post("/expire")
def expire() -> Response:
    """No key that was given is good any more."""
    current_app.extensions["visitors"].expire_keys()
    return jsonify(switchboard().scenario.model_dump())


@control.get("/log")
def log() -> Response:
    """What was asked, oldest first."""
    return jsonify([asked.model_dump() for asked in switchboard().log()])


@control.get("/gauge")
def gauge() -> Response:
    """Generations in flight now, and the most that were at one time."""
    return jsonify(switchboard().gauge())
