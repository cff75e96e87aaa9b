"""The server over HTTP: one picture, with its progress while it is made, and its end if it is cancelled."""

import asyncio
import base64
import contextlib
import logging
import time

import httpx

from render_worker.cancellation import run_shielded
from render_worker.engines.automatic1111.checkpoints import Checkpoint, find
from render_worker.engines.automatic1111.progress import Job, Look
from render_worker.engines.automatic1111.replies import error_of
from render_worker.engines.automatic1111.settings import Automatic1111Settings
from render_worker.engines.base import Reporter
from render_worker.errors import EngineError, PhaseTimeout
from render_worker.outbound.exchange import HttpService, Reply, picture_in_base64

NAME = "AUTOMATIC1111's server"
LOOK_SECONDS = 5.0  # it is busy, but answers between two steps
LIST_SECONDS = 15.0
LIST_CACHE_SECONDS = 300.0
END_SECONDS = 1.8  # less than a cancelled generation may take to clean up
IDLE_LOOKS = 2  # in a row, because one may fall between two jobs
INTERRUPT_PAUSE_SECONDS = 0.2  # one that comes before the job has begun there is lost
API = "/sdapi/v1"
COMMENTS = "enable_prompt_comments"  # on, if it is left out: the web UI lists it only after settings were saved there
MANY_OPTIONS = 10  # the web UI and its descendants have hundreds, stable-diffusion.cpp two
WITHOUT_API = "Not Found"  # FastAPI's `detail` of an unknown path; stable-diffusion.cpp's has no JSON

log = logging.getLogger(__name__)


