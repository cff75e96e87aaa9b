"""Answers: where the picture is in one, and how it is had."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from urllib.parse import urljoin

import httpx

from render_worker.contract import MAX_SEED
from render_worker.engines.base import Reporter
from render_worker.engines.openai.connection import Connection
from render_worker.engines.openai.refusals import error_of, refusal_in
from render_worker.errors import BadPicture, ContentRefused, EngineError, UnexpectedReply
from render_worker.outbound.download import download
from render_worker.outbound.event_stream import events
from render_worker.outbound.exchange import DATA_URL, MAX_REPLY_BYTES, picture_in_base64
from render_worker.outbound.replies import bounded, json_object

MAX_STREAM_BYTES = 4 * MAX_REPLY_BYTES  # three partial images may come before the picture
DOWNLOAD_SECONDS = 60.0
END = "[DONE]"
SIMULATED = "simulated"  # as this product says it, of all pictures of an answer

Item = Mapping[str, object]


def item_of(document: Mapping[str, object], connection: Connection) -> Item:
    """Return the part of an answer that is about the picture. Raises the error that the answer tells of, if any."""
    listed = document.get("data")
    items = listed if isinstance(listed, list) else []
    found = next((it for it in items if isinstance(it, dict)), None)
    if found is not None:
        return {**found, SIMULATED: document.get(SIMULATED)}
    if document.get("error") or document.get("detail"):
        refusal = refusal_in(document)
        raise error_of(refusal, connection.service, connection.model or "such model", connection.secrets)
    raise BadPicture("missing", f"{connection.service}'s answer holds no picture.")


async def picture_of(item: Item, connection: Connection, report: Reporter) -> bytes:
    """Return the picture of an item: its base64, or the file behind its address, which is fetched at once."""
    inline, url = item.get("b64_json"), item.get("url")
    if isinstance(inline, str) and inline:
        return await asyncio.to_thread(picture_in_base64, inline, connection.service)
    if item.get("respect_moderation") is False:
        raise ContentRefused(f"{connection.service} does not hand out such a picture.")
    if not isinstance(url, str) or not url:
        raise BadPicture("missing", f"{connection.service}'s answer holds no picture.")
    if DATA_URL.match(url[:200]):
        return await asyncio.to_thread(picture_in_base64, url, connection.service)
    report("downloading")
    try:
        address = urljoin(f"{connection.base}/", url)
        own = connection.is_own(address)
    except ValueError:  # brackets that hold no IPv6 address
        raise UnexpectedReply(f"{connection.service}'s address of the picture is none.") from None
    headers = connection.headers if own else {}  # no other host gets the key
    return await download(address, connection.pictures, DOWNLOAD_SECONDS, headers=headers)


def seed_of(item: Item, sent: int | None, connection: Connection) -> int | None:
    """Return the seed of the picture; None if the server does not say it, or takes none."""
    if not connection.preset.tells_seed:
        return sent
    told = item.get("seed")
    is_seed = isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= MAX_SEED
    return told if is_seed and isinstance(told, int) else None


async def streamed_item(reply: httpx.Response, connection: Connection, report: Reporter) -> Item:
    """Return the picture's part of a stream of events, and report the partial images that come before it.

    Raises the error that the stream tells of, or BadPicture if it ends or breaks off without a picture.
    """
    broken = BadPicture("broken", f"{connection.service}'s stream of events broke off before the picture.")
    try:
        async for document in _documents(reply):
            kind = document.get("type")
            if isinstance(kind, str) and kind.endswith(".partial_image"):
                await _report_partial(document, connection, report)
            elif isinstance(kind, str) and kind.endswith(".completed"):
                return document
            elif kind == "error" or document.get("error") or isinstance(document.get("failure"), dict):
                raise _error_in_stream(document, connection)
            elif isinstance(document.get("data"), list):
                return item_of(document, connection)
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        raise broken from error
    raise broken


async def _documents(reply: httpx.Response) -> AsyncIterator[dict[str, object]]:
    """Yield the events' JSON objects, each with its type, until the stream's end."""
    async for name, data in events(_ended(bounded(reply.aiter_raw(), MAX_STREAM_BYTES, _too_large))):
        if data.strip() == END:
            return
        document = await asyncio.to_thread(json_object, data)
        if document is not None:
            yield {"type": name, **document}


async def _ended(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield a body with an empty line at its end: the picture of a last event without one is paid like any other."""
    async for chunk in chunks:
        yield chunk
    yield b"\n\n"


def _too_large() -> EngineError:
    return UnexpectedReply("The stream of events is larger than any that is expected.")


async def _report_partial(document: Item, connection: Connection, report: Reporter) -> None:
    try:
        data = await asyncio.to_thread(picture_in_base64, document.get("b64_json"), connection.service)
    except BadPicture:  # a picture may come of it yet
        return
    await report.preview(data)


def _error_in_stream(document: Item, connection: Connection) -> EngineError:
    failure = document.get("failure")
    refusal = refusal_in({"error": failure} if isinstance(failure, dict) else document)
    error = error_of(refusal, connection.service, connection.model or "such model", connection.secrets)
    error.unbilled = False  # the work had begun
    return error
