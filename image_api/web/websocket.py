"""The server's side of a WebSocket: its opening handshake, and one message at a time."""

import base64
import binascii
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

import simple_websocket
from simple_websocket import Server
from wsproto.events import TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import ProtocolError

from image_api.errors import ApiError
from image_api.sent_images import IMAGE_KEY
from image_api.web.websocket_errors import BadHandshake, UnsupportedWebSocketVersion
from image_api.web.wsgi_names import wsgi_name
from render_worker.contract import MAX_BODY_BYTES

PING_SECONDS = 25  # many proxies close what is silent for 60
WEBSOCKET_VERSION = "13"  # https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
KEY_BYTES = 16
MAX_FIELD = 2_000
ONE_AT_A_TIME = "One message at a time: wait for its result."
SOON_SECONDS = 2.0  # in which a message's last piece is on its way, and the next may come already
MAX_REASON = 100  # of 123 bytes that a close frame has for it
FIELD = re.compile(r"[ -~]*")
HEADERS = ("Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key", "Sec-WebSocket-Extensions")


class WholeSends:
    """A socket that sends all it is given, one thread after the other: between fragments pings are sent by another."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError if the client is gone or too slow."""
        with self._lock:
            self._sock.sendall(data)


class WebSocket(Server):
    """A WebSocket that takes one message at a time: a client that sends on and on would fill the memory."""

    sock: Any

    def __init__(self, environ: dict[str, Any], max_bytes: int) -> None:
        """Take over the connection of a request.

        A message of more than MAX_BODY_BYTES, and `max_bytes` at most, must have an image. Raises
        UnsupportedWebSocketVersion if the handshake names another version, BadHandshake if it is malformed.
        """
        self._fields = _checked_fields(environ)
        self.admit_image: Callable[[], object] = lambda: None
        """Called before the rest of a message is read that has an image; raises an ApiError if it may not be."""
        self._admitted = False
        self._awaited = threading.Event()
        try:
            super().__init__(environ, ping_interval=PING_SECONDS, max_message_size=max_bytes)
        except (ProtocolError, ValueError, simple_websocket.ConnectionError) as error:
            raise BadHandshake("The WebSocket handshake cannot be understood.") from error

    def handshake(self) -> None:
        """Give wsproto the handshake's own headers: it would fail on some of the others."""
        self.sock = WholeSends(self.sock)
        lines = [f"{name}: {value}\r\n" for name, value in self._fields.items()]
        self.ws.receive_data(f"GET / HTTP/1.1\r\nHost: localhost\r\n{''.join(lines)}\r\n".encode("ascii"))
        self.connected = self._handle_events()

    def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Send one text message in pieces of UTF-8, each a fragment, so that it need not be in memory as a whole."""
        piece = b""
        for following in pieces:
            if piece:
                self._send_fragment(piece, last=False)
            piece = following
        self._send_fragment(piece, last=True)

    def _send_fragment(self, piece: bytes, *, last: bool) -> None:
        if not self.connected:
            raise simple_websocket.ConnectionClosed(self.close_reason, self.close_message)
        self.sock.send(self.ws.send(TextMessage(data=piece.decode(), message_finished=last)))

    def _thread(self) -> None:
        """Receive until the connection ends; it also ends if it breaks off while a message is answered."""
        try:
            super()._thread()  # type: ignore[misc]
        except (simple_websocket.ConnectionClosed, ProtocolError):
            if self.sock:
                self.sock.close()
        finally:
            self.connected = False
            self.event.set()

    def _handle_events(self) -> bool:
        """Return whether the connection goes on; close it if a second message waits (backpressure)."""
        going_on: bool = super()._handle_events()  # type: ignore[misc]  # the stubs have only what is public
        if going_on and len(self.input_buffer) > 1:
            self.close(CloseReason.POLICY_VIOLATION, ONE_AT_A_TIME)
            return False
        return going_on and self._takes_message()

    def next_message(self, seconds: float) -> str | bytes | None:
        """Return the next message; None if none comes within so many seconds."""
        self._awaited.set()
        message: str | bytes | None = self.receive(seconds)
        if message is not None:
            self._awaited.clear()
            self._admitted = False
        return message

    def _takes_message(self) -> bool:
        """Return whether the message that is being received may be so long; close the connection if it may not."""
        message = self.incoming_message or (self.input_buffer[-1] if self.input_buffer else "")
        if len(message) <= MAX_BODY_BYTES or self._admitted:
            return True
        if IMAGE_KEY not in (message.encode() if isinstance(message, str) else message):
            self.close(CloseReason.MESSAGE_TOO_BIG, "The message is too big; only one with an image may be so large.")
        elif not self._awaited.wait(SOON_SECONDS):  # in memory it would wait for the message before
            self.close(CloseReason.POLICY_VIOLATION, ONE_AT_A_TIME)
        else:
            self._admit_message()
        return self.connected

    def _admit_message(self) -> None:
        try:
            self.admit_image()
            self._admitted = True
        except ApiError as error:
            self.close(CloseReason.TRY_AGAIN_LATER, str(error)[:MAX_REASON])


def _checked_fields(environ: dict[str, Any]) -> dict[str, str]:
    """Return the handshake's headers. Raises UnsupportedWebSocketVersion or BadHandshake, as WebSocket does."""
    fields = {name: environ.get(wsgi_name(name)) for name in HEADERS}
    known = {name: value for name, value in fields.items() if value is not None}
    if environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        raise BadHandshake("A WebSocket handshake needs HTTP/1.1.")
    if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
        raise BadHandshake("A WebSocket handshake has no body.")
    for name, value in known.items():
        if len(value) > MAX_FIELD or not FIELD.fullmatch(value):
            raise BadHandshake(f"{name} must be printable ASCII of at most {MAX_FIELD:,} characters.")
    if known.get("Sec-WebSocket-Version", "").strip() != WEBSOCKET_VERSION:
        raise UnsupportedWebSocketVersion(f"Sec-WebSocket-Version must be {WEBSOCKET_VERSION}.")
    if not _is_key(known.get("Sec-WebSocket-Key", "")):
        raise BadHandshake(f"Sec-WebSocket-Key must be {KEY_BYTES} bytes in base64.")
    return known


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text.strip(), validate=True)) == KEY_BYTES
    except binascii.Error:
        return False
