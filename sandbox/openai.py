"""Servers of OpenAI's images API, a kind of server at each base address /openai/<kind>/v1.

    POST images/generations   JSON; the picture in base64 or by its address, or a stream of events
    POST images/edits         a form with the picture to begin with
    GET  tasks/<id>           the state of a task, of the kind that is asynchronous
    POST /openai/azure/openai/deployments/<name>/images/generations?api-version=…

The kinds are in openai_kinds.py, refusals in openai_refusals.py. Shapes are those of OpenAI's Python client 3.57.0 and
of the servers' code and documentation in 2026. Unverified: the smallest area that GPT image models take, how OpenAI
refuses response_format, whether streams end with [DONE], and what Azure and Together refuse in which words.
"""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from flask import Blueprint, Response, request
from pydantic import Field

from sandbox.clients import wait_connected
from sandbox.openai_kinds import KINDS, Fields, Kind, refusal, understood
from sandbox.openai_refusals import FAILED_IN_STREAM, REFUSALS
from sandbox.pictures import SPOILED, as_format, chosen_seed, handed_out, painted, pictures
from sandbox.replies import client_gone, hang, json_reply, reset
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import LoggedRequest, memory, state
from sandbox.upload_host import NOWHERE, upload_origin

OTHER_SIZE = (640, 512)
STREAMED = ("stream_early", "stream_silent", "stream_done", "stream_breaks", "stream_ends", "stream_odd", "stream_data")
TASKS = ("task_failed", "task_refused", "task_odd", "task_lost", "task_no_id", "task_glitch")
ADDRESSES = ("url", "data_url", "elsewhere", "relative", "no_address")
FAULTS = Faults(
    (*REFUSALS, *SPOILED, *ADDRESSES, *STREAMED, *FAILED_IN_STREAM, *TASKS, "other_size", "hang", "reset_connection"),
    by_chance=("server_error", "html_502", "neither"),
)

openai = Blueprint("openai", __name__, url_prefix="/openai")


class OpenAIScenario(Scenario):
    """What the stand-in plays."""

    openai: str = Field("ok", description='"ok" or a fault')


def _environment(addresses: Addresses) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": f"{addresses.site}/openai/openai/v1",
        "OPENAI_KIND": "openai",
        "OPENAI_IMAGE_ORIGINS": addresses.uploads,
    }


STAND_IN = StandIn(
    name="openai",
    scenario=OpenAIScenario,
    faults={"openai": FAULTS},
    blueprints=(openai,),
    environment=_environment,
    keys={"OPENAI_API_KEY": "sk-any"},
)


@dataclass
class _Tasks:
    """Tasks by id, each with the address of its picture and the looks at it so far."""

    addresses: dict[str, str] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)


@openai.post("/azure/openai/deployments/<deployment>/images/generations")
def of_deployment(deployment: str) -> Response:
    """Make a picture by the model of a deployment at Azure."""
    if not request.args.get("api-version"):
        return json_reply({"error": {"code": "404", "message": "Resource not found"}}, 404)
    return _made("azure", {**_body(), "deployment": deployment}, "generations")


@openai.post("/<kind>/v1/images/generations")
def generations(kind: str) -> Response:
    """Make a picture."""
    return _made(kind, _body(), "generations")


@openai.post("/<kind>/v1/images/edits")
def edits(kind: str) -> Response:
    """Make a picture that begins with another one."""
    fields: Fields = {name: _of_form(name, text) for name, text in request.form.items()}
    image = request.files.get("image")
    if image is None:
        return json_reply({"error": {"message": "Missing image.", "param": "image", "code": "missing"}}, 400)
    return _made(kind, fields, "edits", image.read())


@openai.get("/<kind>/v1/tasks/<task>")
def task_state(kind: str, task: str) -> Response:
    """Return the state of a task, which takes two looks."""
    with state().logged("openai_task", {"type": request.headers.get("X-ModelScope-Task-Type")}) as entry:
        tasks, played = memory(_Tasks), state().fields(OpenAIScenario).openai
        tasks.looks[task] = tasks.looks.get(task, 0) + 1
        entry.played = played
        if played == "task_lost" or task not in tasks.addresses:
            return json_reply({"errors": {"message": "task not found"}}, 404)
        if tasks.looks[task] == 1:
            if played == "task_glitch":
                return json_reply({"error": "try again"}, 502)
            return json_reply({"task_id": task, "task_status": "PROCESSING"})
        ends: dict[str, Fields] = {
            "task_failed": {"task_status": "FAILED", "errors": {"message": "out of memory"}},
            "task_refused": {"task_status": "FAILED", "errors": {"code": "content_filter", "message": "declined"}},
            "task_odd": {"task_status": ["?"]},
        }
        done: Fields = {"task_status": "SUCCEED", "output_images": [tasks.addresses[task]]}
        return json_reply({"task_id": task, **ends.get(played, done)})


@openai.get("/<kind>/generated-images/<name>.png")
def kept(kind: str, name: str) -> Response:
    """Return a picture that the server keeps itself, to clients with its key alone."""
    with state().logged("openai_kept", {"key": _key(KINDS[kind])}):
        return handed_out(pictures().find(name), "ok") if _key(KINDS[kind]) else Response(status=401)


