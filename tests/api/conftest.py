"""The API tier in this process, before a render worker that is a real HTTP server and says what a test wants."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import openai
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from bench.stub_worker import result
from image_api.application import create_app
from image_api.sent_images import MAX_BYTES
from image_api.services import services_of
from image_api.settings import Settings
from tests.api.described import CheckedClient
from tests.api.pictures import stored
from tests.api.pooled import Front as PooledFront
from tests.fakes.busy_worker import BusyWorker
from tests.fakes.processes import api, free_port, wait_until
from tests.fakes.scripted_server import PatientServer
from tests.fakes.slotted_worker import SlottedWorker
from tests.fakes.ways import Front

NAME = "a" * 64 + ".png"
PICTURE = b"the bytes of a picture"
RESULT: dict[str, Any] = {
    "success": True,
    **result({"prompt": "a tree", "seed": 7, "request_id": "x"}, "a" * 64, len(PICTURE)),
    "duration_ms": 5,
    "created_at": "2026-11-21T00:00:00+00:00",
}


_Answer = tuple[int, dict[str, str], tuple[bytes | float | Callable[[], object], ...], Callable[[], object]]


def _answer(status: int, body: object, before: Callable[[], object], headers: dict[str, str]) -> _Answer:
    pieces = body if isinstance(body, tuple) else (body if isinstance(body, bytes) else json.dumps(body).encode(),)
    length = sum(len(piece) for piece in pieces if isinstance(piece, bytes))
    own = {"Content-Length": str(length), "X-Service": "render-worker"}
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    return status, {**own, **given}, pieces, before


def parts_of(content_type: str, body: bytes) -> list[bytes]:
    """Return the contents of a form's parts; a body that is none is its own only part."""
    _, is_form, boundary = content_type.partition("boundary=")
    parts = body.split(f"--{boundary}".encode())[1:-1] if is_form else []
    return [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts] or [body]


def text_of_stream(answer: TestResponse, release: threading.Event, event: str, times: int = 1) -> str:
    """Return the text of an event stream; set `release` once that has the event so many times.

    Progress that comes together with the end is none that a client must hear of.
    """
    text = ""
    for piece in answer.iter_encoded():
        text += piece.decode()
        if text.count(f"event: {event}\n") >= times:
            release.set()
    return text


class ScriptedWorker:
    """Answers every request with `status`, `headers` and `body`, and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self._answers: dict[str, _Answer] = {}
        self.say(200, RESULT)
        self._server = PatientServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def say(self, status: int, body: object, before: Callable[[], object] = lambda: None, **headers: str) -> None:
        """Answer so from now on, whatever is asked; `before` runs ahead of each answer.

        An underscore in a header's name is a hyphen. A tuple is a body that comes in pieces, and in it a number is a
        pause in seconds, and a function is called. Where `before` says something else, that holds from the next one on.
        """
        self._answers = {"": _answer(status, body, before, headers)}

    def say_to(
        self, path: str, status: int, body: object, before: Callable[[], object] = lambda: None, **headers: str
    ) -> None:
        """Answer so to requests whose path begins so; the longest that fits counts."""
        self._answers[path] = _answer(status, body, before, headers)

    def asked_to_make(self) -> list[dict]:
        """Every request for a picture."""
        return [json.loads(parts_of(*it)[0]) for it in self._posts()]

    def sent_images(self) -> list[bytes]:
        """Return the image of each request for a picture that has one."""
        return [parts[1] for it in self._posts() if len(parts := parts_of(*it)) > 1]

    def _posts(self) -> list[tuple[str, bytes]]:
        return [(headers["Content-Type"], body) for method, _, headers, body in self.requests if method == "POST"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        worker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                worker.requests.append((self.command, self.path, dict(self.headers), body))
                fitting = max((path for path in worker._answers if self.path.startswith(path)), key=len)
                status, headers, pieces, before = worker._answers[fitting]
                before()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in pieces if self.command != "HEAD" else ():
                    if isinstance(piece, bytes):
                        self.wfile.write(piece)
                    elif callable(piece):
                        piece()
                    else:
                        time.sleep(piece)

            do_POST = do_HEAD = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        return Handler


@pytest.fixture
def worker() -> Iterator[ScriptedWorker]:
    scripted = ScriptedWorker()
    yield scripted
    scripted.close()


@pytest.fixture
def keeps(worker: ScriptedWorker) -> Callable[..., bytes]:
    """Have the render worker make and keep a picture of that type."""

    def keep(kind: str = "image/png", data: bytes | None = None, **changes: object) -> bytes:
        data = stored(kind) if data is None else data
        worker.say(200, {**RESULT, "content_type": kind, "width": 64, "height": 48, "bytes": len(data), **changes})
        worker.say_to("/images/", 200, data)
        return data

    return keep


@pytest.fixture
def client_with(worker: ScriptedWorker, tmp_path: Path) -> Iterator[Callable[..., FlaskClient]]:
    """Makes clients of an API tier with settings of the test's choice."""
    apps = []

    def make(**settings: object) -> FlaskClient:
        own = {"perchance_worker_url": worker.url, "database_url": f"sqlite:///{tmp_path}/jobs.db"}
        apps.append(create_app(Settings(**{**own, **settings})))
        apps[-1].test_client_class = CheckedClient
        return apps[-1].test_client()

    yield make
    CheckedClient.close_streams()
    for app in apps:
        services_of(app).drain()
        services_of(app).stop()
        services_of(app).close()
    for thread in [it for it in threading.enumerate() if it.name == "cold-start"]:
        thread.join(5)


