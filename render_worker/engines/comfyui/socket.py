"""ComfyUI's WebSocket: events of the workflows of one client, previews of them, and pictures that no file keeps.

A frame is either JSON, {type, data}, or begins with two numbers: of its kind, and of its format or of the length of the
metadata that follow (protocol.py and server.py in https://github.com/comfyanonymous/ComfyUI).
"""

import asyncio
import json
import logging
import struct
from dataclasses import dataclass, field
from typing import Any

from render_worker.engines.base import Reporter
from render_worker.engines.comfyui.client import ComfyUIClient
from render_worker.outbound.client import tls
from render_worker.outbound.download import MAX_PICTURE_BYTES
from render_worker.outbound.exchange import CONNECT_SECONDS
from render_worker.outbound.replies import json_object

MAX_FRAME_BYTES = MAX_PICTURE_BYTES + 64 * 1024
MAX_EVENT_BYTES = 1024 * 1024  # read in the loop; of a larger one the history tells the outcome
HEAD = struct.Struct(">II")
PREVIEW, PREVIEW_WITH_METADATA = 1, 4
MAX_CONNECTIONS = 3
CLOSE_SECONDS = 1.0
FEATURES = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}  # older servers do not read it


@dataclass(frozen=True)
class Event:
    """What a frame says; a `picture` is a preview, or the finished picture if it is of the output's node."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    picture: bytes | None = None


class Socket:
    """One client's connection; when it is lost, it is opened again a few times."""

    def __init__(self, client: ComfyUIClient, client_id: str, report: Reporter) -> None:
        self._client = client
        self._client_id = client_id
        self._report = report
        self._connection: Any = None
        self._attempts = MAX_CONNECTIONS

    @property
    def is_open(self) -> bool:
        """Return whether there is a connection."""
        return self._connection is not None

    async def open(self) -> None:
        """Connect, if the server accepts it and there is an attempt left."""
        from websockets.exceptions import WebSocketException  # an optional package

        if not self._attempts:
            return
        self._attempts -= 1
        try:
            connection = await _connect(self._client, self._client_id)
            self._connection = connection
            await connection.send(json.dumps(FEATURES))
        except (WebSocketException, OSError, TimeoutError, ValueError) as error:
            self._report.setback(f"ComfyUI's WebSocket was refused ({type(error).__name__}); its history is read.")
            self.close()

    async def receive(self, seconds: float) -> Event | None:
        """Return the next event; None if there is none within so many seconds, or no connection any longer."""
        from websockets.exceptions import WebSocketException

        if self._connection is None:
            await asyncio.sleep(seconds)
            return None
        try:
            async with asyncio.timeout(seconds):
                return parsed(await self._connection.recv())
        except TimeoutError:
            return None
        except (WebSocketException, OSError) as error:
            self._report.setback(f"ComfyUI's WebSocket was lost ({type(error).__name__}).")
            self.close()
            await self.open()
            return None

    def close(self) -> None:
        """End the connection, without waiting for the server to end it too."""
        if self._connection is not None:
            self._connection.transport.abort()
            self._connection = None


def parsed(frame: str | bytes) -> Event:
    """Return what a frame says; an event without a type if that cannot be understood."""
    if isinstance(frame, bytes):
        return _parsed_picture(frame)
    found = json_object(frame) if len(frame) <= MAX_EVENT_BYTES else None
    kind, data = (found.get("type"), found.get("data")) if found else ("", {})
    return Event(kind if isinstance(kind, str) else "", data if isinstance(data, dict) else {})


def _parsed_picture(frame: bytes) -> Event:
    if len(frame) <= HEAD.size:
        return Event("")
    kind, number = HEAD.unpack_from(frame)
    if kind == PREVIEW:
        return Event("picture", picture=frame[HEAD.size :])
    end = HEAD.size + number
    if kind != PREVIEW_WITH_METADATA or number > MAX_EVENT_BYTES or end >= len(frame):
        return Event("")
    return Event("picture", json_object(frame[HEAD.size : end]) or {}, frame[end:])


async def _connect(client: ComfyUIClient, client_id: str) -> Any:
    from websockets.asyncio.client import connect

    class Direct(connect):
        """A connection that follows no redirect: no server decides where this worker connects to."""

        def process_redirect(self, exc: Exception) -> Exception:
            return exc

    url = f"ws{client.url.removeprefix('http')}/ws?clientId={client_id}"
    silent = logging.getLogger(f"{__name__}.protocol")
    silent.setLevel(logging.CRITICAL)  # the library's own would write the token when debugging
    return await Direct(
        url,
        origin=None,  # a foreign one is refused
        compression=None,
        additional_headers=client.headers,
        user_agent_header=None,
        proxy=None,
        ping_interval=None,  # the server answers late while it loads a model; what is lost is noticed by polling
        open_timeout=min(client.seconds, CONNECT_SECONDS),
        close_timeout=CLOSE_SECONDS,
        max_size=MAX_FRAME_BYTES,
        logger=silent,
        ssl=tls() if url.startswith("wss:") else None,
    )