def _made(name: str, fields: Fields, operation: str, image: bytes = b"") -> Response:
    kind = KINDS[name]
    logged = {"kind": name, "operation": operation, "image_bytes": len(image), **fields}
    with state().logged("openai", logged) as entry:
        if not _key(kind):
            return json_reply(*REFUSALS["wrong_key"][1::-1])
        entry.played = state().draw("openai")
        if entry.played in REFUSALS:
            return _refused(entry.played)
        if refused := refusal(name, {field: it for field, it in fields.items() if field != "deployment"}):
            return refused
        with state().in_flight():
            if entry.played == "hang":
                return hang(entry)
            if not wait_connected(entry, state().scenario.delay):
                return client_gone()
        return reset() if entry.played == "reset_connection" else _answer(name, kind, fields, entry)


def _answer(name: str, kind: Kind, fields: Fields, entry: LoggedRequest) -> Response:
    picture = _painted(kind, understood(name, fields), entry.played)
    if kind.is_asynchronous and request.headers.get("X-ModelScope-Async-Mode") == "true":
        return _task(picture, entry.played)
    if fields.get("stream") is True:
        edited = entry.body is not None and entry.body["operation"] == "edits"
        return _stream(picture, "image_edit" if edited else "image_generation", entry.played)
    file = handed_out(picture, entry.played).get_data() if entry.played in SPOILED else picture
    form = str(fields.get("response_format", kind.forms[0]))
    if name != "sd.cpp" and (form == "url" or entry.played in ADDRESSES):
        item: Fields = {"url": _address(name, kind, file, entry.played)}
    else:
        item = {"b64_json": base64.b64encode(file).decode()}
    return json_reply({"created": int(time.time()), "data": [item]})


def _address(name: str, kind: Kind, file: bytes, played: str) -> object:
    if played == "data_url":
        return f"data:image/jpeg;base64,{base64.b64encode(file).decode()}"
    kept_as = pictures().keep(file)
    own = f"/openai/{name}/generated-images/{kept_as}.png"
    return {
        "elsewhere": f"{NOWHERE}/{kept_as}.jpeg",
        "relative": own,
        "no_address": "http://[",
    }.get(played, f"{request.host_url.rstrip('/')}{own}" if kind.kept_here else f"{upload_origin()}/{kept_as}.jpeg")


def _task(picture: bytes, played: str) -> Response:
    task = secrets.token_hex(8)
    memory(_Tasks).addresses[task] = f"{upload_origin()}/{pictures().keep(picture)}.jpeg"
    return json_reply({"task_status": "PENDING", "task_id": ["?"] if played == "task_no_id" else task})


def _stream(picture: bytes, prefix: str, played: str) -> Response:
    return Response(_events(picture, prefix, played), mimetype="text/event-stream")


def _events(picture: bytes, prefix: str, played: str) -> Iterator[bytes]:
    """Yield two partial images and the picture; or what is played."""
    inline = base64.b64encode(picture).decode()
    partial = [
        _event({"type": f"{prefix}.partial_image", "b64_json": inline, "partial_image_index": index})
        for index in range(2)
    ]
    completed = _event({"type": f"{prefix}.completed", "b64_json": inline, "usage": {"total_tokens": 1}})
    if played in FAILED_IN_STREAM:
        yield from (partial[0], _event(FAILED_IN_STREAM[played]))
    elif played == "stream_breaks":
        yield partial[0]
        raise BrokenPipeError  # gunicorn then closes the connection
    else:
        yield from {
            "stream_early": [completed, *partial],
            "stream_silent": [completed],
            "stream_done": [*partial, completed, b"data: [DONE]\n\n"],
            "stream_ends": [*partial, b"data: [DONE]\n\n"],
            "stream_odd": [
                b": a comment\r\n\r\n",
                b"data: {\n\n",
                b"data: 7\n\n",
                _bad_partial(prefix),
                completed[:-2],
            ],
            "stream_data": [b"data: " + json.dumps({"data": [{"b64_json": inline}]}).encode() + b"\n\n"],
        }.get(played, [*partial, completed])


def _event(document: object) -> bytes:
    kind = document.get("type") if isinstance(document, dict) else None
    name = f"event: {kind}\n" if kind else ""
    return f"{name}data: {json.dumps(document)}\n\n".encode()


def _bad_partial(prefix: str) -> bytes:
    return _event({"type": f"{prefix}.partial_image", "b64_json": "*", "partial_image_index": "?"})


def _painted(kind: Kind, fields: Fields, played: str) -> bytes:
    width, height = map(int, str(fields.get("size", "1024x1024")).split("x"))
    size = (int(str(fields.get("width", width))), int(str(fields.get("height", height))))
    seed, guidance = int(str(fields.get("seed", kind.fixed_seed))), float(str(fields.get("guidance_scale", 7)))
    size = OTHER_SIZE if played == "other_size" else size
    negative = str(fields.get("negative_prompt") or "")
    picture = painted(str(fields["prompt"]), negative, chosen_seed(seed), guidance, size)
    return as_format(picture, str(fields.get("output_format", "jpeg")))


def _refused(word: str) -> Response:
    status, body, headers = REFUSALS[word]
    if isinstance(body, str):
        return Response(body, status, headers, mimetype="text/html" if "<" in body else "text/plain")
    return json_reply(body, status, headers)


def _key(kind: Kind) -> bool:
    """Return whether the request has a key that is accepted."""
    key = request.headers.get(kind.key_header, "").removeprefix("Bearer ")
    return key.startswith("sk-") and "wrong" not in key


def _body() -> Fields:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _of_form(name: str, text: str) -> object:
    return {"true": True, "false": False}.get(text, text) if name == "stream" else text
