"""A Space of Z-Image-Turbo on ZeroGPU, as gradio serves its function `generate`.

    POST /huggingface/space/gradio_api/call/<function>              {"data": […]}: an event's id
    GET  /huggingface/space/gradio_api/call/<function>/<event>      its stream: heartbeats, and the outputs or an error
    GET  /huggingface/space/gradio_api/file=<path>                  a file of the outputs

The protocol is that of gradio/routes.py. An event whose stream is closed is forgotten, one whose was never opened
stays in the queue: `huggingface_space_stream` in the log shows which. The quota's sentences are those that users quoted
from August to October 2026, the arguments those of the Z-Image-Turbo Spaces of summer 2026. Unverified: what a Space
answers to a wrong token, and when it asks for a GPU.
"""

import json
import secrets
import time
from collections.abc import Iterator

from flask import Blueprint, Response, request, stream_with_context
from pydantic import Field

from sandbox.clients import wait_connected
from sandbox.pictures import SPOILED, as_format, chosen_seed, handed_out, painted, pictures
from sandbox.replies import hang, html_reply, json_reply
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults
from sandbox.state import LoggedRequest, memory, state
from sandbox.upload_host import NOWHERE

FUNCTION = "generate"
SLOW_SECONDS = 0.7
EXCEEDED = "You have exceeded your ZeroGPU quota"
SIGN_UP = "Authenticate with a Hugging Face token for more quota - https://huggingface.co/settings/tokens"
ERRORS: dict[str, object] = {
    "quota": {"error": f"{EXCEEDED} (120s requested vs. 157s left). Try again in 23:53:46. {SIGN_UP}"},
    "quota_days": f"{EXCEEDED} (60s requested vs. 0s left). Try again in 1 day, 2:03:04.",
    "quota_soon": {"error": f"{EXCEEDED} (60s requested vs. 9s left). Try again in 0:00:00."},
    "quota_old": "You have exceeded your GPU quota (60s requested vs. 56s left).",
    "quota_absurd": {"error": f"{EXCEEDED}. Try again in 9999:99:99."},
    "too_long": {"error": "The requested GPU duration (258s) is larger than the maximum allowed"},
    "no_gpu": {"error": "No GPU was available after 60s. Retry later"},
    "aborted": "GPU task aborted",
    "nsfw": {"error": "NSFW content detected"},
    "silent": None,
    "odd_error": {"error": {"of": "objects"}},
}
OUTPUTS: dict[str, object] = {
    "no_outputs": None,
    "no_picture": [[], "7", 7],
    "odd_outputs": {"image": {"path": 7, "url": None}},
    "deep_outputs": [[[[["nothing"] * 20_000]]]],
}
REFUSALS: dict[str, tuple[int, object]] = {
    "queue_full": (503, {"detail": "Queue is full. Max size is 20 and size is 20."}),
    "too_many": (429, {"detail": "Too many requests"}),
    "arguments": (400, {"detail": "Not enough arguments"}),
    "invalid": (422, {"detail": [{"loc": ["body", "data"], "msg": "field required", "type": "missing"}]}),
    "unknown": (404, {"detail": "Not Found"}),
    "no_access": (401, {"detail": "Invalid credentials"}),
    "crashed": (500, {"error": "Internal Server Error"}),
}
EVENTS: dict[str, object] = {
    "no_event": {},
    "odd_event": {"event_id": 7},
    "path_event": {"event_id": "../../../config"},
}
STREAMS = ("hang_stream", "cut_stream", "endless_stream", "long_line", "session_gone")
FILES = ("path_alone", "url_alone", "elsewhere", "elsewhere_alone")
SPACE_FAULTS = Faults(
    (
        *(*ERRORS, *OUTPUTS, *REFUSALS, *EVENTS, *STREAMS, *FILES, *SPOILED),
        *("slow_submission", "hang", "redirect", "html"),  # at the call
    )
)

space = Blueprint("huggingface_space", __name__, url_prefix="/huggingface/space/gradio_api")


class SpaceScenario(Scenario):
    """What the stand-in of a Space plays."""

    huggingface_space: str = Field("ok", description='"ok" or a fault')


class _Calls(dict[str, tuple[str, list[object]]]):
    """What each event plays, and its arguments."""


def space_address(addresses: Addresses) -> str:
    """Return the Space's address."""
    return f"{addresses.site}/huggingface/space"


