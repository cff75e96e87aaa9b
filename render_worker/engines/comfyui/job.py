"""One submitted workflow, watched until it has ended: by events while there are some, by its history otherwise."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeGuard, TypeVar

from render_worker.engines.base import Reporter
from render_worker.engines.comfyui.client import ComfyUIClient, StoredFile
from render_worker.engines.comfyui.replies import error_of_execution, error_of_interruption
from render_worker.engines.comfyui.socket import Event, Socket
from render_worker.errors import EngineBusy, EngineError, EngineUnreachable, PhaseTimeout, UnexpectedReply

LOOK_RETRIES = 3  # in a row; the picture is made meanwhile
MAX_MISSES = 2  # in a row: it may go from the queue to the history between two looks
MAX_STEPS = 10_000
GRACE_SECONDS = 2.0  # for a picture on its way, of some megabytes
TRANSIENT = (EngineUnreachable, PhaseTimeout, EngineBusy)

T = TypeVar("T")


@dataclass
class Job:
    """A workflow that runs under `prompt_id`."""

    client: ComfyUIClient
    socket: Socket
    report: Reporter
    prompt_id: str
    output: str
    """The id of the node whose picture it is."""
    by_socket: bool
    """Whether that node sends its picture by the socket."""
    poll_seconds: float

    def __post_init__(self) -> None:
        self._node: object = None
        self._picture: bytes | None = None
        self._ended = False
        self._misses = 0
        self._step = self._total = 0  # as last told: the nodes that come after the sampler have none
        self._next_look = time.monotonic()

    async def result(self) -> bytes | StoredFile | None:
        """Return the picture, or the file that it is in; None if it was made and there is no trace of it.

        Raises EngineError if it cannot be made.
        """
        while not (self._ended and self._picture):
            seconds = self._next_look - time.monotonic()
            event = await self.socket.receive(seconds) if seconds > 0 else None
            if event is not None:
                await self._take(event)
            elif (entry := await self._look()) is not None:
                await self._drain()
                return self._picture or self._file(entry)
        return self._picture

    async def _drain(self) -> None:
        """Read the events of a workflow that has ended: the picture may be among them."""
        end = time.monotonic() + GRACE_SECONDS
        while self.by_socket and not self._picture and not self._ended and self.socket.is_open:
            event = await self.socket.receive(max(0.0, end - time.monotonic()))
            if event is None:
                return
            await self._take(event)

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what a call that changes nothing returns, retried if it fails for the moment."""
        for _ in range(LOOK_RETRIES):
            try:
                return await call()
            except TRANSIENT as error:
                self.report.setback(f"a look at ComfyUI was in vain: {error} Looking again.")
                await asyncio.sleep(self.poll_seconds)
        return await call()

    async def _take(self, event: Event) -> None:
        """Note what an event says, if it is of this workflow."""
        if not event.type or event.data.get("prompt_id", self.prompt_id) != self.prompt_id:
            return
        if event.picture is not None:
            await self._take_picture(event.picture, event.data)
        elif event.type == "executing":
            self._begin(event.data.get("node"))
        elif event.type == "progress":
            self._report_step(event.data)
        _raise_failure(event.type, event.data)

    async def _take_picture(self, data: bytes, metadata: dict[str, Any]) -> None:
        """Keep the finished picture, or show the unfinished one: what tells them apart is the node that is running."""
        node = metadata.get("node_id", self._node)
        if not (self.by_socket and node == self.output):
            await self.report.preview(data)
        elif self._picture is None:  # a batch has more
            self._picture = data

    def _begin(self, node: object) -> None:
        """Note which node is running; none is if all have ended, and the history has its entry."""
        self._node = node
        if node is None:
            self._ended = True
            self._next_look = time.monotonic()
        else:
            self._put_off_look()
            self._report_generating()

    def _report_step(self, data: dict[str, Any]) -> None:
        step, total = data.get("value"), data.get("max")
        if _is_count(step) and _is_count(total) and 0 < step <= total and not self._is_of_output(data):
            self._put_off_look()
            self._step, self._total = step, total
            self._report_generating()

    def _report_generating(self) -> None:
        step, total = self._step, self._total
        if total:
            self.report("generating", percent=100 * step // total, step=step, total=total)
        else:
            self.report("generating")

    def _is_of_output(self, data: dict[str, Any]) -> bool:
        """Return whether progress is that of the output, which counts its pictures."""
        return bool(data.get("node", self._node) == self.output)

    def _put_off_look(self) -> None:
        self._next_look = time.monotonic() + self.poll_seconds

    async def _look(self) -> dict[str, Any] | None:
        """Return the history's entry; None if it is not there yet. Raises EngineError if the workflow has failed."""
        entry = await self.patiently(lambda: self.client.history(self.prompt_id))
        if entry is not None:
            _raise_failure_of(entry)
            return entry
        await self._look_at_queue()
        self._put_off_look()
        return None

    async def _look_at_queue(self) -> None:
        try:
            queue = await self.patiently(self.client.queue)
        except UnexpectedReply:  # it has the graph of each workflow that waits, and can be larger than is read here
            return
        if position := queue.position(self.prompt_id):
            self.report("queued", f"Waiting at ComfyUI, as number {position} in its queue.", position=position)
        self._misses = 0 if position or queue.runs(self.prompt_id) else self._misses + 1
        if self._misses >= MAX_MISSES:
            raise EngineError("ComfyUI does not know of the picture any more; it may have started anew.")

    def _file(self, entry: dict[str, Any]) -> StoredFile | None:
        """Return the output's first file."""
        outputs = entry.get("outputs")
        output = outputs.get(self.output) if isinstance(outputs, dict) else None
        images = output.get("images") if isinstance(output, dict) else None
        return StoredFile.of(images[0]) if isinstance(images, list) and images else None


def _raise_failure(kind: object, data: object) -> None:
    """Raise the EngineError that an event or a message of the history means; return if it means none."""
    if kind == "execution_error":
        raise error_of_execution(data if isinstance(data, dict) else {})
    if kind == "execution_interrupted":
        raise error_of_interruption()


def _raise_failure_of(entry: dict[str, Any]) -> None:
    """Raise the EngineError that an entry of the history means; return if the workflow has succeeded."""
    status = entry.get("status")  # older servers have none
    if not isinstance(status, dict) or status.get("status_str") != "error":
        return
    messages = status.get("messages")
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, list) and len(message) > 1:
            _raise_failure(message[0], message[1])
    raise EngineError("ComfyUI failed at the picture, and says no more.")


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_STEPS
