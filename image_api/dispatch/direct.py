"""Straight to one render worker by HTTP."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import requests
import urllib3
from pydantic import BaseModel, ValidationError

from image_api.errors import DeadlinePassed, Relayed, WorkerNotConfigured, WorkerUnavailable
from image_api.settings import Settings
from render_worker.contract import (
    SERVICE,
    SERVICE_HEADER,
    ErrorBody,
    GenerateRequest,
    GenerateResult,
    ModelList,
    WorkerHealth,
)

CONNECT_SECONDS = 10.0
QUICK_SECONDS = 10.0  # for what the worker answers without any work
GRACE_SECONDS = 3.0  # the worker ends its work at the deadline; its word of that needs a moment to get here
MAX_REPLY_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
NOT_ACCEPTED = "The render worker did not accept this service's WORKER_TOKEN."

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class LastKnown:
    """What the last contact with the worker told of it."""

    status: str
    at: str


class DirectDispatch:
    """The render worker at PERCHANCE_WORKER_URL. Thread-safe; connections are kept and used again."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.perchance_worker_url
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "identity"  # so that a body can be read as it comes
        self._session.trust_env = False  # the worker's address and token are no business of a proxy or a .netrc
        pool = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=settings.threads)
        self._session.mount("http://", pool)
        self._session.mount("https://", pool)
        if settings.worker_token:
            self._session.headers["Authorization"] = f"Bearer {settings.worker_token.get_secret_value()}"
        self.last_known: LastKnown | None = None

    @property
    def configured(self) -> bool:
        """Whether there is an address to send anything to."""
        return self._url is not None

    def generate(self, request: GenerateRequest) -> GenerateResult:
        """Have one picture made. The request's time is the deadline of everything here too."""
        body = request.model_dump_json().encode()
        return self._ask("POST", "/generate", GenerateResult, request.timeout_seconds + GRACE_SECONDS, body)

    def health(self) -> WorkerHealth:
        """Ask the worker how it is."""
        health = self._ask("GET", "/health", WorkerHealth, QUICK_SECONDS)
        self._saw(health.status)
        return health

    def models(self) -> ModelList:
        """Ask the worker for the names that `model` accepts."""
        return self._ask("GET", "/models", ModelList, QUICK_SECONDS)

    def image(self, name: str, method: str, headers: Mapping[str, str]) -> requests.Response:
        """A picture of the worker's, its body unread; the caller closes it."""
        reply = self._send(method, f"/images/{name}", QUICK_SECONDS, headers=headers)
        if reply.status_code == requests.codes.unauthorized:
            reply.close()
            raise WorkerUnavailable(NOT_ACCEPTED)
        return reply

    def _ask(self, method: str, path: str, model: type[T], seconds: float, body: bytes | None = None) -> T:
        end = time.monotonic() + seconds
        with self._send(method, path, seconds, body) as reply:
            text = _read(reply, end)
            try:
                found: T | ErrorBody | None = (model if reply.ok else ErrorBody).model_validate_json(text)
            except ValidationError:
                found = None
            if found is None or reply.headers.get(SERVICE_HEADER) != SERVICE:
                self._saw("unreachable")
                raise WorkerUnavailable(
                    f"The address of the render worker answered HTTP {reply.status_code}, but not as a render worker."
                )
        if reply.status_code == requests.codes.unauthorized:
            raise WorkerUnavailable(NOT_ACCEPTED)
        if isinstance(found, ErrorBody):
            raise Relayed(found, reply.status_code)
        return found

    def _send(
        self,
        method: str,
        path: str,
        seconds: float,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        if self._url is None:
            raise WorkerNotConfigured("Worker service not configured.")
        try:
            reply = self._session.request(
                method,
                self._url + path,
                data=body,
                headers={"Content-Type": "application/json", **(headers or {})} if body else headers,
                timeout=(min(CONNECT_SECONDS, seconds), seconds),
                stream=True,
                allow_redirects=False,
            )
        except requests.ReadTimeout:
            raise DeadlinePassed(f"The render worker did not answer within {seconds:g} seconds.") from None
        except (requests.RequestException, ValueError) as error:  # ValueError: an address that names no host
            self._saw("unreachable")
            raise WorkerUnavailable(f"The render worker cannot be reached ({type(error).__name__}).") from error
        self._saw("reachable")
        return reply

    def _saw(self, status: str) -> None:
        self.last_known = LastKnown(status, datetime.now(UTC).isoformat(timespec="seconds"))


def _read(reply: requests.Response, end: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := reply.raw.read1(CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                raise WorkerUnavailable("The address of the render worker answered far more than a render worker does.")
            if time.monotonic() > end:
                raise DeadlinePassed("The render worker's answer did not arrive in time.")
    except urllib3.exceptions.ReadTimeoutError:
        raise DeadlinePassed("The render worker's answer did not arrive in time.") from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise WorkerUnavailable("The render worker's answer broke off.") from error
    return b"".join(chunks)
