"""AI Horde's API of version 2, as its own source has it (https://github.com/Haidra-Org/AI-Horde).

    GET    /api/v2/status/models           the models, with the number of machines that run each now
    POST   /api/v2/generate/async          takes a request
    GET    /api/v2/generate/check/<id>     its state
    GET    /api/v2/generate/status/<id>    the same with the pictures
    DELETE /api/v2/generate/status/<id>    cancels it

With the scenario's `horde_limit` it wants kudos for larger pictures (horde_models.py). Whether its limiter's header
X-RateLimit-Reset comes with every 429 was not verified.

Half of the scenario's `delay` passes in the queue, half at a machine; real waits on a busy day are unknown. A spoiled
picture is the scenario's `upload`.
"""

import base64
import io
import time
import uuid
from dataclasses import dataclass, field

from flask import Blueprint, Response, request
from PIL import Image
from pydantic import Field

from sandbox.horde_models import SMALL, WORKERS, listed
from sandbox.horde_refusals import (
    SUBMISSION_FAULTS,
    internal_error,
    kudos_refusal,
    not_found,
    problem_of,
    refusal,
    submission_fault,
)
from sandbox.pictures import chosen_seed, handed_out, painted, pictures
from sandbox.replies import hang, html_reply, json_reply
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import memory, state
from sandbox.upload_host import NOWHERE, upload_origin, uploads

ANONYMOUS = "0000000000"
KNOWN_KEYS = (ANONYMOUS, "a-key-of-the-horde")
BANNED_AGENT = "My-Project:v0.0.1:My-Contact"  # its documentation's example
SHAKY_CHECKS = 2
SLOW_SECONDS = 0.7
UNFINISHED = ("no_workers", "faulted", "stuck")
FAULTS = Faults(
    (
        *(*SUBMISSION_FAULTS, "no_id", "slow_submission"),
        *(*UNFINISHED, "expired", "broken_look", "shaky_look"),  # at checks: HTTP 500 to all, or to the first two
        "shaky_end",  # HTTP 500 to the first two requests for the status
        *("censored", "nothing", "inline", "elsewhere"),  # of the result: in the response, or on another host
    )
)

horde = Blueprint("horde", __name__, url_prefix="/api/v2")


class HordeScenario(Scenario):
    """What the stand-in plays."""

    horde: str = Field("ok", description='"ok" or a fault')
    horde_models: str = Field("ok", description='of the list of models: "ok" or a fault')
    horde_limit: int = Field(0, ge=0, le=3072, description="Side of the largest square without kudos; 0: no limit.")
    horde_workers: dict[str, int] = Field(WORKERS, description="Machines that run each model now.")


def _environment(addresses: Addresses) -> dict[str, str]:
    return {
        "HORDE_URL": f"{addresses.site}/api/v2",
        "HORDE_IMAGE_ORIGINS": addresses.uploads,
        "HORDE_POLL_SECONDS": "0.5",
    }


STAND_IN = StandIn(
    name="horde",
    scenario=HordeScenario,
    faults={"horde": FAULTS, "horde_models": Faults(("html_502", "garbage", "hang"))},
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


@horde.get("/status/models")
def models() -> Response:
    """Return the models that machines run now."""
    board = state()
    with board.logged("horde_models") as entry:
        entry.played = board.draw("horde_models")
        if entry.played == "hang":
            return hang(entry)
        if entry.played == "html_502":
            return html_reply("Bad gateway", 502)
        if entry.played == "garbage":
            return json_reply([None, {"name": 7, "count": "many"}, {"name": "x" * 5000, "count": 1}, {}])
        return json_reply(listed(board.fields(HordeScenario).horde_workers))


@horde.post("/generate/async")
def submit() -> Response:
    """Accept a request, or refuse it."""
    board, body = state(), request.get_json(force=True)
    agent = request.headers.get("Client-Agent", "unknown:0:unknown")
    with board.logged("horde", {**body, "client_agent": agent}) as entry:
        entry.played = board.draw("horde")
        if request.headers.get("apikey") not in KNOWN_KEYS:
            entry.played = "invalid_key"
        if agent == BANNED_AGENT:
            return refusal(403, "BannedClientAgent", "This Client-Agent appears badly designed.")
        if fault := submission_fault(entry):
            return fault
        if problem := problem_of(body):
            return refusal(400, *problem)
        if refused := kudos_refusal(body, board.fields(HordeScenario).horde_limit):
            return refused
        if entry.played == "slow_submission":
            time.sleep(SLOW_SECONDS)
        job = str(uuid.uuid4())
        memory(_Jobs)[job] = _Job(body, entry.played, board.scenario.delay)
        accepted: dict[str, object] = {"kudos": 10.0} if entry.played == "no_id" else {"id": job, "kudos": 10.0}
        return json_reply(accepted, 202)


@horde.get("/generate/check/<job>")
def check(job: str) -> Response:
    """Return the state of a request."""
    with state().logged("horde_check") as entry:
        found = memory(_Jobs).get(job)
        if found is None or found.played == "expired":
            return not_found(job, "Check")
        entry.played = found.played
        found.checks += 1
        if found.played == "broken_look" or (found.played == "shaky_look" and found.checks <= SHAKY_CHECKS):
            return internal_error()
        return json_reply(_progress(found))


@horde.get("/generate/status/<job>")
def status(job: str) -> Response:
    """Return the state of a request with its pictures."""
    with state().logged("horde_status") as entry:
        found = memory(_Jobs).get(job)
        if found is None:
            return not_found(job, "Status")
        entry.played = found.played
        found.status_requests += 1
        if found.played == "shaky_end" and found.status_requests <= SHAKY_CHECKS:
            return internal_error()
        generations = [] if found.played == "nothing" or found.progress < 1 else [_made(found)]
        return json_reply({**_progress(found), "generations": generations, "shared": False})


@horde.delete("/generate/status/<job>")
def cancel(job: str) -> Response:
    """Forget a request."""
    with state().logged("horde_cancel"):
        found = memory(_Jobs).pop(job, None)
        return json_reply({**_progress(found), "generations": []}) if found else not_found(job, "Status")


@uploads.get("/stable-horde/<name>.webp")
def picture(name: str) -> Response:
    """Return a picture from the store to which the result's signed address leads."""
    board = state()
    with board.logged("upload") as entry:
        entry.played = board.draw("upload")
        return handed_out(pictures().find(name), entry.played)


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
    params, named = job.body["params"], job.body.get("models")
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
        "model": next(iter(named), SMALL) if isinstance(named, list) else SMALL,
        "state": "ok",
    }


def _address(webp: bytes, played: str) -> str:
    if played == "inline":
        return base64.b64encode(webp).decode()
    origin = NOWHERE if played == "elsewhere" else upload_origin()
    return f"{origin}/stable-horde/{pictures().keep(webp)}.webp?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=1800"
