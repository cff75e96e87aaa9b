"""Replicate's API, as far as a picture needs it, below /replicate; its pictures are on the upload host.

    GET  /v1/models/<owner>/<name>                 the inputs of an official model
    GET  /v1/models/<owner>/<name>/versions/<id>   the inputs of a version
    POST /v1/models/<owner>/<name>/predictions     create a prediction of an official model
    POST /v1/predictions                           create one of a version
    GET  /v1/predictions/<id>                      its state
    POST /v1/predictions/<id>/cancel               end it

Shapes are those of replicate's own Python client, its recorded replies (replicate-python, tests/cassettes) and
replicate.com/docs in autumn 2026; error texts are as public issue threads quote them. Unverified: whether an unknown
input is refused, the response to a cancellation of an ended prediction, and whether a throttled response has a
Retry-After. A picture is a JPEG unless another format is asked for.
"""

import base64
import math
import re
import secrets
import threading
import time
from dataclasses import dataclass, field

from flask import Blueprint, Response, request

from sandbox.pictures import as_format, chosen_seed, painted, pictures
from sandbox.replicate_models import ODD_SCHEMAS, SCHEMAS, input_errors, size_of
from sandbox.replicate_refusals import FAILURES, PART_FAULTS, PARTS, ReplicateScenario, fault, refused
from sandbox.replies import json_reply
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import memory, state
from sandbox.upload_host import NOWHERE, upload_origin

SLOW_SECONDS = 0.5
ODD_LINES = {
    "odd_logs": f"  {'9' * 9000}%|█| {'9' * 9000}/1 [",
    "absurd_logs": f"  {'9' * 400}%|█| 1/4 [",
    "long_logs": " 99%|█| 99/99 [\n" + "a line\n" * 1000,
}
DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")

ENDS = {"canceled": "canceled", "aborted": "aborted", "stuck": "processing", "odd_status": "dreaming"}
FAULTS = Faults(
    (
        *(*PART_FAULTS, "slow_creation", "odd_creation"),  # odd_creation: a status that replicate's library lacks
        *(f"{part}_{word}" for part in PARTS for word in PART_FAULTS),
        *ODD_SCHEMAS,
        *(*FAILURES, *ENDS, *ODD_LINES, "echo", "odd_id", "odd_error"),
        *("no_output", "one_url", "data_url", "no_base64", "elsewhere", "no_address"),
    ),
    by_chance=("interrupted", "no_output", "html_502"),
)

replicate = Blueprint("replicate", __name__, url_prefix="/replicate/v1")


def _environment(addresses: Addresses) -> dict[str, str]:
    return {"REPLICATE_URL": f"{addresses.site}/replicate", "REPLICATE_IMAGE_ORIGINS": addresses.uploads}


STAND_IN = StandIn(
    name="replicate",
    scenario=ReplicateScenario,
    faults={"replicate": FAULTS},
    blueprints=(replicate,),
    environment=_environment,
    keys={"REPLICATE_API_TOKEN": "any"},
)


@dataclass
class _Prediction:
    """One prediction, whose progress is a matter of time."""

    model: str
    version: str
    input: dict[str, object]
    played: str
    picture: str
    seconds: float
    id: str = field(default_factory=lambda: secrets.token_hex(13))
    begun: float = field(default_factory=time.monotonic)
    deadline: float = math.inf
    """Seconds after which it is cancelled, by the header Cancel-After."""
    cancelled: bool = False


