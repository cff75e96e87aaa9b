"""The machine of ComfyUI's stand-in: a queue, one workflow at a time, events to the client's socket, and a history."""

import io
import json
import socket
import struct
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from PIL import Image

from sandbox.comfyui_nodes import OUTPUTS, Graph, failure
from sandbox.pictures import painted
from sandbox.websocket import WebSocket

STEPS = 4  # that it reports, however many there are
OTHERS_SECONDS = 0.4
HISTORY_SECONDS = 0.05  # between a workflow's last event and its entry in the history, which is too soon to be deleted
INTERRUPT_SECONDS = 0.02
SIDE = 512
STOPS = ("oom", "crash")
PREVIEW, PREVIEW_WITH_METADATA = 1, 4
JPEG, PNG = 1, 2


class Interrupted(Exception):
    """Raised within a workflow that is interrupted."""


class Failed(Exception):
    """Raised by a node that fails, with its event's data."""


@dataclass
class Line:
    """A client's socket."""

    socket: WebSocket
    features: dict[str, object] = field(default_factory=dict)
    played: str = "ok"


@dataclass
class Workflow:
    """A workflow that was accepted."""

    number: int
    prompt_id: str
    graph: Graph
    extra: dict[str, Any]
    played: str
    delay: float
    at: str = ""
    """The node that runs."""

    @property
    def item(self) -> list[object]:
        """Return what GET /queue shows of it."""
        outputs = [node for node, it in self.graph.items() if it["class_type"] in OUTPUTS]
        return [self.number, self.prompt_id, self.graph, self.extra, outputs]

    def node(self, *kinds: str) -> str:
        """Return the first node of these classes, "" if there is none."""
        return next((node for node, it in self.graph.items() if it["class_type"] in kinds), "")

    def inputs(self, *kinds: str) -> dict[str, Any]:
        """Return the inputs of the first node of these classes."""
        return self.graph[found]["inputs"] if (found := self.node(*kinds)) else {}


