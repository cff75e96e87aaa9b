"""A ComfyUI server, as its own source has it (https://github.com/comfyanonymous/ComfyUI: server.py, execution.py).

    GET  /comfyui/ws?clientId=<id>               events, previews and pictures
    POST /comfyui/prompt                         takes a workflow
    GET  /comfyui/queue, /comfyui/history/<id>   what waits, runs, and has ended
    POST /comfyui/queue, /interrupt, /history    delete and interrupt
    GET  /comfyui/view, POST /comfyui/upload/image
    GET  /comfyui/object_info/<node>

Unverified: what `outputs` holds when all nodes are cached, since when /interrupt reads its body, what proxies answer.
"""

import json
import time
import uuid

from flask import Blueprint, Flask, Response, current_app, request
from pydantic import Field
from simple_websocket import ConnectionClosed

from sandbox.comfyui_machine import Line, Machine, Workflow
from sandbox.comfyui_nodes import INPUTS, definition, problem
from sandbox.pictures import SPOILED, handed_out
from sandbox.replies import hang, html_reply, json_reply, reset
from sandbox.scenario import Scenario
from sandbox.stand_in import Addresses, Faults, StandIn
from sandbox.state import LoggedRequest, memory, state
from sandbox.websocket import ConnectionOver, WebSocket

TOKEN = "a-token-of-a-proxy"  # noqa: S105 - made up
REFUSALS: dict[str, tuple[int, object]] = {
    "no_prompt": (400, {"error": "no prompt", "node_errors": []}),
    "unauthorized": (401, {"detail": "Unauthorized"}),
    "queue_full": (429, {"error": "Too Many Requests"}),
    "teapot": (418, {}),
    "error_500": (500, {}),
    "no_id": (200, {"number": 1, "node_errors": {}}),
    "bad_id": (200, {"prompt_id": "../queue", "number": 1, "node_errors": {}}),
}
OF_RUNS = ("oom", "crash", "interrupted", "stuck", "forgotten", "cached", "old_server")
COMMON = ("html", "html_502", "reset", "hang", "slow")
SLOW_SECONDS = 0.5
CHECKS = ("error_500", *COMMON)

comfyui = Blueprint("comfyui", __name__, url_prefix="/comfyui")


class ComfyUIScenario(Scenario):
    """What the stand-in plays."""

    comfyui: str = Field("ok", description='"ok" or a fault of a workflow')
    comfyui_socket: str = Field("ok", description='"ok" or a fault of the WebSocket')
    comfyui_look: str = Field("ok", description='"ok" or a fault of the queue and the history')
    comfyui_view: str = Field("ok", description='"ok" or a fault of a picture')
    comfyui_upload: str = Field("ok", description='"ok" or a fault of an upload')
    comfyui_info: str = Field("ok", description='"ok", "combo" (the newer form of choices), or a fault')
    comfyui_others: int = Field(0, ge=0, le=5, description="Workflows of others that come first.")
    comfyui_token: str | None = Field(None, description="The bearer token that a proxy before it demands, if any.")


def _environment(addresses: Addresses) -> dict[str, str]:
    return {"COMFYUI_URL": f"{addresses.site}/comfyui", "COMFYUI_POLL_SECONDS": "0.2"}


STAND_IN = StandIn(
    name="comfyui",
    scenario=ComfyUIScenario,
    faults={
        "comfyui": Faults((*REFUSALS, *OF_RUNS, "partly", *COMMON), by_chance=("crash", "html_502")),
        "comfyui_socket": Faults(("refused", "redirect", "silent", "lost", "lost_late")),
        "comfyui_look": Faults(CHECKS),
        "comfyui_view": Faults(SPOILED),
        "comfyui_upload": Faults(("too_large", "no_name", *CHECKS)),
        "comfyui_info": Faults(("combo", "no_websocket_node", "no_checkpoints", "odd", *CHECKS)),
    },
    blueprints=(comfyui,),
    environment=_environment,
    keys={"COMFYUI_TOKEN": TOKEN},
    reset=lambda: memory(Machine).clear(),
)


