"""Straight to one render worker by HTTP."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import requests
from pydantic import BaseModel, TypeAdapter

from image_api.dispatch.coalesced_read import CoalescedRead
from image_api.dispatch.cold_start import ColdStart, Report, WorkerStarting, at_once
from image_api.dispatch.replies import NO_WORKER, failure, lines, no_worker, read, understood
from image_api.dispatch.validation import checked_progress, checked_result
from image_api.errors import DeadlinePassed, Relayed, WorkerNotConfigured, WorkerUnavailable
from image_api.outbound.abort import Abort, AbortableAdapter, aborted
from image_api.outbound.guarded_http import GuardedSession
from image_api.settings import Settings
from render_worker.contract import (
    CLIENT_HEADER,
    NDJSON,
    SERVICE,
    SERVICE_HEADER,
    ErrorLine,
    GenerateRequest,
    GenerateResult,
    Heartbeat,
    ModelList,
    Progress,
    ResultLine,
    StreamLine,
    WorkerHealth,
)

CONNECT_SECONDS = 10.0
QUICK_SECONDS = 10.0  # for what the worker answers without any work
GRACE_SECONDS = 3.0  # the worker ends its work at the deadline; its word of that needs a moment to get here
KEPT_CONNECTIONS = 64
# Requests at a time that wait for what the worker can tell: half of the connections beside generations.
MOST_READS = 500
MOMENT_SECONDS = 2.5  # by which the worker may be early: the last of several engines is ended that much before
SHORT_PATIENCE_SECONDS = 10.0  # with a worker that sleeps, for what it can tell but not for what it shall make
NOT_CONFIGURED = "Worker service not configured."

STREAM_LINE: TypeAdapter[Progress | Heartbeat | ResultLine | ErrorLine] = TypeAdapter(StreamLine)
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class LastKnown:
    """What the last contact with the worker told of it."""

    status: str
    at: str


class DirectDispatch:
    """The render worker at PERCHANCE_WORKER_URL. Thread-safe; connections are kept and used again."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.perchance_worker_url
        self._session = GuardedSession()
        self._session.headers["Accept"] = "application/json"  # a browser would get a platform's loading page sooner
        # MAX_GENERATIONS bounds how many are open for pictures in the making; so many are kept for the next request.
        pool = AbortableAdapter(pool_connections=1, pool_maxsize=KEPT_CONNECTIONS)
        self._session.mount("http://", pool)
        self._session.mount("https://", pool)
        if settings.worker_token:
            self._session.headers["Authorization"] = f"Bearer {settings.worker_token.get_secret_value()}"
        self._knows_token = settings.worker_token is not None
        self._models = CoalescedRead(self._ask_for_models)
        self._accepted_health = CoalescedRead(self._ask_for_accepted_health)
        most_reads = min(MOST_READS, settings.max_generations)
        self._waking = ColdStart(settings.worker_wake_seconds, most_reads, self._knock)
        self.last_known: LastKnown | None = None

    @property
    def configured(self) -> bool:
        """Whether there is an address to send anything to."""
        return self._url is not None

    def generate(
        self, request: GenerateRequest, report: Report, client: str | None = None, abort: Abort | None = None
    ) -> GenerateResult:
        """Have one picture made. The request's time is the deadline of everything here too; TooMany at an abort.

        `client` is the id of the client whose request it is, if its share of the worker is to be counted. A worker
        that runs on knows a request that it gets twice by its id, so that one sent again costs no second picture.
        """
        end = time.monotonic() + request.timeout_seconds

        def attempt() -> GenerateResult:
            left = end - time.monotonic()
            if left <= 0:
                raise DeadlinePassed(f"The render worker did not answer within {request.timeout_seconds:g} seconds.")
            body = request.model_copy(update={"timeout_seconds": left}).model_dump_json(exclude_none=True).encode()
            try:
                return self._generated(body, left + GRACE_SECONDS, report, client)
            except Relayed as error:
                if (told := error.body()).code == DeadlinePassed.code and time.monotonic() > end - MOMENT_SECONDS:
                    raise DeadlinePassed(str(error), told.fallback_from) from error  # the request's own, no phase's
                raise

        return self._waking.once_awake(attempt, end, report, abort)

    def _generated(self, body: bytes, seconds: float, report: Report, client: str | None) -> GenerateResult:
        """Read the answer as it comes; what goes wrong before there is any news comes as a plain answer."""
        end = time.monotonic() + seconds
        headers = {"Accept": NDJSON}
        if client and self._knows_token:  # a worker believes it of nobody without
            headers[CLIENT_HEADER] = client
        with self._send("POST", "/generate", seconds, body, headers) as reply:
            self._check_sender(reply)
            try:
                return checked_result(_result_of(reply, end, report))
            except ValueError:  # a ValidationError is one
                raise WorkerUnavailable(NO_WORKER.format(reply.status_code)) from None

    def models(self, client: str | None = None) -> ModelList:
        """Return the names that `model` accepts, as the worker told them some seconds ago at most."""
        with self._waking.reading(client) as abort:
            return self._models.get(abort)

    def health(self) -> WorkerHealth:
        """Ask the worker how it is, once: who asks for a state does not want to wait for another one."""
        return self._knock(QUICK_SECONDS)

    def accepted_health(self, client: str | None = None) -> WorkerHealth:
        """Return how the worker is, or was some seconds ago, if it accepts this service's token."""
        with self._waking.reading(client) as abort:
            return self._accepted_health.get(abort)

    def _ask_for_models(self) -> ModelList:
        return self._once_awake(lambda: self._ask("GET", "/models", ModelList, QUICK_SECONDS), Abort())

    def _ask_for_accepted_health(self) -> WorkerHealth:
        self._ask("GET", "/models", ModelList, QUICK_SECONDS)  # wants the token, which /health does not
        return self.health()

    def wake(self, seconds: float, client: str | None = None) -> WorkerHealth | None:
        """Go on asking the worker how it is until it is awake; its answer, if it comes within some seconds."""
        if self._url is None:
            raise WorkerNotConfigured(NOT_CONFIGURED)
        with self._waking.reading(client) as abort:
            return self._waking.wake(seconds, abort)

    @property
    def expected_wake_seconds(self) -> int:
        """How long it is likely to take until the worker is awake."""
        return self._waking.expected_seconds

    def stop(self) -> None:
        """Wait for no sleeping worker any longer, and let go of the connections that nobody uses."""
        self._waking.stop()
        self._session.close()

    def image(self, name: str, method: str, headers: Mapping[str, str], client: str | None = None) -> requests.Response:
        """A picture of the worker's, its body unread; the caller closes it."""

        def attempt() -> requests.Response:
            reply = self._send(method, f"/images/{name}", QUICK_SECONDS, headers=headers)
            try:
                self._check_sender(reply)
            except WorkerUnavailable:
                reply.close()
                raise
            return reply

        with self._waking.reading(client) as abort:
            return self._once_awake(attempt, abort)

    def _once_awake(self, attempt: Callable[[], T], abort: Abort) -> T:
        end = time.monotonic() + SHORT_PATIENCE_SECONDS
        return self._waking.once_awake(lambda: at_once(attempt), end, abort=abort)

    def _knock(self, seconds: float) -> WorkerHealth:
        health = at_once(lambda: self._ask("GET", "/health", WorkerHealth, seconds))
        self._saw(health.status)
        return health

    def _ask(self, method: str, path: str, model: type[M], seconds: float, body: bytes | None = None) -> M:
        end = time.monotonic() + seconds
        with self._send(method, path, seconds, body) as reply:
            self._check_sender(reply)
            text = read(reply, end)
        return understood(reply, text, path, model)

    def _send(
        self,
        method: str,
        path: str,
        seconds: float,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        if self._url is None:
            raise WorkerNotConfigured(NOT_CONFIGURED)
        try:
            return self._session.request(
                method,
                self._url + path,
                data=body,
                headers={"Content-Type": "application/json", **(headers or {})} if body else headers,
                timeout=(min(CONNECT_SECONDS, seconds), seconds),
                stream=True,
                allow_redirects=False,
            )
        except requests.ReadTimeout:
            raise DeadlinePassed(f"The render worker did not answer within {seconds:.3g} seconds.") from None
        except (requests.RequestException, ValueError) as error:  # ValueError: an address that names no host
            raise self._missed(error) from error

    def _missed(self, error: Exception) -> WorkerUnavailable:
        """What to think of a connection that failed. A container's name, too, is unknown while it is not running."""
        if not aborted():
            self._saw("unreachable")
        reason = getattr(error.args[0], "reason", None) if error.args else None
        sentence = f"The render worker cannot be reached ({type(reason or error).__name__})."
        lasting = isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError)
        if isinstance(error, requests.ConnectionError) and not lasting:
            return WorkerStarting(sentence)
        return WorkerUnavailable(sentence)

    def _check_sender(self, reply: requests.Response) -> None:
        """Tell the worker's own answers from those of an edge before it, or of somebody else."""
        if reply.headers.get(SERVICE_HEADER) == SERVICE:
            self._saw("reachable")
            if reply.status_code == requests.codes.unauthorized:
                raise WorkerUnavailable("The render worker did not accept this service's WORKER_TOKEN.")
            return
        self._saw("unreachable")
        raise no_worker(reply)

    def _saw(self, status: str) -> None:
        self.last_known = LastKnown(status, datetime.now(UTC).isoformat(timespec="seconds"))


def _result_of(reply: requests.Response, end: float, report: Report) -> GenerateResult:
    """The result in an answer as a whole or as a stream; a ValueError if something in it is none of a worker's."""
    if not reply.headers.get("Content-Type", "").startswith(NDJSON):
        return understood(reply, read(reply, end), "/generate", GenerateResult)
    for line in lines(reply, end):
        news: Progress | Heartbeat | ResultLine | ErrorLine = STREAM_LINE.validate_json(line)
        if isinstance(news, Progress):
            report(checked_progress(news))
        elif isinstance(news, ResultLine):
            return news.result
        elif isinstance(news, ErrorLine):
            raise failure(news.error, news.status)
    raise WorkerStarting("The render worker's answer broke off.")
