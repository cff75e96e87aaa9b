"""One picture's visit at the server: what it submits and uploads there, and how it leaves without a trace."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable

from render_worker.engines.comfyui.client import ComfyUIClient, StoredFile
from render_worker.engines.comfyui.graphs import Graph
from render_worker.engines.comfyui.replies import error_of_nodes
from render_worker.errors import EngineError, EngineNotConfigured, EngineUnauthorized, RequestInvalid

LEAVE_SECONDS = 60.0  # an interrupted workflow ends with its sampling step, which takes seconds on a slow machine
PAUSE_SECONDS = 0.2
REFUSALS = (RequestInvalid, EngineNotConfigured, EngineUnauthorized)
"""Errors after which the server surely has nothing of it."""

log = logging.getLogger(__name__)


class Visit:
    """What one picture leaves at the server until `leave`."""

    def __init__(self, client: ComfyUIClient) -> None:
        self._client = client
        self.client_id = str(uuid.uuid4())
        self._prompt_ids: set[str] = set()
        self._files: list[StoredFile] = []
        self._request: asyncio.Task[tuple[str, object]] | asyncio.Task[StoredFile] | None = None
        self.has_ended = False
        """Whether all that was submitted has ended."""

    @property
    def has_traces(self) -> bool:
        """Return whether there is anything to take away."""
        return bool(self._prompt_ids or self._files or (self._request and not self._request.done()))

    async def upload(self, data: bytes) -> StoredFile:
        """Upload a picture under a random name."""
        self._request = request = asyncio.create_task(self._upload(data))
        return await asyncio.shield(request)

    async def _upload(self, data: bytes) -> StoredFile:
        file = await self._client.upload(f"{uuid.uuid4().hex}.png", data)
        self._files.append(file)
        return file

    async def submit(self, graph: Graph, output: str, *, previews: bool) -> str:
        """Submit a workflow and return its id. Raises EngineError if its output would not be made."""
        own = str(uuid.uuid4())  # newer servers demand it in small letters
        self._prompt_ids.add(own)
        self.has_ended = False
        self._request = request = asyncio.create_task(self._submit(graph, own, previews))
        prompt_id, node_errors = await asyncio.shield(request)
        if error := error_of_nodes(node_errors, output):
            raise error
        return prompt_id

    async def _submit(self, graph: Graph, own: str, previews: bool) -> tuple[str, object]:
        try:
            accepted = await self._client.submit(graph, self.client_id, own, previews=previews)
        except REFUSALS:
            self._prompt_ids.discard(own)
            raise
        self._prompt_ids.add(accepted[0])
        return accepted

    def has_file(self, file: StoredFile) -> None:
        """Note a file that the server wrote for this picture alone."""
        self._files.append(file)

    async def leave(self) -> None:
        """Withdraw what has not ended, and take away what is left of all."""
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                if self._request and not self._request.done():  # the server may accept it yet
                    await asyncio.wait({self._request})
                if not self.has_ended:
                    await self._withdraw()
                for prompt_id in self._prompt_ids:
                    await self._attempt(self._client.forget(prompt_id))
                for file in self._files:
                    await self._attempt(self._client.overwrite(file))
        except TimeoutError:
            log.info("ComfyUI did not end a cancelled picture within %g seconds.", LEAVE_SECONDS)
        finally:
            if self._request:
                self._request.cancel()

    async def _withdraw(self) -> None:
        """Withdraw what was submitted, and wait until none of it runs."""
        await self._attempt(self._find())
        for prompt_id in self._prompt_ids:
            await self._attempt(self._client.withdraw(prompt_id))
        await self._attempt(self._until_ended())

    async def _find(self) -> None:
        self._prompt_ids |= (await self._client.queue()).ids_of(self.client_id)

    async def _until_ended(self) -> None:
        while (await self._client.queue()).runs(*self._prompt_ids):
            await asyncio.sleep(PAUSE_SECONDS)

    async def _attempt(self, call: Awaitable[None]) -> None:
        try:
            await call
        except EngineError as error:
            log.info("ComfyUI could not be left without a trace: %s", error)