@comfyui.before_request
def refuse_strangers() -> Response | None:
    """Answer 403 to another page, and 401 without the token, if one is demanded."""
    if "Origin" in request.headers:
        with state().logged("comfyui_origin"):
            return Response(status=403)
    token = state().fields(ComfyUIScenario).comfyui_token
    if token and request.headers.get("Authorization") != f"Bearer {token}":
        return json_reply({"detail": "Unauthorized"}, 401)
    return None


@comfyui.route("/ws", websocket=True)
def socket() -> Response:
    """Send events until the client leaves."""
    with state().logged("comfyui_socket") as entry:
        entry.played = state().draw("comfyui_socket")
        if entry.played == "refused":
            return Response(status=404)
        if entry.played == "redirect":
            return Response(status=302, headers={"Location": request.url.replace("/comfyui/", "/elsewhere/")})
        client_id = request.args.get("clientId", uuid.uuid4().hex)
        machine = memory(Machine)
        line = machine.lines[client_id] = Line(WebSocket(), played=entry.played)
        machine.greet(client_id)
        _listen(line)
        if machine.lines.get(client_id) is line:
            machine.lines.pop(client_id)
        return ConnectionOver()


@comfyui.post("/prompt")
def submit() -> Response:
    """Accept a workflow, or refuse it."""
    board, body, machine = state(), request.get_json(force=True), memory(Machine)
    with board.logged("comfyui", body) as entry:
        entry.played = board.draw("comfyui")
        if entry.played in REFUSALS:
            status, words = REFUSALS[entry.played]
            return json_reply(words, status)
        if fault := _common_fault(entry):
            return fault
        names = {f"{name} [{folder}]" for _, folder, name in machine.files}
        if refused := problem(body.get("prompt"), _known_nodes(), names):
            return json_reply(refused, 400)
        for _ in range(board.fields(ComfyUIScenario).comfyui_others):
            machine.add(_app(), _workflow({"prompt": {}}, "others"))
        workflow = _workflow(body, entry.played)
        machine.add(_app(), workflow)
        errors = _errors_of_others(workflow) if entry.played == "partly" else {}
        return json_reply({"prompt_id": workflow.prompt_id, "number": workflow.number, "node_errors": errors})


@comfyui.get("/queue")
def queue() -> Response:
    """Return what runs and what waits."""
    with state().logged("comfyui_look") as entry:
        if fault := _look_fault(entry):
            return fault
        machine = memory(Machine)
        with machine.changed:
            running = [machine.running.item] if machine.running else []
            return json_reply({"queue_running": running, "queue_pending": [it.item for it in machine.pending]})


@comfyui.post("/queue")
def delete_from_queue() -> Response:
    """Delete workflows that wait."""
    words, machine = request.get_json(force=True), memory(Machine)
    with state().logged("comfyui_delete", words), machine.changed:
        machine.pending = [it for it in machine.pending if it.prompt_id not in words.get("delete", [])]
        return Response(status=200)


@comfyui.post("/interrupt")
def interrupt() -> Response:
    """Interrupt the workflow that runs: whichever it is, if the server is an old one."""
    words, machine = request.get_json(force=True), memory(Machine)
    with state().logged("comfyui_interrupt", words), machine.changed:
        running = machine.running
        if running and (running.played == "old_server" or words.get("prompt_id") in (None, running.prompt_id)):
            machine.interrupt.set()
        return Response(status=200)


@comfyui.get("/history/<prompt_id>")
def history(prompt_id: str) -> Response:
    """Return what came of a workflow."""
    with state().logged("comfyui_look") as entry:
        if fault := _look_fault(entry):
            return fault
        found = memory(Machine).history.get(prompt_id)
        return json_reply({prompt_id: found} if found else {})


@comfyui.post("/history")
def delete_from_history() -> Response:
    """Delete entries of workflows that have ended."""
    words, machine = request.get_json(force=True), memory(Machine)
    with state().logged("comfyui_forget", words), machine.changed:
        for prompt_id in words.get("delete", []):
            machine.history.pop(prompt_id, None)
        return Response(status=200)


@comfyui.get("/view")
def view() -> Response:
    """Return a file."""
    board = state()
    with board.logged("comfyui_view") as entry:
        entry.played = board.draw("comfyui_view")
        place = (request.args.get("subfolder", ""), request.args.get("type", "output"), request.args["filename"])
        return handed_out(memory(Machine).files.get(place), entry.played)


