"""The server's side of a WebSocket, in a request that gunicorn's threads serve."""

from typing import Any

from flask import Response, request
from simple_websocket import Server
from wsproto.events import Message, TextMessage


class WebSocket(Server):
    """A connection that sends each message whole; its parent sends what fits into the system's buffer."""

    sock: Any
    ws: Any

    def __init__(self) -> None:
        """Take over the connection of the request in hand."""
        super().__init__(request.environ)

    def send(self, data: str | bytes) -> None:
        """Send a message. Raises OSError if the client is gone."""
        message = TextMessage(data=data) if isinstance(data, str) else Message(data=data)
        self.sock.sendall(self.ws.send(message))


class ConnectionOver(Response):
    """In place of a response, when the connection was a WebSocket."""

    def __call__(self, *_: object) -> Any:
        raise StopIteration  # gunicorn's sign that the connection ends here
