"""A stand-in for a render worker that responds to every request with a test's bytes, and closes the connection."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

MARK = b"X-Service: render-worker\r\n"


class RawWorker:
    """A server that sends `pieces` in response to each request; `asked` counts the requests."""

    def __init__(self) -> None:
        self.pieces: Iterable[bytes] = ()
        self._in_order: list[Iterable[bytes]] = []
        self.asked = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def say(self, status: str, headers: bytes = b"", body: Iterable[bytes] = (b"",)) -> None:
        """Set the response of all further requests; each of the header lines ends with CRLF."""
        head = f"HTTP/1.1 {status}\r\n".encode() + MARK + b"Connection: close\r\n" + headers + b"\r\n"
        self.pieces = itertools.chain((head,), body)

    def next_answers(self, answers: list[list[bytes]]) -> None:
        """Set the responses of the next requests, one each; then it is `pieces` again."""
        self._in_order = list(answers)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            connection.recv(65536)
            self.asked += 1
            for piece in self._in_order.pop(0) if self._in_order else self.pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    def close(self) -> None:
        self._listener.close()


@contextmanager
def raw_worker() -> Iterator[RawWorker]:
    """Run a RawWorker."""
    worker = RawWorker()
    try:
        yield worker
    finally:
        worker.close()
