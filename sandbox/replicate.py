"""Replicate's API, as far as a picture needs it, below /replicate; its pictures lie on the upload host.

    GET  /v1/models/<owner>/<name>                 what an official model takes
    GET  /v1/models/<owner>/<name>/versions/<id>   what a version takes
    POST /v1/models/<owner>/<name>/predictions     create a prediction of an official model
    POST /v1/predictions                           create one of a version
    GET  /v1/predictions/<id>                      how far it is
    POST /v1/predictions/<id>/cancel               end it

Behaviours besides `ok`, at a creation: the keys of REFUSALS, hang, reset, html_502, not_json, a_list, huge, redirect,
slow_creation, odd_creation (in a status that its library does not know). The same words play at the model's description
after `model_` (and the keys of ODD_SCHEMAS), at a poll after `poll_` and at a cancellation after `cancel_`. Of the
result: the keys of FAILURES and ODD_LINES, echo, canceled, aborted, stuck, no_output, one_url, data_url, no_base64,
elsewhere, no_address, odd_status, odd_id, odd_error.

Shapes are those of replicate's own Python client, its recorded replies (replicate-python, tests/cassettes) and
replicate.com/docs in autumn 2026; error texts are as public issue threads quote them. Nobody here could verify: whether
an unknown input is refused, the pixels of each aspect ratio, what a cancellation of an ended prediction answers, and
whether a reply to a throttled request has a Retry-After. The pictures are JPEG here, whatever format is asked for.
"""

import base64
import math
import re
import secrets
import threading
import time
from dataclasses import dataclass, field

from flask import Blueprint, Response, current_app, request

from sandbox.control import painted, pictures, switchboard
from sandbox.pictures import chosen_seed
from sandbox.replicate_models import ODD_SCHEMAS, SCHEMAS, complaints
from sandbox.replicate_refusals import FAILURES, answer, odd, refused
from sandbox.settings import Settings

SLOW_SECONDS = 0.5
ODD_LINES = {
    "odd_logs": f"  {'9' * 9000}%|█| {'9' * 9000}/1 [",
    "absurd_logs": f"  {'9' * 400}%|█| 1/4 [",
    "long_logs": " 99%|█| 99/99 [\n" + "a line\n" * 1000,
}
DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")

replicate = Blueprint("replicate", __name__, url_prefix="/replicate/v1")