class Predictions:
    """The predictions, by id. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._predictions: dict[str, _Prediction] = {}

    def add(self, prediction: _Prediction) -> None:
        """Keep a prediction."""
        with self._lock:
            self._predictions[prediction.id] = prediction

    def find(self, prediction_id: str) -> _Prediction | None:
        """Return a prediction; returns None if there is none of that id."""
        with self._lock:
            return self._predictions.get(prediction_id)


@replicate.get("/models/<owner>/<name>")
def model(owner: str, name: str) -> Response:
    """Return an official model."""
    return _described(f"{owner}/{name}")


@replicate.get("/models/<owner>/<name>/versions/<version>")
def model_version(owner: str, name: str, version: str) -> Response:
    """Return a version of a model."""
    return _described(f"{owner}/{name}:{version}")


@replicate.post("/models/<owner>/<name>/predictions")
def create_by_model(owner: str, name: str) -> Response:
    """Create a prediction; only official models have this address."""
    return _create(f"{owner}/{name}", "hidden")


@replicate.post("/predictions")
def create_by_version() -> Response:
    """Create a prediction of a version, which tells the model."""
    version = str(_body().get("version"))
    found = next((known for known in SCHEMAS if known.endswith(f":{version}")), "")
    return _create(found, version)


@replicate.get("/predictions/<prediction_id>")
def poll(prediction_id: str) -> Response:
    """Return the state of a prediction."""
    with state().logged("replicate_poll") as entry:
        played = fault(entry, "poll")
        found = memory(Predictions).find(prediction_id)
        return played or (json_reply(_document(found)) if found else refused("missing"))


@replicate.post("/predictions/<prediction_id>/cancel")
def cancel(prediction_id: str) -> Response:
    """Cancel a prediction."""
    with state().logged("replicate_cancel", {"id": prediction_id}) as entry:
        found = memory(Predictions).find(prediction_id)
        if found is None:
            return refused("missing")
        if played := fault(entry, "cancel"):
            return played
        found.cancelled = True
        return json_reply(_document(found))


def _described(name: str) -> Response:
    with state().logged("replicate_model", {"model": name}) as entry:
        played = fault(entry, "model")
        if played or name not in SCHEMAS:
            return played or refused("missing")
        version = _version(name, ODD_SCHEMAS.get(entry.played, SCHEMAS[name]))
        owner, _, bare = name.partition(":")[0].partition("/")
        about = {"url": f"https://replicate.com/{owner}/{bare}", "owner": owner, "name": bare, "visibility": "public"}
        return json_reply(version if ":" in name else {**about, "run_count": 1, "latest_version": version})


def _version(name: str, schemas: dict[str, object]) -> dict[str, object]:
    return {
        "id": name.partition(":")[2] or secrets.token_hex(32),
        "created_at": "2025-12-04T22:44:13.340521Z",
        "cog_version": "0.15.8",
        "openapi_schema": {"openapi": "3.0.2", "components": {"schemas": schemas}},
    }


def _create(name: str, version: str) -> Response:
    body, cancel_after = _body(), request.headers.get("Cancel-After")
    with state().logged("replicate", {**body, "model": name, "cancel_after": cancel_after}) as entry:
        if played := fault(entry, ""):
            return played
        if entry.played == "slow_creation":
            time.sleep(SLOW_SECONDS)
        if name not in SCHEMAS:
            return refused("missing") if version == "hidden" else _invalid("version does not exist")
        given = body.get("input")
        if not isinstance(given, dict) or body.keys() - {"input", "version"}:
            return _invalid("- input is required\n")
        if errors := input_errors(SCHEMAS[name], given):
            return _invalid(errors)
        return _created(_Prediction(name, version, given, entry.played, _picture_url(given), state().scenario.delay))


def _created(prediction: _Prediction) -> Response:
    prediction.deadline = _seconds(request.headers.get("Cancel-After"))
    memory(Predictions).add(prediction)
    odd = {"status": "queued"} if prediction.played == "odd_creation" else {}
    return json_reply({**_document(prediction, new=True), **odd}, 201)


def _seconds(duration: str | None) -> float:
    """Return the seconds of a text like 5m, 90s, 1h30m or 90; returns infinity if it is no duration."""
    found = DURATION.fullmatch(duration) if duration else None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return hours * 3600 + minutes * 60 + seconds if found else math.inf


def _picture_url(given: dict[str, object]) -> str:
    """Return the id of a new picture, of the size and format that the input asks for."""
    seed = chosen_seed(int(str(given.get("seed", -1))))
    guidance = float(str(given.get("guidance_scale") or given.get("guidance") or 7))
    texts = (str(given["prompt"]), str(given.get("negative_prompt", "")))
    picture = painted(*texts, seed, guidance, size_of(given))
    return pictures().keep(as_format(picture, str(given.get("output_format", "jpg"))))


def _document(prediction: _Prediction, new: bool = False) -> dict[str, object]:
    """Return a prediction as Replicate's JSON has it."""
    done, status = _progress(prediction, new)
    site = f"{request.host_url}replicate/v1/predictions/{prediction.id}"
    return {
        "id": "\n no id" if prediction.played == "odd_id" else prediction.id,
        "model": prediction.model,
        "version": prediction.version,
        "input": prediction.input,
        "logs": "" if status == "starting" else _logs(prediction, done),
        "output": _output(prediction) if status == "succeeded" else None,
        "data_removed": False,
        "error": _prediction_error(prediction) if status == "failed" else None,
        "status": status,
        "created_at": "2026-11-01T12:00:00.000Z",
        "urls": {"cancel": f"{site}/cancel", "get": site},
    }


def _progress(prediction: _Prediction, new: bool) -> tuple[float, str]:
    """Return the share of its time that has passed, and its status."""
    passed = time.monotonic() - prediction.begun
    done = min(passed, prediction.deadline) / (prediction.seconds or 1e-9)
    status = "starting" if new or done < 1 / 4 else "processing" if done < 1 else _final_status(prediction.played)
    if status in ("starting", "processing") and passed > prediction.deadline:
        status = "aborted" if status == "starting" else "canceled"
    return done, "canceled" if prediction.cancelled else status


def _final_status(played: str) -> str:
    return "failed" if played in FAILURES or played in ("odd_error", "echo") else ENDS.get(played, "succeeded")


def _logs(prediction: _Prediction, done: float) -> str:
    percent = min(100, int(done * 4) * 25)
    usual = f"Using seed: 1\nrunning quantized prediction\n{percent:3}%|██████    | {percent // 25}/4 [00:00<00:00]\n"
    return ODD_LINES.get(prediction.played, usual)


def _prediction_error(prediction: _Prediction) -> object:
    if prediction.played == "odd_error":
        return {"of": "another kind"}
    return FAILURES.get(prediction.played, f"no idea of {prediction.input['prompt']}")


def _output(prediction: _Prediction) -> object:
    address = f"{upload_origin()}/{prediction.picture}.jpeg"
    inline = base64.b64encode(pictures().find(prediction.picture) or b"").decode()
    others: dict[str, object] = {
        "no_output": [],
        "one_url": address,
        "data_url": [f"data:image/jpeg;base64,{inline}"],
        "no_base64": "data:image/jpeg;base64,*",
        "elsewhere": [f"{NOWHERE}/{prediction.picture}.jpeg"],
        "no_address": [{"image": address}],
    }
    return others.get(prediction.played, [address])


def _invalid(detail: str) -> Response:
    return json_reply({"title": "Input validation failed", "detail": detail, "status": 422}, 422)


def _body() -> dict[str, object]:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}
