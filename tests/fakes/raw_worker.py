"""A render worker in name only: it answers every request with bytes of a test's choice and closes the connection."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

MARK = b"X-Service: render-worker\r\n"


class RawWorker:
    """Says `pieces` to whoever asks; `asked` counts."""

    def __init__(self) -> None:
        self.pieces: Iterable[bytes] = ()
        self._in_order: list[Iterable[bytes]] = []
        self.asked = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def say(self, status: str, headers: bytes = b"", body: Iterable[bytes] = (b"",)) -> None:
        """Answer so from now on; the headers end with CRLF."""
        head = f"HTTP/1.1 {status}\r\n".encode() + MARK + b"Connection: close\r\n" + headers + b"\r\n"
        self.pieces = itertools.chain((head,), body)

    def next_answers(self, answers: list[list[bytes]]) -> None:
        """Give these answers to the next requests, one each, and then `pieces` again."""
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
    """Run one."""
    worker = RawWorker()
    try:
        yield worker
    finally:
        worker.close()