@dataclass
class _Prediction:
    """One prediction, which gets on by the clock."""

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
    """What was created. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._predictions: dict[str, _Prediction] = {}

    def add(self, prediction: _Prediction) -> None:
        """Remember a prediction."""
        with self._lock:
            self._predictions[prediction.id] = prediction

    def find(self, prediction_id: str) -> _Prediction | None:
        """One that was created."""
        with self._lock:
            return self._predictions.get(prediction_id)


@replicate.get("/models/<owner>/<name>")
def model(owner: str, name: str) -> Response:
    """What an official model is."""
    return _described(f"{owner}/{name}")


@replicate.get("/models/<owner>/<name>/versions/<version>")
def model_version(owner: str, name: str, version: str) -> Response:
    """What a version of a model takes."""
    return _described(f"{owner}/{name}:{version}")


@replicate.post("/models/<owner>/<name>/predictions")
def create_by_model(owner: str, name: str) -> Response:
    """Create a prediction; only official models have this address."""
    return _create(f"{owner}/{name}", "hidden")


@replicate.post("/predictions")
def create_by_version() -> Response:
    """Create a prediction of a version, which says itself of what model it is."""
    version = str(_body().get("version"))
    found = next((known for known in SCHEMAS if known.endswith(f":{version}")), "")
    return _create(found, version)


@replicate.get("/predictions/<prediction_id>")
def poll(prediction_id: str) -> Response:
    """How far a prediction is."""
    with switchboard().asked("replicate_poll") as entry:
        strange = odd(entry, "poll")
        found = _predictions().find(prediction_id)
        return strange or (answer(_document(found)) if found else refused("missing"))


@replicate.post("/predictions/<prediction_id>/cancel")
def cancel(prediction_id: str) -> Response:
    """End a prediction."""
    with switchboard().asked("replicate_cancel", {"id": prediction_id}) as entry:
        found = _predictions().find(prediction_id)
        if found and not (strange := odd(entry, "cancel")):
            found.cancelled = True
            return answer(_document(found))
        return strange if found and strange else refused("missing")


def _described(name: str) -> Response:
    with switchboard().asked("replicate_model", {"model": name}) as entry:
        strange = odd(entry, "model")
        if strange or name not in SCHEMAS:
            return strange or refused("missing")
        schemas = ODD_SCHEMAS.get(entry.played, SCHEMAS[name])
        version = {
            "id": name.partition(":")[2] or secrets.token_hex(32),
            "created_at": "2025-12-04T22:44:13.340521Z",
            "cog_version": "0.15.8",
            "openapi_schema": {"openapi": "3.0.2", "components": {"schemas": schemas}},
        }
        owner, _, bare = name.partition(":")[0].partition("/")
        about = {"url": f"https://replicate.com/{owner}/{bare}", "owner": owner, "name": bare}
        about |= {"visibility": "public"}
        return answer(version if ":" in name else {**about, "run_count": 1, "latest_version": version})


def _create(name: str, version: str) -> Response:
    board, body = switchboard(), _body()
    cancel_after = request.headers.get("Cancel-After")
    with board.asked("replicate", {**body, "model": name, "cancel_after": cancel_after}) as entry:
        if strange := odd(entry, ""):
            return strange
        if entry.played == "slow_creation":
            time.sleep(SLOW_SECONDS)
        if name not in SCHEMAS:
            return refused("missing") if version == "hidden" else _invalid("version does not exist")
        asked = body.get("input")
        if not isinstance(asked, dict) or body.keys() - {"input", "version"}:
            return _invalid("- input is required\n")
        if problems := complaints(SCHEMAS[name], asked):
            return _invalid(problems)
        made = _Prediction(name, version, asked, entry.played, _picture(name, asked), board.scenario.delay)
        made.deadline = _seconds(cancel_after)
        _predictions().add(made)
        odd_words = {"status": "queued"} if entry.played == "odd_creation" else {}
        return answer({**_document(made, new=True), **odd_words}, 201)


def _seconds(duration: str | None) -> float:
    """Like 5m, 90s, 1h30m or 90; what is no duration sets no deadline."""
    told = DURATION.fullmatch(duration) if duration else None
    hours, minutes, seconds = (int(part or 0) for part in told.groups()) if told else (0, 0, 0)
    return hours * 3600 + minutes * 60 + seconds if told else math.inf


def _picture(name: str, asked: dict[str, object]) -> str:
    """The id of a picture of the size that was asked for."""
    across, down = (int(part) for part in str(asked.get("aspect_ratio", "1:1")).split(":"))
    long_side = 1248 if across != down else 1024
    size = (round(min(1, across / down) * long_side / 32) * 32, round(min(1, down / across) * long_side / 32) * 32)
    if "width" in asked:
        size = (int(str(asked["width"])), int(str(asked["height"])))
    seed = chosen_seed(int(str(asked.get("seed", -1))))
    guidance = float(str(asked.get("guidance_scale") or asked.get("guidance") or 7))
    return pictures().keep(painted(str(asked["prompt"]), str(asked.get("negative_prompt", "")), seed, guidance, size))


def _document(prediction: _Prediction, new: bool = False) -> dict[str, object]:
    """A prediction as Replicate tells of it."""
    passed = time.monotonic() - prediction.begun
    done = min(passed, prediction.deadline) / (prediction.seconds or 1e-9)
    status = "starting" if new or done < 1 / 4 else "processing" if done < 1 else _end(prediction.played)
    if status in ("starting", "processing") and passed > prediction.deadline:
        status = "aborted" if status == "starting" else "canceled"
    if prediction.cancelled:
        status = "canceled"
    error = FAILURES.get(prediction.played, f"no idea of {prediction.input['prompt']}") if status == "failed" else None
    percent = min(100, int(done * 4) * 25)
    logs = f"Using seed: 1\nrunning quantized prediction\n{percent:3}%|██████    | {percent // 25}/4 [00:00<00:00]\n"
    if line := ODD_LINES.get(prediction.played):
        logs = line
    site = f"{request.host_url}replicate/v1/predictions/{prediction.id}"
    return {
        "id": "\n no id" if prediction.played == "odd_id" else prediction.id,
        "model": prediction.model,
        "version": prediction.version,
        "input": prediction.input,
        "logs": "" if status == "starting" else logs,
        "output": _output(prediction) if status == "succeeded" else None,
        "data_removed": False,
        "error": {"of": "another kind"} if prediction.played == "odd_error" and status == "failed" else error,
        "status": status,
        "created_at": "2026-11-01T12:00:00.000Z",
        "urls": {"cancel": f"{site}/cancel", "get": site},
    }


def _end(played: str) -> str:
    if played in FAILURES or played in ("odd_error", "echo"):
        return "failed"
    ends = {"canceled": "canceled", "aborted": "aborted", "stuck": "processing", "odd_status": "dreaming"}
    return ends.get(played, "succeeded")


def _output(prediction: _Prediction) -> object:
    address = f"http://127.0.0.1:{Settings().sandbox_upload_port}/{prediction.picture}.jpeg"
    inline = base64.b64encode(pictures().find(prediction.picture) or b"").decode()
    others: dict[str, object] = {
        "no_output": [],
        "one_url": address,
        "data_url": [f"data:image/jpeg;base64,{inline}"],
        "no_base64": "data:image/jpeg;base64,*",
        "elsewhere": [f"http://127.0.0.1:9/{prediction.picture}.jpeg"],
        "no_address": [{"image": address}],
    }
    return others.get(prediction.played, [address])


def _invalid(detail: str) -> Response:
    return answer({"title": "Input validation failed", "detail": detail, "status": 422}, 422)


def _body() -> dict[str, object]:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _predictions() -> Predictions:
    memory: Predictions = current_app.extensions["replicate"]
    return memory