@space.post("/call/<function>")
def call(function: str) -> Response:
    """Accept a call."""
    board, body = state(), json.loads(request.get_data())
    with board.logged("huggingface_space", {"function": function, **body}) as entry:
        entry.played = board.draw("huggingface_space")
        if not _authorized():
            entry.played = "no_access"
        elif function != FUNCTION:
            entry.played = "unknown"
        elif problem := _problem(body.get("data")):
            entry.played = problem
        return _refused(entry) or _accepted(entry, body["data"])


@space.get("/call/<function>/<event>")
def stream(function: str, event: str) -> Response:
    """Stream what becomes of a call."""
    played, arguments = memory(_Calls).get(event, ("session_gone", []))
    if played == "session_gone":
        return json_reply({"detail": "Session not found."}, 404)
    events = stream_with_context(_logged_events(event, played, arguments))
    return Response(events, mimetype="text/event-stream", headers={"Cache-Control": "no-cache"})


@space.get("/file=/<path:path>")
def file(path: str) -> Response:
    """Return a file of the outputs."""
    with state().logged("huggingface_space_file", {"authorized": _authorized()}) as entry:
        name = path.rpartition("/")[2].removesuffix(".png")
        entry.played = state().draw("huggingface_space")
        return handed_out(pictures().find(name), entry.played)


def _authorized() -> bool:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return token.startswith("hf_") and "wrong" not in token


def _problem(data: object) -> str | None:
    if not isinstance(data, list) or len(data) != 7 or not isinstance(data[0], str):
        return "arguments"
    return None if isinstance(data[2], int) and " ( " in str(data[1]) else "invalid"


def _refused(entry: LoggedRequest) -> Response | None:
    if entry.played in REFUSALS:
        status, reply = REFUSALS[entry.played]
        return json_reply(reply, status, {"Retry-After": "7"} if status == 429 else {})
    if entry.played == "hang":
        return hang(entry)
    if entry.played == "redirect":
        return Response(status=307, headers={"Location": f"{NOWHERE}/"})
    return html_reply("Your space is sleeping") if entry.played == "html" else None


def _accepted(entry: LoggedRequest, arguments: list[object]) -> Response:
    if entry.played == "slow_submission":
        time.sleep(SLOW_SECONDS)
    if entry.played in EVENTS:
        return json_reply(EVENTS[entry.played])
    event = secrets.token_hex(16)
    memory(_Calls)[event] = (entry.played, arguments)
    return json_reply({"event_id": event})


def _logged_events(event: str, played: str, arguments: list[object]) -> Iterator[str]:
    with state().logged("huggingface_space_stream", {"event": event}) as entry:
        entry.played = played
        yield _event("heartbeat", None)
        with state().in_flight():
            seconds = 600.0 if played in ("hang_stream", "slow_submission") else state().scenario.delay
            if not wait_connected(entry, seconds):
                memory(_Calls).pop(event, None)
                return
        memory(_Calls).pop(event, None)
        yield from _last(played, arguments)


def _last(played: str, arguments: list[object]) -> Iterator[str]:
    """Yield the events with which a stream ends."""
    if played in ERRORS:
        yield _event("error", ERRORS[played])
    elif played in OUTPUTS:
        yield _event("complete", OUTPUTS[played])
    elif played == "endless_stream":
        for _ in range(3000):
            yield _event("heartbeat", "x" * 1000)
    elif played == "long_line":
        for _ in range(3000):
            yield "x" * 1000
    elif played != "cut_stream":
        yield _event("generating", [[], None, None])
        yield _event("complete", _outputs(played, arguments))


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _outputs(played: str, arguments: list[object]) -> list[object]:
    width, height = (int(side) for side in str(arguments[1]).partition(" ")[0].split("x"))
    seed = chosen_seed(-1 if arguments[5] else int(str(arguments[2])))
    picture = as_format(painted(str(arguments[0]), "", seed, 7.0, (width, height)), "png")
    path = f"/tmp/gradio/{pictures().keep(picture)}.png"  # noqa: S108 - no file of this machine
    own = f"{request.host_url}huggingface/space/gradio_api/file={path}"
    url = f"{NOWHERE}/file={path}" if played.startswith("elsewhere") else own
    image: dict[str, object] = {
        "path": path,
        "url": url,
        "mime_type": "image/png",
        "meta": {"_type": "gradio.FileData"},
    }
    for name, alone in (("path", ("url_alone", "elsewhere_alone")), ("url", ("path_alone",))):
        if played in alone:
            image.pop(name)
    return [[{"image": image, "caption": None}], str(seed), seed]
