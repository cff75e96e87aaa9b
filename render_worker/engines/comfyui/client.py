"""ComfyUI's API over HTTP: look up what it has, submit a workflow, look at it, fetch its picture, and leave no trace.

Its own source has the routes: https://github.com/comfyanonymous/ComfyUI (server.py).
"""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from render_worker.engines.comfyui.graphs import Graph
from render_worker.engines.comfyui.replies import error_of_reply
from render_worker.engines.comfyui.settings import ComfyUISettings
from render_worker.errors import BadPicture, EngineNotConfigured, UnexpectedReply
from render_worker.outbound.download import MAX_PICTURE_BYTES
from render_worker.outbound.exchange import HttpService, Reply

NAME = "ComfyUI"
MAX_DOCUMENT_BYTES = 4 * 1024 * 1024  # read in the loop; a history entry has the graph and its outputs
PROMPT_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
FOLDERS = ("temp", "output", "input")
MAX_FILE_NAME = 255
# Of one pixel: what an uploaded or shown picture is overwritten with, for the API deletes no file.
BLANK = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe0def46b8"
    "0000000049454e44ae426082"
)


@dataclass(frozen=True)
class StoredFile:
    """A file on that machine, as its API names it."""

    filename: str
    subfolder: str
    type: str

    @classmethod
    def of(cls, found: object) -> "StoredFile | None":
        """Return the file that a reply names; None if it names none."""
        words = found if isinstance(found, dict) else {}
        filename, subfolder, kind = (words.get(name) for name in ("filename", "subfolder", "type"))
        if not isinstance(filename, str) or not 0 < len(filename) <= MAX_FILE_NAME or kind not in FOLDERS:
            return None
        return cls(filename, subfolder[:MAX_FILE_NAME] if isinstance(subfolder, str) else "", str(kind))

    @property
    def as_input(self) -> str:
        """Return what a LoadImage node calls it."""
        path = f"{self.subfolder}/{self.filename}" if self.subfolder else self.filename
        return f"{path} [{self.type}]"


@dataclass(frozen=True)
class Queue:
    """What is being made, and what waits for that in order."""

    running: list[list[Any]]
    pending: list[list[Any]]

    def position(self, prompt_id: str) -> int | None:
        """Return the position of a waiting workflow, 1 for the next; None if it does not wait."""
        ids = [item[1] for item in self.pending]
        return ids.index(prompt_id) + 1 if prompt_id in ids else None

    def runs(self, *prompt_ids: str) -> bool:
        """Return whether one of these workflows is being run."""
        return any(item[1] in prompt_ids for item in self.running)

    def ids_of(self, client_id: str) -> set[str]:
        """Return the ids of a client's workflows, which it may not know if a reply was lost."""
        items = [item for item in (*self.running, *self.pending) if _client_of(item) == client_id]
        return {item[1] for item in items if isinstance(item[1], str)}


