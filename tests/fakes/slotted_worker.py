"""A render worker with slots and a queue, as a real HTTP server that can sleep, hang, break off and go away."""

import hashlib
import json
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler

from bench.stub_worker import result
from tests.fakes.scripted_server import PatientServer

MODEL = {"description": "d", "answers_auto": True, "state": "ready"}


class SlottedWorker:
    """A render worker that makes a picture in `seconds` in each of its slots; beyond the queue it is busy."""

    def __init__(
        self, slots: int = 2, queue: int = 10, seconds: float = 0.1, port: int = 0, models=("sketch",)
    ) -> None:
        self.slots, self.queue, self.seconds, self.models = slots, queue, seconds, models
        self.loaded: tuple[str, ...] | None = None
        """Which of its models are in memory; None if it keeps none itself."""
        self.retry_after = 7
        self.ready = True
        self.loading = False
        self.refuses: tuple[int, dict] | None = None
        """What requests for pictures are refused with, if they are."""
        self.models_refused: tuple[int, dict] | None = None
        """What requests for the models are refused with, if they are."""
        self.is_refused = lambda asked: True
        """Returns whether one is."""
        self.breaks = 0
        """How many requests for pictures break off after they have begun."""
        self.asked: list[tuple[str, str]] = []
        self.generated: list[dict] = []
        """Each request for a picture."""
        self.cancelled: list[str] = []
        self.made: dict[str, str] = {}
        """The names of pictures by the ids of their requests."""
        self.files: dict[str, bytes] = {}
        self.recipes: dict[str, dict] = {}
        self.deleted: set[str] = set()
        self.begun: set[str] = set()
        """The ids of requests that a retry of costs nothing."""
        self.hangs = threading.Event()
        self.running = self.waiting = self.most = 0
        self._free = threading.Condition()
        self.port = port
        self._server: PatientServer | None = None

    def start(self) -> "SlottedWorker":
        """Listen, on the port that it had before if it had one."""
        self._server = PatientServer(("127.0.0.1", self.port), partial(_Handler, self))
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Refuse connections from now on; what it has in flight goes on."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def is_up(self) -> bool:
        return self._server is not None

    def model_list(self) -> dict:
        states = {} if self.loaded is None else {name: {"loaded": name in self.loaded} for name in self.models}
        return {"models": [{**MODEL, "name": name, "engine": name, **states.get(name, {})} for name in self.models]}

    def health(self) -> dict:
        return {
            "status": "starting" if self.loading else "busy" if self.running >= self.slots else "ready",
            "ready": self.ready and not self.loading,
            "uptime_seconds": 5,
            "queue": {
                "running": self.running,
                "waiting": self.waiting,
                "max_concurrency": self.slots,
                "queue_size": self.queue,
            },
            "engines": {} if self.loading else {name: {"state": "ready"} for name in self.models},
            "storage": "local",
        }

    def make(self, asked: dict) -> tuple[int, dict]:
        with self._free:
            if self.running >= self.slots and self.waiting >= self.queue:
                return 503, {"error": "The queue is full.", "code": "worker_busy", "retry_after": self.retry_after}
            self.waiting += 1
            self.begun.add(asked["request_id"])
            self._free.wait_for(lambda: self.running < self.slots)
            self.waiting -= 1
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(self.seconds)
        with self._free:
            self.running -= 1
            self._free.notify_all()
        digest = hashlib.sha256(f"{self.port} {asked['request_id']}".encode()).hexdigest()
        name = self.made.setdefault(asked["request_id"], f"{digest}.png")
        self.files[name] = b"a picture of " + str(self.port).encode()
        return 200, {**result(asked, digest, len(self.files[name])), "engine": "sketch", "model": "sketch"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, worker: SlottedWorker, *arguments: object) -> None:
        self._worker = worker
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.is_unanswered():
            return
        asked = json.loads(body)
        self._worker.generated.append(asked)
        if self._worker.refuses and self._worker.is_refused(asked):
            self.reply(*self._worker.refuses)
        elif self._worker.breaks:
            self._worker.breaks -= 1
            self._worker.make(asked)
            self.close_connection = True
        else:
            self.reply(*self._worker.make(asked))

    def do_GET(self) -> None:
        if not self.is_unanswered():
            self.reply(*self.found())

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        if not self.is_unanswered():
            self._worker.cancelled.append(self.path.rpartition("/")[2])
            self.reply(204, b"")

    def found(self) -> tuple[int, bytes | dict]:
        """Return the reply to a GET."""
        name = self.path.rpartition("/")[2]
        if self.path == "/models" and self._worker.models_refused:
            return self._worker.models_refused
        if self.path in ("/health", "/models"):
            return 200, self._worker.health() if name == "health" else self._worker.model_list()
        if name in self._worker.deleted:
            return 410, {"error": "gone", "code": "picture_deleted"}
        if name == "known":
            return (
                (204, b"")
                if self.path.split("/")[2] in self._worker.begun
                else (404, {"error": "There is none.", "code": "not_found"})
            )
        if self.path.startswith("/recipes/") and name in self._worker.recipes:
            return 200, self._worker.recipes[name]
        if self.path.startswith("/images/") and name in self._worker.files:
            return 200, self._worker.files[name]
        return 404, {"error": "There is none.", "code": "not_found"}

    def is_unanswered(self) -> bool:
        """Note the request. Returns whether it is not to be answered: the worker is gone, also after it hung."""
        self._worker.asked.append((self.command, self.path))
        while self._worker.hangs.is_set():
            time.sleep(0.02)
        self.close_connection = not self._worker.is_up
        return self.close_connection

    def reply(self, status: int, content: bytes | dict) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("X-Service", "render-worker")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Stay silent."""
