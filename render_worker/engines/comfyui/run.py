"""A workflow's way to its picture: by the socket if the server can send it there, else by a file; once more if lost."""

from dataclasses import dataclass
from typing import Any

from render_worker.engines.base import Reporter
from render_worker.engines.comfyui.client import ComfyUIClient, StoredFile
from render_worker.engines.comfyui.job import Job
from render_worker.engines.comfyui.socket import Socket
from render_worker.engines.comfyui.visit import Visit
from render_worker.engines.comfyui.workflow import BY_FILE, BY_SOCKET, Workflow
from render_worker.errors import BadPicture


@dataclass(frozen=True)
class Run:
    """A workflow, and the values of its placeholders."""

    client: ComfyUIClient
    visit: Visit
    workflow: Workflow
    values: dict[str, Any]
    report: Reporter
    poll_seconds: float

    async def picture(self) -> bytes:
        """Return the finished picture. Raises EngineError if it cannot be made."""
        socket = Socket(self.client, self.visit.client_id, self.report)
        try:
            await socket.open()  # first, so that no event is missed
            if await self._can_send(socket):
                if found := await self._submitted(socket, BY_SOCKET):
                    return found
                # What was made is in the server's cache: only the output is new.
                self.report.setback("ComfyUI's picture was lost with its WebSocket; asking for a file of it.")
            found = await self._submitted(socket, BY_FILE)
        finally:
            socket.close()
        if found is None:
            raise BadPicture("missing", f"ComfyUI was done without a picture; {self._advice()}.")
        return found

    async def _can_send(self, socket: Socket) -> bool:
        """Return whether the server can send the picture by the socket, and keep no file with the prompt in it."""
        return self.workflow.output_may_change and socket.is_open and await self.client.knows(BY_SOCKET)

    async def _submitted(self, socket: Socket, output: str) -> bytes | None:
        """Submit the workflow and return its picture; None if there is none of it."""
        self.report("starting", "Handing the workflow to ComfyUI.")
        graph, node = self.workflow.filled(self.values, output), self.workflow.output
        prompt_id = await self.visit.submit(graph, node, previews=self.report.wants_previews)
        by_socket = output == BY_SOCKET
        job = Job(self.client, socket, self.report, prompt_id, node, by_socket, self.poll_seconds)
        found = await job.result()
        self.visit.has_ended = True
        return await self._fetched(job, found) if isinstance(found, StoredFile) else found

    async def _fetched(self, job: Job, file: StoredFile) -> bytes:
        self.report("downloading")
        if self.workflow.output_may_change:  # else the operator's own node keeps what it keeps
            self.visit.has_file(file)
        return await job.patiently(lambda: self.client.view(file))

    def _advice(self) -> str:
        if "seed" not in self.workflow.places:
            return f"{self.workflow.name} has no {{{{seed}}}}, so that the server may have taken all from its cache"
        return "ask again"