class Server:
    """The server that the settings name."""

    def __init__(self, settings: Automatic1111Settings) -> None:
        self._settings = settings
        self._pictures = HttpService(NAME, settings.automatic1111_seconds)
        self._looks = HttpService(NAME, LOOK_SECONDS)
        self._lists = HttpService(NAME, LIST_SECONDS)
        self._checkpoint: Checkpoint | None = None
        self._looked_up = -LIST_CACHE_SECONDS
        self._abandoned: set[asyncio.Task[Reply]] = set()
        """Requests whose clients have gone, and with which the server goes on."""

    async def stop(self) -> None:
        """Close the connections that are left."""
        self._hang_up()
        await asyncio.gather(*self._abandoned, return_exceptions=True)

    def _hang_up(self) -> None:
        for making in self._abandoned:
            making.cancel()

    @property
    def is_alone_there(self) -> bool:
        """Return whether the server never has a job but the one that this worker waits for."""
        return self._settings.automatic1111_exclusive and self._settings.automatic1111_concurrency == 1

    async def checkpoint(self) -> Checkpoint | None:
        """Return the configured checkpoint; None if none is, or if the server has no list, as it has but one then.

        Raises EngineNotConfigured if the server does not have it. What was found is kept for LIST_CACHE_SECONDS.
        """
        wanted = self._settings.automatic1111_model
        if wanted is None or time.monotonic() - self._looked_up < LIST_CACHE_SECONDS:
            return self._checkpoint
        reply = await self._ask(self._lists, "GET", "/sd-models")
        has_none = reply.status == httpx.codes.NOT_FOUND and reply.document.get("detail") != WITHOUT_API
        if not reply.is_success and not has_none:
            raise error_of(reply)
        self._checkpoint = None if has_none else await asyncio.to_thread(find, wanted, reply)
        self._looked_up = time.monotonic()
        return self._checkpoint

    async def reads_comments(self) -> bool:
        """Return whether the server may leave out what follows # in a prompt, which is an option of the web UI."""
        reply = await self._ask(self._lists, "GET", "/options")
        if not reply.is_success and reply.status != httpx.codes.NOT_FOUND:
            raise error_of(reply)
        options = await asyncio.to_thread(lambda: reply.document)
        return bool(options.get(COMMENTS, len(options) >= MANY_OPTIONS))

    def forget_checkpoint(self) -> None:
        """Look the checkpoint up anew for the next picture."""
        self._looked_up = -LIST_CACHE_SECONDS

    async def make(self, path: str, body: bytes, job: Job, report: Reporter) -> Reply:
        """Have a picture made and return the reply, whatever it is, after what was abandoned before.

        Being cancelled ends the job there, and so does its limit, if nothing else uses the server. Raises EngineError
        if the picture was interrupted there: what comes of that is half a picture.
        """
        await self._wait_for_abandoned(job, report)
        making = asyncio.create_task(
            self._ask(self._pictures, "POST", path, content=body, headers={"Content-Type": "application/json"})
        )
        watching = asyncio.create_task(self._watch(job, report))
        try:
            reply = await asyncio.shield(making)
        except (asyncio.CancelledError, PhaseTimeout):
            watching.cancel()
            await run_shielded(self._abandon(making, job))
            raise
        finally:
            watching.cancel()
        if reply.is_success and (look := await self._look(job)):
            job.note(look, is_done=True)
        if reply.is_success and job.was_interrupted:
            raise EngineError(f"{NAME} was interrupted at the picture, by another of its clients or at its page.")
        return reply

    async def _watch(self, job: Job, report: Reporter) -> None:
        """Report the progress until cancelled, or until the server turns out to have none."""
        ours: bool | None = None
        while job.can_be_watched:
            await asyncio.sleep(self._settings.automatic1111_poll_seconds)
            look = await self._look(job, previews=bool(ours) and report.wants_previews)
            if look is not None:
                ours = job.is_ours(look)
                job.note(look)
                await _report(ours, look, report)

    async def _wait_for_abandoned(self, job: Job, report: Reporter) -> None:
        """Wait until the server has a place again, lest jobs without a client pile up there.

        It has one when what was abandoned is answered, or when it says that it does nothing.
        """
        idle = 0
        while len(self._abandoned) >= self._settings.automatic1111_concurrency and idle < IDLE_LOOKS:
            report("queued", f"Waiting at {NAME}, which goes on with a picture that was abandoned.")
            pause = self._settings.automatic1111_poll_seconds
            await asyncio.wait(self._abandoned, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            look = await self._look(job) if job.can_be_watched else None
            idle = 0 if look is None or look.is_active else idle + 1
        if idle >= IDLE_LOOKS:
            self._hang_up()

    async def _abandon(self, making: asyncio.Task[Reply], job: Job) -> None:
        """Interrupt the job if nothing else uses the server; keep the connection until it has ended there."""
        if self._settings.automatic1111_exclusive:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await self._interrupt(making, job)
        self._abandoned.add(making)
        making.add_done_callback(self._forget)

    def _forget(self, making: asyncio.Task[Reply]) -> None:
        self._abandoned.discard(making)
        if not making.cancelled():
            making.exception()  # retrieved, lest asyncio log it

    async def _interrupt(self, making: asyncio.Task[Reply], job: Job) -> None:
        is_over = False
        while job.can_be_watched and not is_over:
            look = await self._look(job)
            if look is not None and job.is_ours(look):
                with contextlib.suppress(EngineError):
                    await self._ask(self._looks, "POST", "/interrupt")
            is_over = bool((await asyncio.wait({making}, timeout=INTERRUPT_PAUSE_SECONDS))[0])

    async def _look(self, job: Job, *, previews: bool = False) -> Look | None:
        """Return what the server says of what it does; None if it says nothing, or has no such path."""
        try:
            shown = {"skip_current_image": "false" if previews else "true"}
            reply = await self._ask(self._looks, "GET", "/progress", params=shown)
        except EngineError as error:
            log.debug("No look at the progress: %s", error)
            return None
        job.can_be_watched = reply.status != httpx.codes.NOT_FOUND  # stable-diffusion.cpp has no such path
        return Look.of(await asyncio.to_thread(lambda: reply.document)) if reply.is_success else None

    async def _ask(
        self,
        service: HttpService,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        params: dict[str, str] | None = None,
    ) -> Reply:
        """Return a reply. Raises PhaseTimeout if it is not there, to its last byte, within the service's seconds."""
        url = (self._settings.automatic1111_url or "").removesuffix(API) + API + path
        try:
            async with asyncio.timeout(service.seconds):
                return await service.exchange(
                    method, url, headers={**self._auth, **(headers or {})}, content=content, params=params
                )
        except TimeoutError:
            raise PhaseTimeout(f"{NAME} did not answer within {service.seconds:g} seconds.") from None

    @property
    def _auth(self) -> dict[str, str]:
        auth = self._settings.automatic1111_auth
        if auth is None:
            return {}
        return {"Authorization": f"Basic {base64.b64encode(auth.get_secret_value().encode()).decode()}"}


async def _report(ours: bool | None, look: Look, report: Reporter) -> None:
    """Report the progress as far as it is ours."""
    if ours:
        report(
            "generating",
            percent=look.percent,
            step=look.step,
            total=look.total,
            expected_seconds=look.expected_seconds,
        )
        if look.preview and report.wants_previews:
            with contextlib.suppress(EngineError):
                await report.preview(picture_in_base64(look.preview, NAME))
    elif look.is_active and ours is False:
        report("queued", f"Waiting at {NAME}, which makes another picture first.")
