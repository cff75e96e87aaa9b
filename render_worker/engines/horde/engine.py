"""AI Horde: pictures that volunteers' machines make, free, by its official API of version 2.

A request is submitted, looked after until it is done, and fetched; https://aihorde.net/api lists the fields. What is
said here of its refusals is in its own source, https://github.com/Haidra-Org/AI-Horde (horde/exceptions.py).
"""

import asyncio
import base64
import binascii
import contextlib
import logging
import random
import re

import httpx

from render_worker.cancellation import run_shielded
from render_worker.contract import MAX_SEED, VERSION, Recipe
from render_worker.engines.base import Engine, GeneratedImage, Report
from render_worker.engines.capabilities import EVERYTHING
from render_worker.engines.horde.replies import Reply, TooFast, count, failure, job_id
from render_worker.engines.horde.settings import HordeSettings
from render_worker.engines.slots import Slots
from render_worker.errors import (
    BadPicture,
    ContentRefused,
    EngineBusy,
    EngineError,
    EngineRateLimited,
    EngineUnreachable,
    InvalidParameter,
    PhaseTimeout,
    UnexpectedReply,
)
from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.download import MAX_PICTURE_BYTES, Source, download
from render_worker.outbound.replies import json_object, limit_replies, printable

ANONYMOUS = "0000000000"
CLIENT_AGENT = f"image-generation-api:{VERSION}:unknown"  # name:version:contact, as the service wants it
NEGATIVE = "###"  # what follows it in a prompt is the negative prompt
EXCHANGE_SECONDS = 30.0
DOWNLOAD_SECONDS = 60.0
CANCEL_SECONDS = 1.8  # less than a cancelled generation may take to let go
MAX_REPLY_BYTES = 2 * MAX_PICTURE_BYTES  # a picture may come within the answer, in base64
SUBMIT_PAUSES = (1.0, 2.0, 4.0)  # it takes two requests a second of an address; a refused one was not accepted
MISSED_LOOKS = 3  # in a row; the picture is made meanwhile
PASSING = (EngineUnreachable, PhaseTimeout, EngineBusy, EngineRateLimited)
IMPOSSIBLE_LOOKS = 2  # in a row, because a look may fall between two workers

log = logging.getLogger(__name__)


