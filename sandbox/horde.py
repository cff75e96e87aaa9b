"""AI Horde's API of version 2, as its own source tells it (https://github.com/Haidra-Org/AI-Horde).

    POST   /api/v2/generate/async          takes a request
    GET    /api/v2/generate/check/<id>     how far it is
    GET    /api/v2/generate/status/<id>    the same with the pictures
    DELETE /api/v2/generate/status/<id>    gives it up

Behaviours. At the submission REFUSALS' keys, `html_502`, `no_id`, `slow_submission` and `hang`; `too_fast` is how its
limiter refuses more than two requests a second, and those of WAITS say when to come back. At the look `no_workers`,
`faulted`, `expired`, `stuck`, `broken_look` (HTTP 500 to every look) and `shaky_look` (to the first two). At the end
`shaky_end` (HTTP 500 to the first two questions), `censored`, `nothing`, `inline` (the picture in the answer) and
`elsewhere` (on another host); a spoiled picture is the scenario's `upload`. Half of its `delay` passes in the queue,
half at a machine. Nobody has looked how long real waits are on a busy day.
"""

import base64
import io
import time
import uuid
from dataclasses import dataclass, field

from flask import Blueprint, Response, jsonify, request
from PIL import Image

from sandbox.callers import still_there
from sandbox.control import painted, pictures, switchboard
from sandbox.page import upload_origin, uploads
from sandbox.pictures import chosen_seed, handed_out

ANONYMOUS = "0000000000"
KNOWN_KEYS = (ANONYMOUS, "a-key-of-the-horde")
MULTIPLE = 64
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
    "too_fast": (429, "", "2 per 1 second"),
}
WAITS = {"too_fast_for_20": "20", "too_fast_for_2": "2"}  # of a limit, by its header Retry-After
SHAKY_LOOKS = 2
SLOW_SECONDS = 0.7
LOOKS = ("no_workers", "faulted", "stuck")

horde = Blueprint("horde", __name__, url_prefix="/api/v2")


@dataclass
class _Job:
    """A request that was taken."""

    wish: dict[str, object]
    played: str
    delay: float
    looks: int = 0
    questions: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def share(self) -> float:
        """How much of its time has passed; 1 and more when it is done."""
        return (time.monotonic() - self.begun) / self.delay if self.delay else 1.0


_jobs: dict[str, _Job] = {}


@horde.post("/generate/async")
def submit() -> Response:
    """Take a request, or refuse it."""
    board = switchboard()
    wish = request.get_json(force=True)
    with board.asked("horde", wish) as entry:
        entry.played = board.behaviour("horde")
        if request.headers.get("apikey") not in KNOWN_KEYS:
            entry.played = "invalid_key"
        if entry.played in REFUSALS:
            return _refusal(*REFUSALS[entry.played])
        if entry.played in WAITS:
            limited = _refusal(*REFUSALS["too_fast"])
            limited.headers["Retry-After"] = WAITS[entry.played]
            return limited
        if entry.played == "html_502":
            return Response("<!DOCTYPE html><title>Bad gateway</title>", 502, mimetype="text/html")
        if entry.played == "hang":
            still_there(entry)
            return Response(status=499)
        if problem := _problem(wish):
            return _refusal(400, *problem)
        if entry.played == "slow_submission":
            time.sleep(SLOW_SECONDS)
        job = str(uuid.uuid4())
        _jobs[job] = _Job(wish, entry.played, board.scenario.delay)
        accepted: dict[str, object] = {"kudos": 10.0} if entry.played == "no_id" else {"id": job, "kudos": 10.0}
        return _answer(accepted, 202)


@horde.get("/generate/check/<job>")
def check(job: str) -> Response:
    """How far a request is."""
    with switchboard().asked("horde_check") as entry:
        found = _jobs.get(job)
        if found is None or found.played == "expired":
            return _refusal(404, "RequestNotFound", f"Image Waiting Prompt (Check) with ID '{job}' not found.")
        entry.played = found.played
        found.looks += 1
        if found.played == "broken_look" or (found.played == "shaky_look" and found.looks <= SHAKY_LOOKS):
            return Response("Internal Server Error", 500, mimetype="text/html")
        return _answer(_look(found))


