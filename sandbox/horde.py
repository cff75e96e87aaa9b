"""AI Horde's API of version 2, as its own source has it (https://github.com/Haidra-Org/AI-Horde).

    POST   /api/v2/generate/async          takes a request
    GET    /api/v2/generate/check/<id>     its state
    GET    /api/v2/generate/status/<id>    the same with the pictures
    DELETE /api/v2/generate/status/<id>    cancels it

Half of the scenario's `delay` passes in the queue, half at a machine; real waits on a busy day are unknown. A spoiled
picture is the scenario's `upload`.
"""

import base64
import io
import time
import uuid
from dataclasses import dataclass, field

from flask import Blueprint, Response, jsonify, request
from PIL import Image
from pydantic import Field

from sandbox.pictures import chosen_seed, handed_out, painted, pictures
from sandbox.replies import hang, html_reply
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import LoggedRequest, memory, state
from sandbox.upload_host import NOWHERE, upload_origin, uploads

ANONYMOUS = "0000000000"
KNOWN_KEYS = (ANONYMOUS, "a-key-of-the-horde")
MULTIPLE, LEAST, MOST = 64, 64, 3072  # of a side in pixels, by horde/apis/models/stable_v2.py
MODEL = "stable_diffusion"
REFUSALS: dict[str, tuple[int, str, str]] = {
    "corrupt_prompt": (400, "CorruptPrompt", "This prompt appears to violate our terms of service."),
    "maintenance": (400, "MaintenanceMode", "AI Horde has entered maintenance mode. Please try again later."),
    "invalid_key": (401, "InvalidAPIKey", "No user matching sent API Key."),
    "kudos_upfront": (403, "KudosUpfront", "Due to heavy demand, the client needs to already have the required kudos."),
    "timeout_ip": (
        403,
        "TimeoutIP",
        "Due to abuse prevention, your IP address has been put into timeout for 77 more seconds.",
    ),
    "too_many_prompts": (429, "TooManyPrompts", "Too many anonymous requests on using the AI Horde currently (31/30)."),
    "too_fast": (429, "", "2 per 1 second"),  # its limiter's words, without a code
}
RETRY_AFTER = {"too_fast_for_20": "20", "too_fast_for_2": "2"}  # as too_fast, with that header
SHAKY_CHECKS = 2
SLOW_SECONDS = 0.7
UNFINISHED = ("no_workers", "faulted", "stuck")
FAULTS = Faults(
    (
        *(*REFUSALS, *RETRY_AFTER, "html_502", "no_id", "slow_submission", "hang"),  # at the submission
        *(*UNFINISHED, "expired", "broken_look", "shaky_look"),  # at checks: HTTP 500 to all, or to the first two
        "shaky_end",  # HTTP 500 to the first two requests for the status
        *("censored", "nothing", "inline", "elsewhere"),  # of the result: in the response, or on another host
    )
)

horde = Blueprint("horde", __name__, url_prefix="/api/v2")


class HordeScenario(Scenario):
    """What the stand-in plays."""

    horde: str = Field("ok", description='"ok" or a fault')


def _environment(addresses: Addresses) -> dict[str, str]:
    return {
        "HORDE_URL": f"{addresses.site}/api/v2",
        "HORDE_IMAGE_ORIGINS": addresses.uploads,
        "HORDE_POLL_SECONDS": "0.5",
    }


STAND_IN = StandIn(
    name="horde",
    scenario=HordeScenario,
    faults={"horde": FAULTS},
    blueprints=(horde,),
    environment=_environment,
    keys={"HORDE_API_KEY": KNOWN_KEYS[1]},
)


@dataclass
class _Job:
    """A request that was accepted."""

    body: dict[str, object]
    played: str
    delay: float
    checks: int = 0
    status_requests: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def progress(self) -> float:
        """Return the share of its time that has passed; 1 or more if it is done."""
        return (time.monotonic() - self.begun) / self.delay if self.delay else 1.0


class _Jobs(dict[str, _Job]):
    """The accepted requests by id."""


@horde.post("/generate/async")
def submit() -> Response:
    """Accept a request, or refuse it."""
    board, body = state(), request.get_json(force=True)
    with board.logged("horde", body) as entry:
        entry.played = board.draw("horde")
        if request.headers.get("apikey") not in KNOWN_KEYS:
            entry.played = "invalid_key"
        if fault := _submission_fault(entry):
            return fault
        if problem := _problem(body):
            return _refusal(400, *problem)
        if entry.played == "slow_submission":
            time.sleep(SLOW_SECONDS)
        job = str(uuid.uuid4())
        memory(_Jobs)[job] = _Job(body, entry.played, board.scenario.delay)
        accepted: dict[str, object] = {"kudos": 10.0} if entry.played == "no_id" else {"id": job, "kudos": 10.0}
        return _reply(accepted, 202)


@horde.get("/generate/check/<job>")
def check(job: str) -> Response:
    """Return the state of a request."""
    with state().logged("horde_check") as entry:
        found = memory(_Jobs).get(job)
        if found is None or found.played == "expired":
            return _not_found(job, "Check")
        entry.played = found.played
        found.checks += 1
        if found.played == "broken_look" or (found.played == "shaky_look" and found.checks <= SHAKY_CHECKS):
            return _internal_error()
        return _reply(_progress(found))


