"""The HTTP exchanges of one picture.

The client calls for them in a thread, which cannot be ended; they run on the loop, so they end with the request, and
the provider sees the connection closed. Nothing else can be cancelled: providers that reply with the picture have no
call for it.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from typing import Self, TypeVar

import httpx

from render_worker.engines.base import Reporter
from render_worker.engines.huggingface.replies import classified, error_of_reply, loading_seconds
from render_worker.engines.huggingface.settings import HuggingFaceSettings
from render_worker.errors import ContentRefused, EngineUnreachable, PhaseTimeout, UnexpectedReply
from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.download import MAX_PICTURE_BYTES, PictureService, download, picture_too_large
from render_worker.outbound.replies import is_compressed, read_body

CLIENT_ROUTER = "https://router.huggingface.co/"  # as the client has it
CLIENT_HUB = "https://huggingface.co"
HUB_SECONDS = 15.0
CONNECT_PAUSES = (0.5, 2.0)  # only what never arrived is sent again, lest it is paid twice
MAX_REPLY_BYTES = MAX_PICTURE_BYTES * 4 // 3 + 64 * 1024  # a picture in base64, and some JSON around it
SENT_ON = ("authorization", "content-type", "accept", "user-agent")

T = TypeVar("T")


@dataclass(frozen=True)
class ClientRequest:
    """A request as the client would have sent it."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class ServiceUrls:
    """The addresses of Hugging Face's services, and the hosts of pictures."""

    router: str
    hub: str
    endpoint: str | None
    pictures: PictureService

    @classmethod
    def of(cls, settings: HuggingFaceSettings) -> Self:
        """Return those of the settings."""
        pictures = PictureService("Hugging Face's provider", settings.huggingface_image_origins)
        return cls(settings.huggingface_router_url, settings.huggingface_hub_url, settings.huggingface_url, pictures)

    def hf_inference(self, model: str) -> str:
        """Return the address at which Hugging Face's own provider serves a model."""
        return f"{self.router}/hf-inference/models/{model}"

    def generation(self, url: str) -> str:
        """Return the address for a generation. Raises UnexpectedReply if another host would get the token."""
        if url.startswith(CLIENT_ROUTER):
            return f"{self.router}/{url.removeprefix(CLIENT_ROUTER)}"
        if url == self.endpoint or url.startswith(f"{self.router}/"):
            return url
        raise UnexpectedReply("Hugging Face's client would ask a host that is not Hugging Face's.")


class Exchanges:
    """Carries out the client's requests while it makes one picture."""

    def __init__(self, addresses: ServiceUrls, token: str, model: str, seconds: float, report: Reporter) -> None:
        self._addresses = addresses
        self._token = token
        self._model = model
        self._seconds = seconds
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._cancelled = False
        self._running: Future[bytes] | None = None
        self.nsfw: bool | None = None
        """The provider's classification of the picture; None if it has none."""

    async def run(self, threads: Executor, work: Callable[[], T]) -> T:
        """Run `work` in a thread with this as its `current`; if cancelled, end its exchange too."""
        context = contextvars.copy_context()
        context.run(current.set, self)
        try:
            return await self._loop.run_in_executor(threads, lambda: context.run(work))
        except asyncio.CancelledError:
            with self._lock:
                self._cancelled = True
                if self._running:
                    self._running.cancel()
            raise

    def body_of(self, request: ClientRequest) -> bytes:
        """Return the body of a successful reply; called in the client's thread. Raises CancelledError if cancelled."""
        with self._lock:
            if self._cancelled:
                raise CancelledError
            self._running = asyncio.run_coroutine_threadsafe(self._carry(request), self._loop)
        return self._running.result()  # the exchange itself has limits

    async def _carry(self, request: ClientRequest) -> bytes:
        headers = {name: request.headers[name] for name in SENT_ON if name in request.headers} | AS_IT_IS
        if request.method == "POST":
            return await self._generated(self._addresses.generation(request.url), headers, request.body)
        if request.url.startswith(f"{CLIENT_HUB}/api/models/"):
            # The client leaves out the token that it was given; with it the Hub knows the account's own order.
            headers["authorization"] = f"Bearer {self._token}"
            address = self._addresses.hub + request.url.removeprefix(CLIENT_HUB)
            return self._body_or_error(await _exchange("GET", address, headers, b"", HUB_SECONDS))
        self._report("downloading")
        return await download(request.url, self._addresses.pictures, self._seconds)

    async def _generated(self, url: str, headers: dict[str, str], body: bytes) -> bytes:
        pauses = iter(CONNECT_PAUSES)
        while True:
            try:
                reply = await _exchange("POST", url, headers, body, self._seconds)
            except _NotConnected as error:
                if (pause := next(pauses, None)) is None:
                    raise
                self._report.setback(f"{error} Trying once more.")
                await asyncio.sleep(pause)
                continue
            if (wait := loading_seconds(reply.status, reply.body)) is None:
                break
            self._report("generating", "The model is being loaded at Hugging Face.")
            await asyncio.sleep(wait)
        data = self._body_or_error(reply)
        self.nsfw = classified(data)
        if self.nsfw:
            raise ContentRefused("The provider at Hugging Face does not make such a picture.")
        return data

    def _body_or_error(self, reply: "_Reply") -> bytes:
        if reply.status != httpx.codes.OK:
            raise error_of_reply(reply.status, reply.headers, reply.body, self._model)
        return reply.body


current: contextvars.ContextVar[Exchanges] = contextvars.ContextVar("exchanges")
"""The exchanges of the picture that a thread works for."""


@dataclass(frozen=True)
class _Reply:
    """A whole reply, whatever it says."""

    status: int
    headers: httpx.Headers
    body: bytes


class _NotConnected(EngineUnreachable):
    """Raised if nothing was sent, so that it can be sent again."""


async def _exchange(method: str, url: str, headers: dict[str, str], body: bytes, seconds: float) -> _Reply:
    """Return the reply to a request, within limits of time and size; no redirect is followed."""
    try:
        async with (
            asyncio.timeout(seconds),
            http_client(seconds) as client,
            client.stream(method, url, headers=headers, content=body) as reply,
        ):
            return _Reply(reply.status_code, reply.headers, await _read_reply(reply))
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise _NotConnected("Hugging Face cannot be reached.") from None
    except (TimeoutError, httpx.TimeoutException):
        raise PhaseTimeout(f"Hugging Face did not answer within {seconds:g} seconds.") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise EngineUnreachable("The connection to Hugging Face broke off.") from error


async def _read_reply(reply: httpx.Response) -> bytes:
    if is_compressed(reply):
        raise UnexpectedReply("Hugging Face answered compressed, which nobody asked for.")
    return await read_body(reply, MAX_REPLY_BYTES, picture_too_large)
