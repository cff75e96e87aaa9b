"""A Space at Hugging Face: an application whose function makes a picture on ZeroGPU, in the account's free minutes.

Its protocol is gradio's: a call gives an event, whose stream ends with the outputs. When the stream is closed before,
gradio takes the event out of its queue (`clean_events` in gradio/routes.py); a function that runs already may run on.
"""

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator
from fractions import Fraction
from urllib.parse import quote, urlsplit

import httpx

from render_worker.cancellation import run_shielded
from render_worker.contract import MAX_SEED, Recipe, size_of
from render_worker.engines.base import GeneratedImage, Reporter
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.huggingface.arguments import Arguments, Value
from render_worker.engines.huggingface.providers import quality_at
from render_worker.engines.huggingface.settings import HuggingFaceSettings
from render_worker.engines.huggingface.space_replies import error_of_event, error_of_reply, files_of
from render_worker.engines.huggingface.way import Way
from render_worker.errors import BadPicture, EngineError, UnexpectedReply
from render_worker.outbound.download import PictureService, download
from render_worker.outbound.event_stream import events
from render_worker.outbound.exchange import HttpService
from render_worker.outbound.replies import bounded
from render_worker.sizes import Sizes

NAME = "The Space"
WITHDRAWAL_SECONDS = 1.8  # less than a cancelled generation may take to clean up
MAX_REPLY_BYTES = 64 * 1024
MAX_STREAM_BYTES = 2 * 1024 * 1024  # a heartbeat each 15 seconds has 30
EVENT = re.compile(r"[A-Za-z0-9_-]{1,100}")


class Space(Way):
    """One function of one Space."""

    dollars = 0.0

    def __init__(self, settings: HuggingFaceSettings, token: str) -> None:
        super().__init__()
        self.model = self._space = settings.huggingface_space
        self.quality = quality_at(self._space)
        self._arguments = Arguments(settings.huggingface_space_arguments)
        sizes = Sizes(tuple(map(size_of, settings.huggingface_space_sizes)))
        self.capabilities = Capabilities.of(self._arguments.honoured, sizes)
        self._address = settings.huggingface_space_url or host_of(self._space)
        self._call = f"{self._address}/gradio_api/call/{settings.huggingface_space_api.strip('/')}"
        parts = urlsplit(self._address)
        self._pictures = PictureService(NAME, (f"{parts.scheme}://{parts.netloc.lower()}",))
        self._headers = {"Authorization": f"Bearer {token}"}
        self._seconds = settings.huggingface_seconds
        self._service = HttpService(NAME, self._seconds, MAX_REPLY_BYTES)

    async def _make(self, recipe: Recipe, report: Reporter) -> GeneratedImage:
        honoured = self._arguments.honoured
        seed = recipe.seed if recipe.seed >= 0 else random.randint(0, MAX_SEED)
        report("starting", f"Handing the request to the Space {self._space}.")
        arguments = self._arguments.filled(self._values(recipe, seed))
        outputs = await self._outputs(arguments, report)
        report("downloading")
        data = await self._picture(outputs)
        guidance = recipe.guidance_scale if "guidance_scale" in honoured else None
        return GeneratedImage(data, seed if "seed" in honoured else None, guidance, model=self.model)

    def _values(self, recipe: Recipe, seed: int) -> dict[str, Value]:
        width, height = self.capabilities.sizes.plan(recipe).made
        across, down = Fraction(width, height).as_integer_ratio()
        return {
            "prompt": recipe.prompt,
            "negative_prompt": recipe.negative_prompt or "",
            "seed": seed,
            "guidance_scale": recipe.guidance_scale,
            "width": width,
            "height": height,
            "size": f"{width}x{height}",
            "ratio": f"{across}:{down}",
        }

    async def _outputs(self, arguments: list[object], report: Reporter) -> str:
        """Call the function and return its outputs; if cancelled before its stream is open, withdraw the call."""
        call = asyncio.create_task(self._event(arguments))
        is_open = False
        try:
            event = await asyncio.shield(call)
            report("queued", f"Waiting for a GPU at the Space {self._space}.")
            async with self._stream(event) as reply:
                is_open = True
                return await self._last(reply, report)
        except BaseException:  # whatever it is, there is no client for the picture any longer
            if not is_open:
                await run_shielded(self._withdraw(call))
            raise

    async def _event(self, arguments: list[object]) -> str:
        """Call the function and return the event's id."""
        reply = await self._service.exchange("POST", self._call, headers=self._headers, json={"data": arguments})
        if not reply.is_success:
            raise error_of_reply(reply, self._space)
        event = reply.required_document().get("event_id")
        if not isinstance(event, str) or not EVENT.fullmatch(event):
            raise UnexpectedReply("The Space answered without an event.")
        return event

    async def _withdraw(self, call: asyncio.Task[str]) -> None:
        """Open the call's stream and close it, by which gradio forgets the call."""
        with contextlib.suppress(EngineError, TimeoutError):
            async with asyncio.timeout(WITHDRAWAL_SECONDS):
                async with self._stream(await call):
                    pass

    @contextlib.asynccontextmanager
    async def _stream(self, event: str) -> AsyncIterator[httpx.Response]:
        """Yield the reply that streams an event. Raises an EngineError if there is none."""
        async with (
            self._service.client() as client,
            self._service.opened("GET", f"{self._call}/{event}", headers=self._headers, client=client) as reply,
        ):
            if reply.status_code != httpx.codes.OK:
                raise error_of_reply(await self._service.whole(reply), self._space)
            yield reply

    async def _last(self, reply: httpx.Response, report: Reporter) -> str:
        """Return the outputs with which the stream ends. Raises an EngineError if it ends otherwise."""
        async for name, data in events(bounded(reply.aiter_raw(), MAX_STREAM_BYTES, self._service.too_large)):
            if name == "complete":
                return data
            if name == "error":
                raise error_of_event(data, self._space)
            if name == "generating":
                report("generating", f"The Space {self._space} is making the picture.")
        raise UnexpectedReply("The Space's stream ended without a result.")

    async def _picture(self, outputs: str) -> bytes:
        """Return the first file of the outputs, from the Space's own host alone, for that alone gets the token."""
        files = files_of(outputs)
        if not files:
            raise BadPicture("missing", f"The Space {self._space} was done, but its result holds no picture.")
        url, path = files[0].get("url"), files[0].get("path")
        if not (isinstance(url, str) and self._pictures.allows(url)):
            if not isinstance(path, str) or not path:
                raise UnexpectedReply("The picture's address is on a host from which none is fetched.")
            url = f"{self._address}/gradio_api/file={quote(path)}"
        return await download(url, self._pictures, self._seconds, headers=self._headers)


def host_of(space: str) -> str:
    """Return the address of a Space: its owner and name as a subdomain."""
    return f"https://{re.sub('[^a-z0-9]+', '-', space.lower()).strip('-')}.hf.space"
