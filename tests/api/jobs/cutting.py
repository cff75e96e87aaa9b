"""A proxy before PostgreSQL that cuts a connection at its COMMIT: before the server gets it, or before it answers."""

import contextlib
import socket
import threading
import time
from typing import Literal, Self
from urllib.parse import urlsplit

COMMIT = b"COMMIT"


class CommitCutter:
    """Stands before the server of a DATABASE_URL, and cuts its first connection so."""

    def __init__(self, url: str, when: Literal["before", "after"]) -> None:
        port = urlsplit(url).port
        assert port
        self._upstream = port
        self._when = when
        self.cuts_left = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{port}/", f":{self._listener.getsockname()[1]}/")
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
                self._sockets += [client, server]
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                is_cut = self.cuts_left > 0 and COMMIT in data
                if is_cut:
                    self.cuts_left -= 1
                    client.shutdown(socket.SHUT_RDWR)
                if not (is_cut and self._when == "before"):
                    server.sendall(data)
                if is_cut:
                    time.sleep(0.3)  # in which the server carries it out
                    server.shutdown(socket.SHUT_RDWR)
            server.shutdown(socket.SHUT_RDWR)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