class HordeEngine(Engine):
    """Pictures by AI Horde, with an account's key or the anonymous one."""

    name = "horde"
    description = "AI Horde: Stable Diffusion and others on volunteers' machines, free."
    needs = "nothing; with a free account's `HORDE_API_KEY` it waits less"
    capabilities = EVERYTHING
    typical_seconds = 45

    def __init__(self, settings: HordeSettings) -> None:
        self._settings = settings
        self.slots = Slots(settings.engine_concurrency)
        key = settings.horde_api_key
        self._headers = {"apikey": key.get_secret_value() if key else ANONYMOUS, "Client-Agent": CLIENT_AGENT}
        self._source = Source("AI Horde", settings.horde_image_origins)

    async def generate(self, recipe: Recipe, report: Report) -> GeneratedImage:
        seed = recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED)
        async with http_client(EXCHANGE_SECONDS) as client:
            limit_replies(client, MAX_REPLY_BYTES)
            report("starting", "Handing the request to AI Horde.")
            job = await self._submit(client, self._wish(recipe, seed))
            try:
                await self._done(client, job, report)
                report("downloading")
                found = await self._look(client, "status", job, report)
            except BaseException:  # whatever it was, nobody waits for the picture any longer
                await run_shielded(self._cancel(job))
                raise
        return await self._picture(found, recipe, seed)

    def _wish(self, recipe: Recipe, seed: int) -> Reply:
        """The request in the service's words."""
        for name, text in (("prompt", recipe.prompt), ("negative_prompt", recipe.negative_prompt or "")):
            if NEGATIVE in text:
                raise InvalidParameter(f"{name} must not hold {NEGATIVE}, which divides them at AI Horde.")
        width, height = recipe.size  # multiples of 64, as it wants them
        negative = f" {NEGATIVE} {recipe.negative_prompt}" if recipe.negative_prompt else ""
        return {
            "prompt": recipe.prompt + negative,
            "params": {
                "width": width,
                "height": height,
                "steps": self._settings.horde_steps,
                "cfg_scale": round(recipe.guidance_scale, 2),  # it refuses more decimals
                "seed": str(seed),
                "sampler_name": "k_euler_a",
                "karras": True,
                "n": 1,
            },
            "models": list(self._settings.horde_models),
            "nsfw": False,
            "censor_nsfw": True,
            "slow_workers": True,
            "r2": True,
            "shared": False,
        }

    async def _submit(self, client: httpx.AsyncClient, wish: Reply) -> str:
        for pause in SUBMIT_PAUSES:
            try:
                return await self._accepted(client, wish)
            except TooFast:
                await asyncio.sleep(pause)
        return await self._accepted(client, wish)

    async def _accepted(self, client: httpx.AsyncClient, wish: Reply) -> str:
        """The request's id. Who leaves while the service still answers waits a moment for it, to take it back."""
        asking = asyncio.create_task(self._ask(client, "POST", "/generate/async", wish))
        try:
            return job_id(await asyncio.shield(asking))
        except asyncio.CancelledError:
            await run_shielded(self._take_back(asking))
            raise

    async def _take_back(self, asking: asyncio.Task[Reply]) -> None:
        with contextlib.suppress(EngineError, TimeoutError):
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._cancel(job_id(await asking))

    async def _done(self, client: httpx.AsyncClient, job: str, report: Report) -> None:
        """Wait until the picture is there, and tell of the queue."""
        impossible = 0
        while True:
            await asyncio.sleep(self._settings.horde_poll_seconds)
            look = await self._look(client, "check", job, report)
            if look.get("faulted"):
                raise EngineError("AI Horde's machines failed at the picture.")
            if look.get("done"):
                return
            impossible = impossible + 1 if look.get("is_possible") is False else 0
            if impossible >= IMPOSSIBLE_LOOKS:
                raise EngineBusy("No machine of AI Horde's that is up can make such a picture.")
            self._tell(look, report)

    async def _look(self, client: httpx.AsyncClient, how: str, job: str, report: Report) -> Reply:
        """How far the request is, with the picture at `status`; a look in vain loses nothing."""
        for _ in range(MISSED_LOOKS):
            try:
                return await self._ask(client, "GET", f"/generate/{how}/{job}")
            except PASSING as trouble:
                report.setback(f"a look at {job} was in vain: {trouble} Looking again.")
                await asyncio.sleep(self._settings.horde_poll_seconds)
        return await self._ask(client, "GET", f"/generate/{how}/{job}")

    def _tell(self, look: Reply, report: Report) -> None:
        wait, position = count(look.get("wait_time")), count(look.get("queue_position"))
        if count(look.get("processing")):
            report("generating", "A machine of AI Horde's is making the picture.", expected_seconds=wait)
        elif position:
            message = f"Waiting at AI Horde, as number {position} in its queue."
            report("queued", message, position=position, expected_seconds=wait)
        else:
            report("queued", "Waiting at AI Horde.", expected_seconds=wait)

    async def _picture(self, found: Reply, recipe: Recipe, seed: int) -> GeneratedImage:
        generations = found.get("generations")
        made = generations[0] if isinstance(generations, list) and generations else None
        if not isinstance(made, dict) or not isinstance(made.get("img"), str):
            raise UnexpectedReply("AI Horde was done, but its answer holds no picture.")
        if made.get("censored"):
            raise ContentRefused("AI Horde censored the picture.")
        told = made.get("seed")
        used = int(told) if isinstance(told, str) and re.fullmatch(r"\d{1,10}", told) else seed
        model = printable(made.get("model")) or None
        data = await self._data(made["img"])
        return GeneratedImage(data, used, round(recipe.guidance_scale, 2), nsfw=False, model=model)

    async def _data(self, img: str) -> bytes:
        if img.startswith("http"):
            return await download(img, self._source, DOWNLOAD_SECONDS, self._settings.horde_poll_seconds)
        try:
            return base64.b64decode(img, validate=True)
        except binascii.Error:
            raise BadPicture("broken", "AI Horde's picture is no base64.") from None

    async def _cancel(self, job: str) -> None:
        """Have the service forget the request, as far as it answers within a moment."""
        try:
            async with asyncio.timeout(CANCEL_SECONDS), http_client(CANCEL_SECONDS) as client:
                await self._ask(client, "DELETE", f"/generate/status/{job}")
        except (TimeoutError, EngineError) as error:
            log.info("AI Horde's request %s could not be cancelled: %s", job, error)

    async def _ask(self, client: httpx.AsyncClient, method: str, path: str, wish: Reply | None = None) -> Reply:
        url = self._settings.horde_url + path
        body = {} if wish is None else {"json": wish}
        try:
            reply = await client.request(method, url, headers={**self._headers, **AS_IT_IS}, **body)  # type: ignore[arg-type]
        except httpx.TimeoutException:
            raise PhaseTimeout(f"AI Horde did not answer within {EXCHANGE_SECONDS:g} seconds.") from None
        except httpx.HTTPError as error:
            raise EngineUnreachable("AI Horde cannot be reached.") from error
        found = json_object(reply.content)
        if reply.status_code in (httpx.codes.OK, httpx.codes.ACCEPTED) and found is not None:
            return found
        raise failure(reply.status_code, reply.headers, found or {})
