"""A render worker with few slots, as a real HTTP server."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from tests.fakes.scripted_server import PatientServer

BUSY = {"success": False, "error": "The queue is full.", "code": "worker_busy", "retry_after": 7}
SECONDS = 0.1

Reply = tuple[int, dict]


class BusyWorker:
    """A render worker with so many slots and no queue: a request without a slot is refused as busy."""

    def __init__(self, slots: int, result: dict, picture: bytes) -> None:
        self.slots = threading.Semaphore(slots)
        self.reply: Callable[[int], Reply] = lambda _: (200, result)
        """Returns the reply to the request with that number, from 1 on, of those that got a slot."""
        self.seconds: Callable[[dict], float] = lambda _: SECONDS
        """Returns how long a picture takes."""
        self.asked: list[dict] = []
        self.lost: set[str] = set()
        """The addresses of pictures whose files are gone."""
        self.made = self.running = self.most = 0
        self._picture = picture
        self._lock = threading.Lock()
        self._server = PatientServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: dict) -> Reply:
        if not self.slots.acquire(blocking=False):
            return 503, BUSY
        with self._lock:
            self.made += 1
            self.running += 1
            self.most = max(self.most, self.running)
            number = self.made
        time.sleep(self.seconds(asked))
        with self._lock:
            self.running -= 1
        self.slots.release()
        status, body = self.reply(number)
        return status, {**body, "seed": asked["seed"]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        worker, picture = self, self._picture

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                worker.asked.append(asked)
                status, body = worker.answer(asked)
                self.reply(status, json.dumps(body).encode())

            def do_GET(self) -> None:
                if self.path in worker.lost:
                    self.reply(404, b"{}")
                else:
                    self.reply(200, picture if self.path.startswith("/images/") else b"{}")

            def reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("X-Service", "render-worker")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        return Handler