@horde.get("/generate/status/<job>")
def status(job: str) -> Response:
    """Return the state of a request with its pictures."""
    with state().logged("horde_status") as entry:
        found = memory(_Jobs).get(job)
        if found is None:
            return _not_found(job, "Status")
        entry.played = found.played
        found.status_requests += 1
        if found.played == "shaky_end" and found.status_requests <= SHAKY_CHECKS:
            return _internal_error()
        generations = [] if found.played == "nothing" or found.progress < 1 else [_made(found)]
        return _reply({**_progress(found), "generations": generations, "shared": False})


@horde.delete("/generate/status/<job>")
def cancel(job: str) -> Response:
    """Forget a request."""
    with state().logged("horde_cancel"):
        found = memory(_Jobs).pop(job, None)
        return _reply({**_progress(found), "generations": []}) if found else _not_found(job, "Status")


@uploads.get("/stable-horde/<name>.webp")
def picture(name: str) -> Response:
    """Return a picture from the store to which the result's signed address leads."""
    board = state()
    with board.logged("upload") as entry:
        entry.played = board.draw("upload")
        return handed_out(pictures().find(name), entry.played)


def _submission_fault(entry: LoggedRequest) -> Response | None:
    """Return the response of a fault at the submission; returns None if the request is to be looked at."""
    if entry.played in REFUSALS:
        return _refusal(*REFUSALS[entry.played])
    if entry.played in RETRY_AFTER:
        limited = _refusal(*REFUSALS["too_fast"])
        limited.headers["Retry-After"] = RETRY_AFTER[entry.played]
        return limited
    if entry.played == "html_502":
        return html_reply("Bad gateway", 502)
    return hang(entry) if entry.played == "hang" else None


def _problem(body: dict[str, object]) -> tuple[str, str] | None:
    """Return the code and sentence with which the service refuses such a request, if it does."""
    params = body.get("params")
    if not isinstance(params, dict) or not body.get("prompt"):
        return "MissingPrompt", "You cannot specify an empty prompt."
    sides = [int(params.get(side, 512)) for side in ("width", "height")]
    if not all(LEAST <= side <= MOST for side in sides):
        return "", "Input payload validation failed"
    if any(side % MULTIPLE for side in sides):
        return "InvalidSize", "Invalid size. The image dimensions have to be multiples of 64."
    scale = float(params.get("cfg_scale", 7.5))
    if round(scale, 2) != scale:
        return "BadCFGDecimals", "cfg_scale must be rounded to 2 decimal places"
    return None


def _progress(job: _Job) -> dict[str, object]:
    stuck = job.played in UNFINISHED
    done = job.progress >= 1 and not stuck
    waiting = stuck or job.progress < 1 / 2
    return {
        "finished": int(done),
        "processing": int(not done and not waiting),
        "restarted": 0,
        "waiting": int(waiting and not done),
        "done": done,
        "faulted": job.played == "faulted",
        "wait_time": 0 if done else max(1, round(job.delay * (1 - job.progress))),
        "queue_position": 0 if done or not waiting else 3,
        "kudos": 0.0,
        "is_possible": job.played != "no_workers",
    }


def _made(job: _Job) -> dict[str, object]:
    params = job.body["params"]
    assert isinstance(params, dict)  # noqa: S101 - the submission checks it
    prompt, _, negative = (part.strip() for part in str(job.body["prompt"]).partition("###"))
    seed = chosen_seed(int(params.get("seed") or -1))
    jpeg = painted(prompt, negative, seed, float(params["cfg_scale"]), (params["width"], params["height"]))
    out = io.BytesIO()
    Image.open(io.BytesIO(jpeg)).save(out, "WEBP", quality=90)
    return {
        "img": _address(out.getvalue(), job.played),
        "seed": str(seed),
        "id": str(uuid.uuid4()),
        "censored": job.played == "censored",
        "gen_metadata": [{"type": "censorship", "value": "nsfw"}] if job.played == "censored" else [],
        "worker_id": str(uuid.uuid4()),
        "worker_name": "A volunteer",
        "model": MODEL,
        "state": "ok",
    }


def _address(webp: bytes, played: str) -> str:
    if played == "inline":
        return base64.b64encode(webp).decode()
    origin = NOWHERE if played == "elsewhere" else upload_origin()
    return f"{origin}/stable-horde/{pictures().keep(webp)}.webp?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=1800"


def _not_found(job: str, of: str) -> Response:
    return _refusal(404, "RequestNotFound", f"Image Waiting Prompt ({of}) with ID '{job}' not found.")


def _internal_error() -> Response:
    return Response("Internal Server Error", 500, mimetype="text/html")


def _refusal(status: int, code: str, message: str) -> Response:
    return _reply({"message": message, **({"rc": code} if code else {})}, status)


def _reply(body: dict[str, object], status: int = 200) -> Response:
    reply = jsonify(body)
    reply.status_code = status
    return reply
