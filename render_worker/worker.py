"""The worker's HTTP face: POST /generate, GET /health, GET /models, GET /images/<name>, GET /metrics.

Every answer is JSON but the pictures. Errors have one shape, `contract.ErrorBody`. With WORKER_TOKEN set, everything
but /health wants `Authorization: Bearer <token>` and answers 401 `unauthorized` without it, and /health tells reasons,
memory and past errors only with it. Without WORKER_TOKEN a worker on loopback tells everything; one that listens beyond
takes anybody's requests, tells everybody what strangers see, and has no /metrics.
"""

import ipaddress
import itertools
import logging
import re
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, request, send_from_directory
from gunicorn.http.errors import ParseException
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException, NotFound

from render_worker.browser.orphans import become_subreaper, reap_for_ever
from render_worker.circuit_breaker import CircuitBreaker
from render_worker.contract import (
    CLIENT_HEADER,
    IMAGE_NAME,
    IMAGE_TYPES,
    MAX_BODY_BYTES,
    NDJSON,
    PUBLIC_HEALTH,
    SERVICE,
    SERVICE_HEADER,
    ErrorBody,
    ErrorLine,
    GenerateRequest,
    InvalidField,
    ModelList,
)
from render_worker.engines import build_engines
from render_worker.errors import InvalidParameter, PictureDeleted, Unauthorized, WorkerError
from render_worker.generation.admission import CLIENT, Admission
from render_worker.generation.idempotency import IdempotentRequests
from render_worker.generation.latency import Latencies
from render_worker.generation.pipeline import Pipeline
from render_worker.generation.selection import EngineSelector
from render_worker.health import Health, State
from render_worker.metrics import Metrics
from render_worker.runtime import Runtime
from render_worker.serving.bearer_tokens import has_bearer_token
from render_worker.serving.logs import shortened
from render_worker.settings import Settings, load
from render_worker.storages import build_storages
from render_worker.storages.local import was_deleted
from render_worker.stream import OWN_FAULT, Stream

HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 408: "request_timeout", 413: "too_large"}
SENTENCES = {
    408: "The body did not come in time.",
    413: f"The body is larger than {MAX_BODY_BYTES // 1024} KiB.",
}
IMAGE_MAX_AGE_SECONDS = 365 * 24 * 3600  # a name means one content for ever
CLIENT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
OPEN_TO_ALL = "WORKER_TOKEN is not set and this worker listens beyond loopback: anybody who reaches it may use it."

log = logging.getLogger(__name__)
views = Blueprint("views", __name__)


class Worker:
    """The parts of one worker process. Start it after a fork, and stop it before the process ends."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.runtime = Runtime()
        durations, metrics = Latencies(), Metrics()
        engines = build_engines(settings)
        all_places = (engine.slots for engine in engines.values())
        admission = Admission(settings.slots, settings.queue_size, all_places)
        rests = {name: _rest(name, settings) for name in engines}
        roster = EngineSelector(engines, settings.engines, rests, durations, admission)
        self.pipeline = Pipeline(roster, build_storages(settings), admission, durations, metrics, settings.simulated)
        self.repeats = IdempotentRequests(self.pipeline.generate)
        self.health = Health(self.pipeline, settings.memory_limit_mb)
        self.metrics = metrics.registry
        self.metrics.register(State(self.health))
        self.open_to_all = False
        """Whether anybody who reaches this worker may use it, and so whether every client is a stranger."""

    def start(self, hosts: list[str]) -> None:
        """Start the loop's thread and, without waiting for them, the engines. `hosts`: where the server listens."""
        if not self.settings.worker_token and not all(_is_loopback(host) for host in hosts):
            self.open_to_all = True
            self.health.warnings.append(OPEN_TO_ALL)
            log.warning(OPEN_TO_ALL)
        become_subreaper()
        self.runtime.start()
        self.runtime.submit(reap_for_ever())
        self.runtime.submit(self.pipeline.start())

    def remember(self, error: WorkerError, wanted: GenerateRequest) -> None:
        """Keep a failure for the log and for /health."""
        log.warning("%s failed: %s: %s", wanted.request_id, error.code, error, extra={"kind": error.code})
        if not isinstance(error, InvalidParameter):  # which is the caller's
            self.health.remember(error, wanted.model, wanted.request_id)

    def stop(self) -> None:
        """Stop the engines and the thread."""
        self.runtime.stop(self.pipeline.stop())


