"""The worker's HTTP interface: POST /generate, DELETE /requests/<id>, GET /requests/<id>/known, /health, /models,
/images/<name>, /recipes/<name> and /metrics; and those in routes/.

Every response is JSON but the pictures. Errors have one shape, `contract.ErrorBody`. If WORKER_TOKEN is set, all but
/health needs `Authorization: Bearer <token>` and returns 401 `unauthorized` without it, and /health shows reasons,
memory and past errors only with it. Without WORKER_TOKEN a worker on loopback shows everything; one that listens beyond
serves every client, shows what strangers see, and has no /metrics.
"""

import itertools
import re
from contextlib import suppress
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, request, send_from_directory
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import NotFound

from render_worker import KEY
from render_worker.contract import (
    CLIENT_HEADER,
    CLIENT_IN_FLIGHT_HEADER,
    IMAGE_NAME,
    IMAGE_PART,
    IMAGE_TYPES,
    MAX_BODY_BYTES,
    MAX_IMAGE_BYTES,
    NDJSON,
    NO_REQUEST_ID,
    PUBLIC_HEALTH,
    REQUEST_PART,
    SERVICE,
    SERVICE_HEADER,
    ErrorLine,
    GenerateRequest,
)
from render_worker.errors import InvalidParameter, PictureDeleted, Unauthorized, WorkerError
from render_worker.generation.admission import CLIENT_IN_FLIGHT, CURRENT_CLIENT
from render_worker.responses import error_response, failure_response, json_response, register_error_handlers
from render_worker.routes.current import current_services, is_trusted, sent_body
from render_worker.routes.deletion import deletion
from render_worker.routes.weights import weights
from render_worker.services import Services, build_services
from render_worker.serving.conditional_requests import settle_if_match, settle_range
from render_worker.serving.json_text import embeddable
from render_worker.serving.own_configuration import OwnConfiguration
from render_worker.serving.security_headers import WITHOUT_CONTENT, policy_of
from render_worker.settings import Settings, load
from render_worker.storages.local.tombstones import was_deleted
from render_worker.stream import GenerationStream

IMAGE_MAX_AGE_SECONDS = 365 * 24 * 3600  # a name means one content for ever
FORM = "multipart/form-data"
ID = re.compile(r"[A-Za-z0-9-]{1,64}")  # of a client, and of a request
CANCEL_SECONDS = 5.0  # for the loop to take a cancellation on

OPERATORS = {"reason", "memory_mib"}  # what strangers do not see of a model

CONFIGURATION = OwnConfiguration(
    Path(__file__).resolve().with_name("gunicorn.conf.py"), "render_worker.gunicorn_worker"
)

views = Blueprint("views", __name__)


def create_app(settings: Settings | None = None) -> Flask:
    """Return the worker's application; its `extensions[KEY]`, Services, must start before the first request.

    Exits if a setting is invalid, or if gunicorn has not read CONFIGURATION.
    """
    CONFIGURATION.require()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    app.extensions[KEY] = build_services(settings or load())
    register_error_handlers(app)
    app.register_blueprint(views)
    app.register_blueprint(weights)
    app.register_blueprint(deletion)
    return app


def __getattr__(name: str) -> Flask:
    """Return a new application as `app`, the name that is usually tried. Exits under any server but gunicorn.

    Only gunicorn's configuration starts the services.
    """
    if name == "app":
        CONFIGURATION.require(other_servers=False)
        return create_app()
    raise AttributeError(f"module {__name__} has no attribute {name}")


@views.before_app_request
def check_token() -> None:
    """Raise Unauthorized if a token is set and the request has it not, except at /health."""
    guarded = current_services().settings.worker_token is not None and request.path != "/health"
    if guarded and not is_trusted():
        raise Unauthorized("The bearer token is missing or wrong.")


@views.after_app_request
def name_service(response: Response) -> Response:
    """Let the API tier distinguish this worker's responses from those of a platform before it."""
    response.headers[SERVICE_HEADER] = SERVICE
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.status_code not in WITHOUT_CONTENT:  # on a 304 it would change the picture in a cache
        response.headers["Content-Security-Policy"] = policy_of(response.mimetype or "")
    if request.path.startswith("/images/"):  # its errors, too: a page under COEP could not tell them from a block
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@views.post("/generate")
def generate() -> Response:
    """Make one picture: a GenerateRequest returns a GenerateResult or, if NDJSON is preferred, a stream of lines."""
    services = current_services()
    generate_request = _generate_request()
    # The generation's task inherits them; a thread still has those of the request before.
    CURRENT_CLIENT.set(client := _client_id())
    CLIENT_IN_FLIGHT.set(_client_in_flight() if client else 0)
    if request.accept_mimetypes.best_match(("application/json", NDJSON)) == NDJSON:
        return _streamed(services, generate_request)
    try:
        return json_response(
            services.runtime.run(services.requests.generate(generate_request), generate_request.timeout_seconds)
        )
    except WorkerError as error:
        services.record_failure(error, generate_request)
        return failure_response(error, generate_request.request_id)


@views.delete("/requests/<request_id>")
def cancel(request_id: str) -> Response:
    """Cancel a request, or refuse it if it has yet to come: always 204, unless there can be no such id."""
    if not ID.fullmatch(request_id) or request_id == NO_REQUEST_ID:
        abort(404)
    services = current_services()
    services.runtime.run(services.requests.cancel(request_id), CANCEL_SECONDS)
    return Response(status=204)