@horde.get("/generate/status/<job>")
def status(job: str) -> Response:
    """The same, with the picture."""
    with switchboard().asked("horde_status") as entry:
        found = _jobs.get(job)
        if found is None:
            return _refusal(404, "RequestNotFound", f"Image Waiting Prompt (Status) with ID '{job}' not found.")
        entry.played = found.played
        found.questions += 1
        if found.played == "shaky_end" and found.questions <= SHAKY_LOOKS:
            return Response("Internal Server Error", 500, mimetype="text/html")
        made = [] if found.played == "nothing" or found.share < 1 else [_made(found)]
        return _answer({**_look(found), "generations": made, "shared": False})


@horde.delete("/generate/status/<job>")
def give_up(job: str) -> Response:
    """Forget a request."""
    with switchboard().asked("horde_cancel"):
        found = _jobs.pop(job, None)
        if found is None:
            return _refusal(404, "RequestNotFound", f"Image Waiting Prompt (Status) with ID '{job}' not found.")
        return _answer({**_look(found), "generations": []})


@uploads.get("/stable-horde/<name>.webp")
def picture(name: str) -> Response:
    """A picture in the store to which the answer's signed address leads."""
    board = switchboard()
    with board.asked("upload") as entry:
        entry.played = board.behaviour("upload")
        return handed_out(pictures().find(name), entry.played)


def _problem(wish: dict[str, object]) -> tuple[str, str] | None:
    """The code and sentence with which the service refuses such a wish."""
    params = wish.get("params")
    if not isinstance(params, dict) or not wish.get("prompt"):
        return "MissingPrompt", "You cannot specify an empty prompt."
    if any(int(params.get(side, 512)) % MULTIPLE for side in ("width", "height")):
        return "InvalidSize", "Invalid size. The image dimensions have to be multiples of 64."
    scale = float(params.get("cfg_scale", 7.5))
    if round(scale, 2) != scale:
        return "BadCFGDecimals", "cfg_scale must be rounded to 2 decimal places"
    return None


def _look(job: _Job) -> dict[str, object]:
    stuck = job.played in LOOKS
    done = job.share >= 1 and not stuck
    waiting = stuck or job.share < 1 / 2
    return {
        "finished": int(done),
        "processing": int(not done and not waiting),
        "restarted": 0,
        "waiting": int(waiting and not done),
        "done": done,
        "faulted": job.played == "faulted",
        "wait_time": 0 if done else max(1, round(job.delay * (1 - job.share))),
        "queue_position": 0 if done or not waiting else 3,
        "kudos": 0.0,
        "is_possible": job.played != "no_workers",
    }


def _made(job: _Job) -> dict[str, object]:
    params = job.wish["params"]
    assert isinstance(params, dict)  # noqa: S101 - it was looked at when it came
    prompt, _, negative = (part.strip() for part in str(job.wish["prompt"]).partition("###"))
    seed = chosen_seed(int(params.get("seed") or -1))
    jpeg = painted(prompt, negative, seed, float(params["cfg_scale"]), (params["width"], params["height"]))
    out = io.BytesIO()
    Image.open(io.BytesIO(jpeg)).save(out, "WEBP", quality=90)
    return {
        "img": _where(out.getvalue(), job.played),
        "seed": str(seed),
        "id": str(uuid.uuid4()),
        "censored": job.played == "censored",
        "gen_metadata": [{"type": "censorship", "value": "nsfw"}] if job.played == "censored" else [],
        "worker_id": str(uuid.uuid4()),
        "worker_name": "A volunteer",
        "model": MODEL,
        "state": "ok",
    }


def _where(webp: bytes, played: str) -> str:
    if played == "inline":
        return base64.b64encode(webp).decode()
    origin = "http://127.0.0.1:9" if played == "elsewhere" else upload_origin()
    return f"{origin}/stable-horde/{pictures().keep(webp)}.webp?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=1800"


def _refusal(status: int, code: str, message: str) -> Response:
    return _answer({"message": message, **({"rc": code} if code else {})}, status)


def _answer(body: dict[str, object], status: int = 200) -> Response:
    answer = jsonify(body)
    answer.status_code = status
    return answer
