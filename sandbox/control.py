"""The sandbox's own address, /sandbox: change the scenario, read the log and the gauge while it runs."""

from flask import Blueprint, Response, abort, jsonify, request
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sandbox.state import state

control = Blueprint("control", __name__, url_prefix="/sandbox")


@control.before_request
def refuse_other_sites() -> None:
    """Answer 403 to another site's page, which may POST without a preflight; programs send no Origin."""
    if request.headers.get("Origin", request.host_url.rstrip("/")) != request.host_url.rstrip("/"):
        abort(403)


@control.get("")
def show() -> Response:
    """Return the scenario that is played."""
    return jsonify(state().scenario.model_dump())


@control.post("")
def play() -> tuple[Response, int]:
    """Play the scenario of the JSON body; what it leaves out is well."""
    try:
        scenario = state().scenario_type.model_validate_json(request.get_data())
    except ValidationError as error:
        return jsonify(error=_sentence(error.errors(), ", ".join(state().scenario_type.model_fields))), 400
    if unknown := state().unknown_word(scenario):
        name, words = unknown
        return jsonify(error=f"The scenario's {name} cannot be played: it is ok, {', '.join(words)}."), 400
    state().play(scenario)
    return jsonify(scenario.model_dump()), 200


@control.post("/reset")
def reset() -> Response:
    """Play that all is well, empty the log and forget the visits; keys stay valid."""
    state().reset()
    return show()


@control.get("/log")
def log() -> Response:
    """Return the requests, oldest first."""
    return jsonify([entry.model_dump() for entry in state().log()])


@control.get("/gauge")
def gauge() -> Response:
    """Return the generations in flight now and at most, and the requests in flight at each endpoint."""
    return jsonify(state().gauge())


def _sentence(errors: list[ErrorDetails], known: str) -> str:
    """Return one sentence about the first field that cannot be played, an unknown one before others."""
    first = min(errors, key=lambda error: error["type"] != "extra_forbidden")
    if not first["loc"]:
        return "The scenario must be a JSON object."
    name = first["loc"][0]
    if first["type"] == "extra_forbidden":
        return f"The scenario has no field {name}; it has {known}."
    reasons = (error["msg"] for error in errors if error["loc"][0] == name)  # a union has one for each of its members
    return f"The scenario's {name} cannot be played: {'; '.join(reasons)}."
