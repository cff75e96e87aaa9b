"""The models and LoRAs that one render worker keeps in memory."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel

from image_api.dispatch.cold_start import ColdStart, run_probe
from image_api.dispatch.read_slots import ReadSlots
from image_api.dispatch.replies import parse_reply, read_body
from image_api.dispatch.worker_connection import QUICK_SECONDS, READ_RETRY_SECONDS, WorkerConnection
from image_api.errors import EngineNotConfigured
from render_worker.contract import LoadedModel, LoadModelRequest, LoraList, LoraRequest, LoraState
from render_worker.serving.deadline import Deadline

LORA_SECONDS = 300.0  # for a LoRA, whose model may have to be loaded first
GRACE_SECONDS = 15.0  # the worker says at the timeout that a model is still being loaded, and is busy then

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class WorkerWeights:
    """Has a render worker load and unload them. Thread-safe."""

    def __init__(
        self, connection: WorkerConnection, cold_start: ColdStart, reads: ReadSlots, on_load: Callable[[], None]
    ) -> None:
        """Ask over the connection of its client, with its slots of reads; `on_load` is called once a model is asked
        for.
        """
        self._connection = connection
        self._cold_start = cold_start
        self._reads = reads
        self._on_load = on_load

    def load_model(self, request: LoadModelRequest, client: str | None = None) -> LoadedModel:
        """Have the worker load a model, and return its state, at the latest a moment after the request's timeout.

        Raises EngineNotConfigured if no engine there keeps models itself, the worker's refusal if there is no such
        model, and an ApiError if it cannot be loaded or if the worker is not up in time.
        """
        deadline = Deadline.after(request.timeout_seconds)

        def attempt() -> LoadedModel:
            left = request.model_copy(update={"timeout_seconds": deadline.remaining or QUICK_SECONDS})
            return self._reply("POST", "/models/load", LoadedModel, left.timeout_seconds, left)

        loaded = self._retry_until(deadline, attempt, client)
        self._on_load()
        return loaded

    def loras(self, client: str | None = None) -> LoraList:
        """Return every LoRA that `lora_path` accepts. Raises as `load_model`."""

        def attempt() -> LoraList:
            return run_probe(lambda: self._reply("GET", "/loras", LoraList, QUICK_SECONDS))

        return self._retry_until(Deadline.after(READ_RETRY_SECONDS), attempt, client)

    def load_lora(self, request: LoraRequest, client: str | None = None) -> LoraState:
        """Have the worker check a LoRA against a model, and keep it with that. Raises as `load_model`."""
        return self._change_lora("/loras/load", request, client)

    def unload_lora(self, request: LoraRequest, client: str | None = None) -> LoraState:
        """Have the worker remove a LoRA from every model. Raises as `load_model`."""
        return self._change_lora("/loras/unload", request, client)

    def _change_lora(self, path: str, request: LoraRequest, client: str | None) -> LoraState:
        deadline = Deadline.after(LORA_SECONDS)
        return self._retry_until(
            deadline, lambda: self._reply("POST", path, LoraState, deadline.remaining, request), client
        )

    def _retry_until(self, deadline: Deadline, attempt: Callable[[], T], client: str | None) -> T:
        with self._reads.slot(client) as abort:
            return self._cold_start.retry(attempt, deadline, abort=abort)

    def _reply(self, method: str, path: str, model: type[M], seconds: float, body: BaseModel | None = None) -> M:
        """Return the worker's reply. Raises EngineNotConfigured if it is of an older version."""
        seconds += GRACE_SECONDS
        deadline = Deadline.after(seconds)
        text = body.model_dump_json(exclude_none=True).encode() if body else None
        with self._connection.send(method, path, seconds, text) as reply:
            if reply.status_code == HTTPStatus.NOT_FOUND:
                raise EngineNotConfigured("The render worker is of an older version, which keeps no models itself.")
            return parse_reply(reply, read_body(reply, deadline), path, model)