class Machine:
    """What the server is and has; shared by all threads."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.lines: dict[str, Line] = {}
        self.interrupt = threading.Event()
        self._thread: threading.Thread | None = None
        self.clear()

    def clear(self) -> None:
        """Forget everything, and interrupt what runs."""
        with self.changed:
            self.pending: list[Workflow] = []
            self.running: Workflow | None = None
            self.history: dict[str, dict[str, object]] = {}
            self.files: dict[tuple[str, str, str], bytes] = {}
            self.number = 0
            self.interrupt.set()

    def add(self, app: Flask, workflow: Workflow) -> None:
        """Put a workflow into the queue."""
        with self.changed:
            self.pending.append(workflow)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, args=(app,), daemon=True)
                self._thread.start()
            self.changed.notify_all()

    def next_number(self) -> int:
        """Return the number of the next workflow."""
        self.number += 1
        return self.number

    def greet(self, client_id: str) -> None:
        """Send a new socket's first events: the node that runs, if the client's own workflow does."""
        self.send(
            client_id, "status", {"status": {"exec_info": {"queue_remaining": len(self.pending)}}, "sid": client_id}
        )
        running = self.running
        if running and running.extra.get("client_id") == client_id and running.at:
            self.send(client_id, "executing", {"node": running.at})

    def send(self, client_id: object, kind: str, data: dict[str, object]) -> None:
        """Send an event to a client, if it has a socket."""
        self._send(client_id, json.dumps({"type": kind, "data": data}))

    def _send(self, client_id: object, frame: str | bytes) -> None:
        line = self.lines.get(str(client_id))
        if line is None or line.played == "silent":
            return
        try:
            line.socket.send(frame)
        except OSError:
            self.lines.pop(str(client_id), None)

    def _serve(self, app: Flask) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.pending)
                workflow = self.running = self.pending.pop(0)
                self.interrupt.clear()
            with app.app_context():
                entry = Run(self, workflow).entry()
            time.sleep(HISTORY_SECONDS)
            with self.changed:
                if self.running is workflow:  # else all was forgotten meanwhile
                    self.running = None
                    if workflow.played != "forgotten":
                        self.history[workflow.prompt_id] = entry
            self.send(workflow.extra.get("client_id"), "executing", {"node": None, "prompt_id": workflow.prompt_id})


@dataclass
class Run:
    """One run of a workflow."""

    machine: Machine
    workflow: Workflow

    def entry(self) -> dict[str, object]:
        """Run it and return its entry in the history."""
        messages: list[list[object]] = []
        outputs: dict[str, object] = {}
        kind, data = "execution_success", {}
        try:
            self._tell("execution_start")
            outputs = self._outputs()
        except Interrupted:
            kind, data = "execution_interrupted", {"node_id": self.workflow.node("KSampler"), "executed": []}
        except Failed as failure:
            kind, data = "execution_error", failure.args[0]
        self._tell(kind, **data)
        messages.append([kind, {"prompt_id": self.workflow.prompt_id, **data}])
        ended_well = kind == "execution_success"
        status = {"status_str": "success" if ended_well else "error", "completed": ended_well, "messages": messages}
        entry: dict[str, object] = {"prompt": self.workflow.item, "outputs": outputs, "meta": {}}
        return entry if self.workflow.played == "old_server" else {**entry, "status": status}

    def _outputs(self) -> dict[str, object]:
        if self.workflow.played == "others":
            self._pause(OTHERS_SECONDS)
            return {}
        if self.workflow.played == "cached":
            self._tell("execution_cached", nodes=list(self.workflow.graph))
            return {}
        self._tell("execution_cached", nodes=[])
        for node in self.workflow.graph:
            if node not in (self.workflow.node("KSampler"), self._output):
                self._tell("executing", node=node, display_node=node)
        self._sample()
        self._tell("executing", node=self._output, display_node=self._output)
        return self._deliver(self._picture())

    @property
    def _output(self) -> str:
        return self.workflow.node(*OUTPUTS)

    def _sample(self) -> None:
        node = self.workflow.node("KSampler")
        self._tell("executing", node=node, display_node=node)
        previews = self.workflow.extra.get("preview_method") != "none"
        for step in range(1, STEPS + 1):
            self._pause(self.workflow.delay / STEPS)
            if self.workflow.played in STOPS:
                raise Failed(failure(node, self.workflow.played))
            self._tell("progress", value=step, max=STEPS, node=node)
            if step == 2 and self.workflow.played == "interrupted":
                raise Interrupted
            if step == 2:
                self._lose("lost")
            if previews:
                self._send_picture(Image.new("RGB", (64, 64), (40 * step, 80, 120)), "JPEG", node)
        while self.workflow.played == "stuck":
            self._pause(1)

    def _lose(self, played: str) -> bool:
        """Lose the client's socket, if that is what is played; return whether it was."""
        client_id = str(self.workflow.extra.get("client_id"))
        line = self.machine.lines.get(client_id)
        if line is None or line.played != played:
            return False
        self.machine.lines.pop(client_id)
        line.socket.sock.shutdown(socket.SHUT_RDWR)
        return True

    def _picture(self) -> Image.Image:
        sampler = self.workflow.inputs("KSampler")
        sized = self.workflow.inputs("EmptyLatentImage", "ImageScale")
        size = (int(sized.get("width", SIDE)), int(sized.get("height", SIDE)))
        prompt, negative = (self._text(sampler.get(which)) for which in ("positive", "negative"))
        data = painted(prompt, negative, int(sampler.get("seed", 0)) % 2**31, float(sampler.get("cfg", 7)), size)
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        source = self.machine.files.get(file_of(str(self.workflow.inputs("LoadImage").get("image"))))
        if source:
            begun = Image.open(io.BytesIO(source)).convert("RGB").resize(size)
            picture = Image.blend(begun, picture, float(sampler["denoise"]))
        return picture

    def _text(self, link: object) -> str:
        node = self.workflow.graph.get(link[0]) if isinstance(link, list) else None
        return str(node["inputs"].get("text", "")) if node else "a picture"

    def _deliver(self, picture: Image.Image) -> dict[str, object]:
        """Send the picture by the socket, or keep a file of it; return the outputs."""
        node, kind = self._output, self.workflow.graph[self._output]["class_type"]
        if kind == "SaveImageWebsocket":
            self._tell("progress", value=0, max=1, node=node)
            if not self._lose("lost_late"):
                self._send_picture(picture, "PNG", node)
            return {}
        folder = "output" if kind == "SaveImage" else "temp"
        name = f"ComfyUI_{uuid.uuid4().hex[:5]}_00001_.png"
        self.machine.files["", folder, name] = _encoded(picture, "PNG")
        found = {"images": [{"filename": name, "subfolder": "", "type": folder}]}
        self._tell("executed", node=node, display_node=node, output=found)
        return {node: found}

    def _send_picture(self, picture: Image.Image, kind: str, node: str) -> None:
        line = self.machine.lines.get(str(self.workflow.extra.get("client_id")))
        data = _encoded(picture, kind)
        if line and line.features.get("supports_preview_metadata") and self.workflow.played != "old_server":
            metadata = {"node_id": node, "prompt_id": self.workflow.prompt_id, "image_type": f"image/{kind.lower()}"}
            words = json.dumps(metadata).encode()
            frame = struct.pack(">II", PREVIEW_WITH_METADATA, len(words)) + words + data
        else:
            frame = struct.pack(">II", PREVIEW, JPEG if kind == "JPEG" else PNG) + data
        self.machine._send(self.workflow.extra.get("client_id"), frame)

    def _tell(self, kind: str, **data: object) -> None:
        self.workflow.at = str(data["node"]) if kind == "executing" else self.workflow.at
        of = (
            {}
            if self.workflow.played == "old_server" and kind == "progress"
            else {"prompt_id": self.workflow.prompt_id}
        )
        self.machine.send(self.workflow.extra.get("client_id"), kind, {**data, **of})

    def _pause(self, seconds: float) -> None:
        """Pause as a step does, which ends before an interruption is seen."""
        end = time.monotonic() + seconds
        while (remaining := end - time.monotonic()) > 0:
            if self.machine.interrupt.wait(min(remaining, INTERRUPT_SECONDS)):
                raise Interrupted
        if self.machine.interrupt.is_set():
            raise Interrupted


def file_of(path: str) -> tuple[str, str, str]:
    """Return subfolder, folder and name of a file as a LoadImage node names it: name, or "name [temp]"."""
    name, _, annotation = path.partition(" [")
    subfolder, _, name = name.rpartition("/")
    return subfolder, annotation.rstrip("]") or "input", name


def _encoded(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, compress_level=1)  # of a PNG, as the real server does
    return out.getvalue()