def create_app(settings: Settings | None = None) -> Flask:
    """The worker's Flask application; its `extensions["worker"]` has to be started before the first request."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    app.extensions["worker"] = Worker(settings or load())
    app.register_blueprint(views)
    app.register_error_handler(InvalidField, lambda error: _failure(InvalidParameter(str(error))))
    app.register_error_handler(WorkerError, _failure)
    app.register_error_handler(
        ParseException, lambda error: _failure(InvalidParameter(f"The body is no HTTP: {shortened(str(error))}."))
    )
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _unforeseen)
    return app


@views.before_app_request
def check_token() -> None:
    """Let nobody in without the token, except to /health."""
    guarded = _worker().settings.worker_token is not None and request.path != "/health"
    if guarded and not _is_trusted():
        raise Unauthorized("The bearer token is missing or wrong.")


def _is_trusted() -> bool:
    """Whether the client has the token, or none is set and only this machine reaches the worker."""
    token = _worker().settings.worker_token
    if token is None:
        return not _worker().open_to_all
    return has_bearer_token(request.headers.get("Authorization"), token.get_secret_value())


@views.after_app_request
def tell_service(answer: Response) -> Response:
    """Let the API tier tell this worker's answers from those of a platform before it."""
    answer.headers[SERVICE_HEADER] = SERVICE
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@views.post("/generate")
def generate() -> Response:
    """Make one picture; the body is a GenerateRequest, the answer a GenerateResult or, on demand, a stream of lines."""
    worker = _worker()
    wanted = GenerateRequest.parse_json(_body())
    CLIENT.set(_client())  # which the generation's task takes over; a thread still has the one of the request before
    if request.accept_mimetypes.best_match(("application/json", NDJSON)) == NDJSON:
        return _streamed(worker, wanted)
    try:
        return _json(worker.runtime.run(worker.repeats.generate(wanted), wanted.timeout_seconds))
    except WorkerError as error:
        worker.remember(error, wanted)
        return _failure(error, wanted.request_id)


@views.get("/health")
def health() -> Response:
    """What the worker is, as WorkerHealth. Always 200 and never slow: it asks nobody."""
    return _json(_worker().health.report(), include=None if _is_trusted() else PUBLIC_HEALTH)


@views.get("/models")
def models() -> Response:
    """The names that `model` accepts, as ModelList."""
    pipeline = _worker().pipeline
    known = ModelList(models=pipeline.roster.models(), simulated=pipeline.simulated)
    return _json(known, exclude=None if _is_trusted() else {"models": {"__all__": {"reason"}}})


@views.get("/metrics")
def metrics() -> Response:
    """The state and what was counted, in Prometheus's text format."""
    if not _is_trusted():
        raise Unauthorized("WORKER_TOKEN has to be set, and sent as a bearer token, for this.")
    return Response(generate_latest(_worker().metrics), content_type=CONTENT_TYPE_LATEST)


@views.get("/images/<name>")
def image(name: str) -> Response:
    """A picture of the local storage, to be kept for ever by whoever gets it."""
    if not re.fullmatch(IMAGE_NAME, name):
        abort(404)
    etag, _, ending = name.partition(".")
    folder = _worker().settings.local_storage_dir.resolve()
    kind = IMAGE_TYPES[ending]  # Python 3.11 itself does not know WebP
    try:
        answer = send_from_directory(folder, name, mimetype=kind, max_age=IMAGE_MAX_AGE_SECONDS, etag=etag)
    except NotFound:
        if was_deleted(folder, name):
            raise PictureDeleted("This picture was deleted by the operator.") from None
        raise
    answer.cache_control.public = True
    answer.cache_control.immutable = True
    return answer


def _body() -> bytes:
    """The request's body. A chunked one says its length nowhere, so its end has to be looked at."""
    body = request.get_data()
    if len(body) > MAX_BODY_BYTES:
        abort(413)
    return body


def _client() -> str | None:
    """Return whose request it is, as the API tier says; None from a stranger, who might say anything."""
    found = CLIENT_ID.fullmatch(request.headers.get(CLIENT_HEADER, ""))
    return found[0] if found and _worker().settings.worker_token else None


def _worker() -> Worker:
    worker: Worker = current_app.extensions["worker"]
    return worker


def _json(body: BaseModel, status: int = 200, **choice: Any) -> Response:
    text = body.model_dump_json(exclude_none=True, **choice)
    return Response(text + "\n", status, {"Cache-Control": "no-store"}, mimetype="application/json")


def _streamed(worker: Worker, wanted: GenerateRequest) -> Response:
    """The generation's news as lines of JSON. What fails before there is any news is answered as it would be else."""
    stream = Stream(wanted.request_id, lambda error: worker.remember(error, wanted))
    work = worker.runtime.begin(worker.repeats.generate(wanted, stream.tell), wanted.timeout_seconds)
    lines = stream.lines(work)
    first = next(lines)
    if isinstance(first, ErrorLine):
        return _error(first.error, first.status)
    encoded = (line.model_dump_json(exclude_none=True) + "\n" for line in itertools.chain((first,), lines))
    return Response(encoded, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, mimetype=NDJSON)


def _failure(error: WorkerError, request_id: str | None = None) -> Response:
    return _error(error.body(request_id), error.status)


def _error(body: ErrorBody, status: int) -> Response:
    answer = _json(body, status)
    if body.retry_after is not None:
        answer.headers["Retry-After"] = str(body.retry_after)
    return answer


def _refused(error: HTTPException) -> Response:
    status = error.code or 500
    sentence = SENTENCES.get(status, f"{error.name}.")
    return _json(ErrorBody(error=sentence, code=HTTP_CODES.get(status, "invalid_parameter")), status)


def _unforeseen(error: Exception) -> Response:
    log.exception("unforeseen failure", exc_info=error)
    return _failure(WorkerError(OWN_FAULT))


def _rest(name: str, settings: Settings) -> CircuitBreaker:
    """When an engine is left alone; one that asks nobody outside never is."""
    failures = settings.engine_failures if name in settings.engines else 0
    return CircuitBreaker(name, failures, settings.engine_rest_seconds)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True  # no IP address: a Unix socket, which is of this machine
