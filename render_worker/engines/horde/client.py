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
from render_worker.engines.horde.replies import Reply, TooFast, error_of_reply, job_id
from render_worker.engines.horde.settings import HordeSettings
from render_worker.errors import EngineBusy, EngineError, EngineRateLimited, EngineUnreachable, PhaseTimeout
from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.download import MAX_PICTURE_BYTES
from render_worker.outbound.replies import json_object, limit_replies

ANONYMOUS = "0000000000"
CLIENT_AGENT = f"image-generation-api:{VERSION}:unknown"  # name:version:contact, as the service wants it
EXCHANGE_SECONDS = 30.0
CANCEL_SECONDS = 1.8  # less than a cancelled generation may take to clean up
MAX_REPLY_BYTES = 2 * MAX_PICTURE_BYTES  # a picture may come within the reply, in base64
SUBMIT_PAUSES = (1.0, 2.0, 4.0)  # it takes two requests a second of an address; a refused one was not accepted
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
        self._headers = {"apikey": key.get_secret_value() if key else ANONYMOUS, "Client-Agent": CLIENT_AGENT}
        self._report = report

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: HordeSettings, report: Reporter) -> AsyncIterator[Self]:
        """Yield a client, and close its connections afterwards."""
        async with http_client(EXCHANGE_SECONDS) as http:
            limit_replies(http, MAX_REPLY_BYTES)
            yield cls(http, settings, report)

    async def submit(self, body: Reply) -> str:
        """Submit a request and return its id, again after a pause if it came too fast."""
        for pause in SUBMIT_PAUSES:
            try:
                return await self._submit(body)
            except TooFast:
                await asyncio.sleep(pause)
        return await self._submit(body)

    async def _submit(self, body: Reply) -> str:
        """Return the id of the accepted request; if cancelled while the service replies, cancel the request as well."""
        submission = asyncio.create_task(self.exchange("POST", "/generate/async", body))
        try:
            return job_id(await asyncio.shield(submission))
        except asyncio.CancelledError:
            await run_shielded(self._cancel_submission(submission))
            raise

    async def _cancel_submission(self, submission: asyncio.Task[Reply]) -> None:
        with contextlib.suppress(EngineError, TimeoutError):
            async with asyncio.timeout(CANCEL_SECONDS):
                await self.cancel(job_id(await submission))

    async def look(self, job: str, detail: Literal["check", "status"]) -> Reply:
        """Return the request's state, at `status` with the picture. A look that fails costs nothing, so retry it."""
        path = f"/generate/{detail}/{job}"
        for _ in range(LOOK_RETRIES):
            try:
                return await self.exchange("GET", path)
            except TRANSIENT as error:
                self._report.setback(f"a look at {job} was in vain: {error} Looking again.")
                await asyncio.sleep(self._poll_seconds)
        return await self.exchange("GET", path)

    async def cancel(self, job: str) -> None:
        """Cancel the request, if the service replies within a moment."""
        try:
            async with asyncio.timeout(CANCEL_SECONDS), http_client(CANCEL_SECONDS) as http:
                await self.exchange("DELETE", f"/generate/status/{job}", http=http)
        except (TimeoutError, EngineError) as error:
            log.info("AI Horde's request %s could not be cancelled: %s", job, error)

    async def exchange(
        self, method: str, path: str, body: Reply | None = None, *, http: httpx.AsyncClient | None = None
    ) -> Reply:
        """Send a request, by a client of its own if given, and return the JSON object of the reply.

        Raises an EngineError if there is none or the service refuses.
        """
        headers = {**self._headers, **AS_IT_IS}
        try:
            reply = await (http or self._http).request(method, self._url + path, headers=headers, json=body)
        except httpx.TimeoutException:
            raise PhaseTimeout(f"AI Horde did not answer within {EXCHANGE_SECONDS:g} seconds.") from None
        except httpx.HTTPError as error:
            raise EngineUnreachable("AI Horde cannot be reached.") from error
        found = json_object(reply.content)
        if reply.status_code in (httpx.codes.OK, httpx.codes.ACCEPTED) and found is not None:
            return found
        raise error_of_reply(reply.status_code, reply.headers, found or {})