@views.get("/requests/<request_id>/known")
def known(request_id: str) -> Response:
    """Return 204 if a retry of the request would cost nothing, as it is in flight or has its picture; else 404."""
    services = current_services()
    if not ID.fullmatch(request_id) or not services.runtime.run(services.requests.has(request_id), CANCEL_SECONDS):
        abort(404)
    return Response(status=204)


@views.get("/health")
def health() -> Response:
    """Return the worker's state as WorkerHealth: always 200, and never slow, because no service is asked."""
    return json_response(current_services().health.report(), include=None if is_trusted() else PUBLIC_HEALTH)


@views.get("/models")
def models() -> Response:
    """Return the names that `model` accepts, as ModelList."""
    known = current_services().models()
    return json_response(known, exclude=None if is_trusted() else {"models": {"__all__": OPERATORS}})


@views.get("/metrics")
def metrics() -> Response:
    """Return the metrics in Prometheus's text format; raises Unauthorized if the client is a stranger."""
    if not is_trusted():
        raise Unauthorized("WORKER_TOKEN has to be set, and sent as a bearer token, for this.")
    return Response(generate_latest(current_services().metrics), content_type=CONTENT_TYPE_LATEST)


@views.get("/recipes/<name>")
def recipe(name: str) -> Response:
    """Return how a picture was made, as Recipe, to make a lost one again; 404 if it is not known, or to a stranger."""
    known = current_services().recipes.find(name) if re.fullmatch(IMAGE_NAME, name) and is_trusted() else None
    if known is None or was_deleted(current_services().settings.local_storage_dir.resolve(), name):
        abort(404)
    return json_response(known)


@views.get("/images/<name>")
def image(name: str) -> Response:
    """Return a picture of the local storage, which clients may cache for ever."""
    if not re.fullmatch(IMAGE_NAME, name):
        abort(404)
    folder = current_services().settings.local_storage_dir.resolve()
    try:
        return _immutable(folder, name)
    except NotFound:
        if was_deleted(folder, name):
            raise PictureDeleted("This picture was deleted by the operator.") from None
        raise


def _generate_request() -> GenerateRequest:
    """Return the request in the body: a JSON object, or beside an image the part of a form.

    Raises InvalidField if it is none, and InvalidParameter if its image is not the one that came with it.
    """
    text, image = _form() if request.mimetype == FORM else (sent_body(), b"")
    body = GenerateRequest.parse_json(text)
    if not (body.image or image):
        return body
    with_image = body.with_image(image)
    if with_image.image != body.image:
        raise InvalidParameter(f"image must come with its bytes, as the part {IMAGE_PART!r} of a {FORM} body.")
    return with_image


def _form() -> tuple[bytes, bytes]:
    """Return the JSON object and the image of a form. Raises InvalidParameter if it has not just these two parts."""
    request.max_content_length = 2 * MAX_BODY_BYTES + MAX_IMAGE_BYTES  # with the parts' heads, which are short
    texts, files = request.form.to_dict(flat=False), request.files.to_dict(flat=False)
    if (list(texts), list(files)) != ([REQUEST_PART], [IMAGE_PART]) or len(texts[REQUEST_PART] + files[IMAGE_PART]) > 2:
        raise InvalidParameter(f"A {FORM} body must have the parts {REQUEST_PART!r} and {IMAGE_PART!r}, once each.")
    text, image = texts[REQUEST_PART][0].encode(), files[IMAGE_PART][0].read(MAX_IMAGE_BYTES + 1)
    if len(text) > MAX_BODY_BYTES or len(image) > MAX_IMAGE_BYTES:
        abort(413)
    return text, image


def _client_id() -> str | None:
    """Return the client's id from the API tier; None from a stranger, which might send any."""
    found = ID.fullmatch(request.headers.get(CLIENT_HEADER, ""))
    return found[0] if found and current_services().settings.worker_token else None


def _client_in_flight() -> int:
    """Return how many requests the client has in flight at the API tier; 0 if that does not tell, as an older one."""
    found = re.fullmatch("[0-9]{1,6}", request.headers.get(CLIENT_IN_FLIGHT_HEADER, ""))
    return int(found[0]) if found else 0


def _streamed(services: Services, generate_request: GenerateRequest) -> Response:
    """Return the generation as lines of JSON; an error before the first progress is an ordinary response."""
    stream = GenerationStream(
        generate_request.request_id, lambda error: services.record_failure(error, generate_request)
    )
    work = services.runtime.begin(
        services.requests.generate(generate_request, stream.send), generate_request.timeout_seconds
    )
    lines = stream.lines(work)
    first = next(lines)
    if isinstance(first, ErrorLine):
        return error_response(first.error, first.status)
    encoded = (embeddable(line.model_dump_json(exclude_none=True)) + "\n" for line in itertools.chain((first,), lines))
    return Response(encoded, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, mimetype=NDJSON)


def _immutable(folder: Path, name: str) -> Response:
    """Return a file whose name is the hash of its content; raises NotFound if there is none, or an empty one."""
    with suppress(OSError):
        if not (folder / name).stat().st_size:  # as a power failure leaves it
            raise NotFound
    etag, _, ending = name.partition(".")
    kind = IMAGE_TYPES[ending]  # Python 3.11 itself does not know WebP
    fulfilled = settle_if_match(request.environ, etag)
    with suppress(OSError):  # then there is no picture
        settle_range(request.environ, etag, (folder / name).stat().st_size)
    response = send_from_directory(folder, name, mimetype=kind, max_age=IMAGE_MAX_AGE_SECONDS, etag=etag)
    response.cache_control.public = True
    response.cache_control.immutable = True
    if not fulfilled:  # only now is it known that the picture exists, or else it is 404
        response.close()
        abort(412)
    return response