@comfyui.post("/upload/image")
def upload() -> Response:
    """Keep a picture."""
    board, file = state(), request.files["image"]
    with board.logged("comfyui_upload", {**request.form, "name": file.filename}) as entry:
        entry.played = board.draw("comfyui_upload")
        if entry.played == "too_large":
            return Response(status=413)
        if entry.played == "no_name":
            return json_reply({})
        if fault := _common_fault(entry):
            return fault
        place = (request.form.get("subfolder", ""), request.form.get("type", "input"), str(file.filename))
        memory(Machine).files[place] = file.read()
        return json_reply({"name": place[2], "subfolder": place[0], "type": place[1]})


@comfyui.get("/object_info/<node>")
def object_info(node: str) -> Response:
    """Return a node's definition, or an empty object."""
    board = state()
    with board.logged("comfyui_info") as entry:
        entry.played = board.draw("comfyui_info")
        if entry.played == "odd":
            return json_reply({node: {"input": {"required": {"ckpt_name": [7]}}}})
        if fault := _common_fault(entry):
            return fault
        if node not in INPUTS or (entry.played, node) == ("no_websocket_node", "SaveImageWebsocket"):
            return json_reply({})
        found = definition(node, as_combo=entry.played == "combo")
        if entry.played == "no_checkpoints":
            found["input"] = {"required": {"ckpt_name": [[], {}]}}
        return json_reply({node: found})


@comfyui.get("/sandbox/files")
def files() -> Response:
    """Return the sizes of the files that are left on the machine, by folder and name; the real server has no such."""
    found = memory(Machine).files
    return json_reply({f"{folder}/{name}": len(data) for (_, folder, name), data in found.items()})


@comfyui.get("/sandbox/history")
def ended() -> Response:
    """Return the ids in the history; the real server shows more."""
    return json_reply(list(memory(Machine).history))


def _listen(line: Line) -> None:
    """Read the client's messages until it leaves; the first may name its features."""
    try:
        while True:
            found = json.loads(line.socket.receive() or "{}")
            if found.get("type") == "feature_flags":
                line.features = found["data"]
    except (ConnectionClosed, OSError):
        return


def _workflow(body: dict[str, object], played: str) -> Workflow:
    given, machine = str(body.get("prompt_id", "")), memory(Machine)
    prompt_id = str(uuid.uuid4()) if played in ("old_server", "others") or not given else given
    extra = body.get("extra_data")
    words = {**(extra if isinstance(extra, dict) else {}), "client_id": body.get("client_id", "another")}
    graph = body["prompt"]
    assert isinstance(graph, dict)  # noqa: S101 - the submission checks it
    return Workflow(machine.next_number(), prompt_id, graph, words, played, state().scenario.delay)


def _errors_of_others(workflow: Workflow) -> dict[str, object]:
    """Return what an accepted workflow has of errors that keep its output from being made."""
    error = {"type": "value_not_in_list", "message": "Value not in list", "details": "upscaler: 'x' not in []"}
    node = workflow.node("VAEDecode")
    outputs = [workflow.node("SaveImageWebsocket", "PreviewImage", "SaveImage")]
    return {node: {"errors": [error], "dependent_outputs": outputs, "class_type": "VAEDecode"}}


def _known_nodes() -> set[str]:
    return set(INPUTS)


def _look_fault(entry: LoggedRequest) -> Response | None:
    entry.played = state().draw("comfyui_look")
    return _common_fault(entry)


def _common_fault(entry: LoggedRequest) -> Response | None:
    """Return the response of a fault that any address may play; None if it plays none."""
    if entry.played == "error_500":
        return Response("500 Internal Server Error", 500, mimetype="text/plain")
    if entry.played in ("html", "html_502"):
        return html_reply("Bad gateway", 502 if entry.played == "html_502" else 200)
    if entry.played == "slow":
        time.sleep(SLOW_SECONDS)
    if entry.played == "reset":
        return reset()
    return hang(entry) if entry.played == "hang" else None


def _app() -> Flask:
    found: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # a thread outlives the request
    return found