class ComfyUIClient:
    """The server's API."""

    def __init__(self, settings: ComfyUISettings) -> None:
        self.seconds = settings.comfyui_seconds
        self._documents = HttpService(NAME, self.seconds, MAX_DOCUMENT_BYTES)
        self._pictures = HttpService(NAME, self.seconds, MAX_PICTURE_BYTES)
        self.url = settings.comfyui_url or ""
        token = settings.comfyui_token
        self.headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}

    async def choices(self, node: str, field: str) -> list[str]:
        """Return what a node's input may be, such as the checkpoints that exist; nothing if there is no such node."""
        inputs = await self._inputs_of(node)
        required = inputs.get("required") if inputs else None
        definition = required.get(field) if isinstance(required, dict) else None
        return _choices(definition) if isinstance(definition, list) else []

    async def knows(self, node: str) -> bool:
        """Return whether the server has a node of that class."""
        return await self._inputs_of(node) is not None

    async def submit(self, graph: Graph, client_id: str, prompt_id: str, *, previews: bool) -> tuple[str, object]:
        """Submit a workflow; return the id under which it runs, which older servers choose, and its node errors."""
        words = {
            "prompt": graph,
            "client_id": client_id,
            "prompt_id": prompt_id,
            "extra_data": {"preview_method": "auto" if previews else "none"},  # older servers have it as an option
        }
        reply = await self._document("POST", "/prompt", json=words)
        found = reply.get("prompt_id")
        if not isinstance(found, str) or not PROMPT_ID.fullmatch(found):
            raise UnexpectedReply("ComfyUI accepted the workflow, but its answer names no id.")
        return found, reply.get("node_errors")

    async def history(self, prompt_id: str) -> dict[str, Any] | None:
        """Return what came of a workflow; None if it has not ended."""
        entry = (await self._document("GET", f"/history/{prompt_id}")).get(prompt_id)
        return entry if isinstance(entry, dict) else None

    async def queue(self) -> Queue:
        """Return what runs and what waits."""
        found = await self._document("GET", "/queue")
        return Queue(_items(found.get("queue_running")), sorted(_items(found.get("queue_pending")), key=_number))

    async def view(self, file: StoredFile) -> bytes:
        """Return a picture's bytes. Raises BadPicture if it is gone."""
        words = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        reply = await self._pictures.exchange("GET", f"{self.url}/view", headers=self.headers, params=words)
        if reply.status == httpx.codes.NOT_FOUND:
            raise BadPicture("missing", "ComfyUI's picture was announced, but not to be had.")
        return _accepted(reply).body

    async def upload(self, name: str, data: bytes) -> StoredFile:
        """Keep a picture in the server's folder for temporary files, which its start empties."""
        found = await self._upload(name, "", "temp", data)
        file = StoredFile.of({**found, "filename": found.get("name")})
        if file is None:
            raise UnexpectedReply("ComfyUI took the image, but its answer names no file.")
        return file

    async def overwrite(self, file: StoredFile) -> None:
        """Put one blank pixel in the place of a picture: the API deletes no file."""
        await self._upload(file.filename, file.subfolder, file.type, BLANK)

    async def withdraw(self, prompt_id: str) -> None:
        """Take a waiting workflow back, and interrupt it if it is the one that runs.

        Older servers interrupt whatever runs, so what runs is looked up first; it may change in between.
        """
        await self._send("/queue", {"delete": [prompt_id]})
        if (await self.queue()).runs(prompt_id):
            await self._send("/interrupt", {"prompt_id": prompt_id})

    async def forget(self, prompt_id: str) -> None:
        """Delete a workflow, and so its prompt, from the server's history."""
        await self._send("/history", {"delete": [prompt_id]})

    async def _upload(self, name: str, subfolder: str, kind: str, data: bytes) -> dict[str, object]:
        return await self._document(
            "POST",
            "/upload/image",
            files={"image": (name, data, "image/png")},
            data={"type": kind, "subfolder": subfolder, "overwrite": "true"},
        )

    async def _inputs_of(self, node: str) -> dict[str, Any] | None:
        """Return the inputs of a node as the server defines them; None if it has no such node."""
        definition = (await self._document("GET", f"/object_info/{node}")).get(node)
        inputs = definition.get("input") if isinstance(definition, dict) else None
        return inputs if isinstance(inputs, dict) else None

    async def _send(self, path: str, words: dict[str, object]) -> None:
        """Send a request whose reply has no body."""
        _accepted(await self._documents.exchange("POST", self.url + path, headers=self.headers, json=words))

    async def _document(self, method: str, path: str, **body: Any) -> dict[str, object]:
        """Return the JSON object of a reply."""
        reply = await self._documents.exchange(method, self.url + path, headers=self.headers, **body)
        return _accepted(reply).required_document()


def require_checkpoint(names: list[str]) -> str:
    """Return the first checkpoint. Raises EngineNotConfigured if there is none."""
    if not names:
        raise EngineNotConfigured("ComfyUI has no checkpoint: put one into its folder models/checkpoints.")
    return names[0]


def _accepted(reply: Reply) -> Reply:
    if not reply.is_success:
        raise error_of_reply(reply)
    return reply


def _choices(definition: list[Any]) -> list[str]:
    """Return the choices of an input's definition, of which there are two forms: [[…], {}] and ["COMBO", {options}]."""
    kind = definition[0] if definition else None
    if kind == "COMBO" and len(definition) > 1 and isinstance(definition[1], dict):
        kind = definition[1].get("options")
    return [name for name in kind if isinstance(name, str)] if isinstance(kind, list) else []


def _items(found: object) -> list[list[Any]]:
    """Return the queue's items, each of which begins with its number and its id."""
    items = found if isinstance(found, list) else []
    return [it for it in items if isinstance(it, list) and len(it) > 1]


def _client_of(item: list[Any]) -> object:
    extra = item[3] if len(item) > 3 else None
    return extra.get("client_id") if isinstance(extra, dict) else None


def _number(item: list[Any]) -> float:
    return item[0] if isinstance(item[0], int | float) else 0
