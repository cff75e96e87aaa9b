"""AI Horde's API of version 2: submit a request, look at its state until it is done, cancel it.

https://aihorde.net/api lists the fields. Its refusals are in its own source, https://github.com/Haidra-Org/AI-Horde
(horde/exceptions.py).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Literal, Self

import httpx

from render_worker.cancellation import run_shielded
from render_worker.contract import VERSION
from render_worker.engines.base import Reporter
from render_worker.engines.horde.replies import Document, TooFast, error_of_reply, job_id
from render_worker.engines.horde.settings import HordeSettings
from render_worker.errors import EngineBusy, EngineError, EngineRateLimited, EngineUnreachable, PhaseTimeout
from render_worker.outbound.exchange import MAX_REPLY_BYTES, HttpService
from render_worker.outbound.replies import json_list

ANONYMOUS = "0000000000"
NAME = "image-generation-api"
EXCHANGE_SECONDS = 30.0
CANCEL_SECONDS = 1.8  # less than a cancelled generation may take to clean up
MODELS_SECONDS = 5.0  # a request waits for the list meanwhile
MAX_MODELS_BYTES = 2**20  # its list of models has some 30 KB
SUBMIT_PAUSES = (1.0, 2.0, 4.0)  # it takes two requests a second of an address; a refused one was not accepted
MAX_PAUSE_SECONDS = 60  # its limiter counts by the second and by the minute
LOOK_RETRIES = 3  # in a row; the picture is made meanwhile
TRANSIENT = (EngineUnreachable, PhaseTimeout, EngineBusy, EngineRateLimited)

log = logging.getLogger(__name__)


class HordeClient:
    """AI Horde's API for one picture, with an account's key or the anonymous one."""

    def __init__(self, http: httpx.AsyncClient, settings: HordeSettings, report: Reporter) -> None:
        key = settings.horde_api_key
        self._http = http
        self._url = settings.horde_url
        self._poll_seconds = settings.horde_poll_seconds
        self._headers = {
            "apikey": key.get_secret_value() if key else ANONYMOUS,
            "Client-Agent": f"{NAME}:{VERSION}:{settings.horde_contact}",  # name:version:contact, as it wants it
        }
        self._report = report

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: HordeSettings, report: Reporter) -> AsyncIterator[Self]:
        """Yield a client, and close its connections afterwards."""
        async with _service(EXCHANGE_SECONDS).client() as http:
            yield cls(http, settings, report)

    async def submit(self, body: Document) -> str:
        """Submit a request and return its id, again after a pause, as long as the service says, if it came too fast.

        Raises EngineRateLimited if that would be too long.
        """
        for pause in SUBMIT_PAUSES:
            try:
                return await self._submit(body)
            except TooFast as limit:
                seconds = max(pause, limit.told or 0)
                if seconds > min(MAX_PAUSE_SECONDS, self._report.time_left):
                    raise
                self._report("queued", f"AI Horde takes no more requests for a moment; waiting {seconds:g} seconds.")
                await asyncio.sleep(seconds)
        return await self._submit(body)

    async def _submit(self, body: Document) -> str:
        """Return the id of the accepted request; if cancelled while the service replies, cancel the request as well."""
        submission = asyncio.create_task(self.exchange("POST", "/generate/async", body))
        try:
            return job_id(await asyncio.shield(submission))
        except asyncio.CancelledError:
            await run_shielded(self._cancel_submission(submission))
            raise

    async def _cancel_submission(self, submission: asyncio.Task[Document]) -> None:
        with contextlib.suppress(EngineError, TimeoutError):
            async with asyncio.timeout(CANCEL_SECONDS):
                await self.cancel(job_id(await submission))

    async def look(self, job: str, detail: Literal["check", "status"]) -> Document:
        """Return the request's state, at `status` with the picture. A look that fails costs nothing, so retry it."""
        path = f"/generate/{detail}/{job}"
        for _ in range(LOOK_RETRIES):
            try:
                return await self.exchange("GET", path)
            except TRANSIENT as error:
                self._report.setback(f"a look at {job} was in vain: {error} Looking again.")
                told = error.told if isinstance(error, TooFast) else None
                await asyncio.sleep(max(self._poll_seconds, min(told or 0, MAX_PAUSE_SECONDS)))
        return await self.exchange("GET", path)

    async def cancel(self, job: str) -> None:
        """Cancel the request, if the service replies within a moment."""
        service = _service(CANCEL_SECONDS)
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await service.exchange("DELETE", f"{self._url}/generate/status/{job}", headers=self._headers)
        except (TimeoutError, EngineError) as error:
            log.info("AI Horde's request %s could not be cancelled: %s", job, error)

    async def models(self) -> list[object]:
        """Return its list of models. Raises an EngineError if there is none."""
        service = _service(MODELS_SECONDS, MAX_MODELS_BYTES)
        async with asyncio.timeout(MODELS_SECONDS):
            reply = await service.exchange("GET", f"{self._url}/status/models?type=image", headers=self._headers)
        if not reply.is_success:
            raise error_of_reply(reply)
        return json_list(reply.body)

    async def exchange(self, method: str, path: str, body: Document | None = None) -> Document:
        """Send a request and return the JSON object of the reply.

        Raises an EngineError if there is none or the service refuses.
        """
        service = _service(EXCHANGE_SECONDS)
        reply = await service.exchange(method, self._url + path, headers=self._headers, client=self._http, json=body)
        if reply.status in (httpx.codes.OK, httpx.codes.ACCEPTED) and (found := reply.document):
            return found
        raise error_of_reply(reply)


def _service(seconds: float, max_reply_bytes: int = MAX_REPLY_BYTES) -> HttpService:
    return HttpService("AI Horde", seconds, max_reply_bytes)