@pytest.fixture
def client(client_with: Callable[..., FlaskClient]) -> FlaskClient:
    return client_with()


@pytest.fixture
def application(client_with) -> Flask:
    """The application of `base`."""
    return client_with(worker_wake_seconds=0).application


@pytest.fixture
def memory(application):
    """The memory for images, which is whole again at the test's end."""
    found = services_of(application).image_memory
    yield found
    wait_until(lambda: found.left == MAX_BYTES, "the images are released", 5)


@pytest.fixture
def base(application) -> Iterator[str]:
    """The address of an API tier that is served over HTTP."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client_of(base) -> Iterator[Callable[..., openai.OpenAI]]:
    """Makes clients of OpenAI's, as they are but for what a test wants."""
    with openai.OpenAI(base_url=f"{base}/v1", api_key="anything", max_retries=0) as client:
        yield client.with_options


@pytest.fixture
def ai(client_of) -> openai.OpenAI:
    return client_of()


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    worker = ScriptedWorker()
    with api(PERCHANCE_WORKER_URL=worker.url, CACHE_EXPIRATION_HOURS=0) as server:
        yield Front(server.url, worker)
    worker.close()


@pytest.fixture
def busy() -> Iterator[Callable[..., BusyWorker]]:
    """Starts render workers with so many slots, whose pictures have the same bytes."""
    workers: list[BusyWorker] = []

    def start(slots: int, picture: bytes = PICTURE) -> BusyWorker:
        workers.append(BusyWorker(slots, RESULT, picture))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


@pytest.fixture
def ai_before(client_with) -> Iterator[Callable[..., openai.OpenAI]]:
    """Makes clients of an API tier before a worker, with settings of the test's choice."""
    servers, clients = [], []

    def make(worker: BusyWorker, **settings: object) -> openai.OpenAI:
        app = client_with(perchance_worker_url=worker.url, worker_wake_seconds=0, **settings).application
        servers.append(make_server("127.0.0.1", 0, app, threaded=True))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        base = f"http://127.0.0.1:{servers[-1].server_port}/v1"
        clients.append(openai.OpenAI(base_url=base, api_key="anything", max_retries=0))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def workers():
    """Starts render workers; asleep ones refuse connections until they are started."""
    made: list[SlottedWorker] = []

    def start(count: int = 2, asleep: tuple[int, ...] = (), **options: object) -> list[SlottedWorker]:
        for number in range(count):
            made.append(SlottedWorker(port=free_port(), **options))
            if number not in asleep:
                made[-1].start()
        return made

    yield start
    for worker in made:
        worker.hangs.clear()
        worker.close()


@pytest.fixture
def before():
    """Starts an API tier before some workers."""
    fronts: list[PooledFront] = []

    def start(workers: list[SlottedWorker], **settings: object) -> PooledFront:
        fronts.append(PooledFront(workers, **settings))
        return fronts[-1]

    yield start
    for front in fronts:
        front.close()
