"""The connection to one render worker: its pooled sockets, and whether it is a render worker that replies."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote, urlsplit

from urllib3 import HTTPConnectionPool, Timeout
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    HTTPError,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.util import make_headers

from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.recent_contact import LastKnown, RecentContact
from image_api.dispatch.replies import not_a_worker
from image_api.errors import DeadlinePassed, WorkerNotConfigured, WorkerUnavailable
from image_api.outbound.abort import is_aborted
from image_api.outbound.guarded_connections import guarded_pool
from image_api.outbound.reply import WorkerReply
from render_worker.contract import SERVICE, SERVICE_HEADER

CONNECT_SECONDS = 10.0
QUICK_SECONDS = 10.0  # for what the worker answers without any work
READ_RETRY_SECONDS = 10.0  # retry budget of a read during a cold start; a generation has its whole deadline
POOLED_CONNECTIONS = 64
NOT_CONFIGURED = "Worker service not configured."

HEADERS = {
    "Accept": "application/json",  # a browser would get a platform's loading page sooner
    "Accept-Encoding": "identity",  # so that a body can be counted as it comes
}


class Pieces(Protocol):
    """A body in pieces, which can be sent again."""

    def __len__(self) -> int:
        """Return how many bytes all of them are."""

    def __iter__(self) -> Iterator[bytes]:
        """Return an iterator of them."""


Body = bytes | Pieces


class WorkerConnection:
    """Sends requests to one address, and takes note in `recent` of what became of them. Thread-safe."""

    def __init__(self, url: str | None, token: str | None, recent: RecentContact) -> None:
        """Send to `url`, None if there is none, with the token, if there is one."""
        self.url = url
        self.last_known: LastKnown | None = None
        """The worker's state at the last contact; None before the first."""
        self._recent = recent
        self._pool: HTTPConnectionPool | None = None
        self._base = urlsplit(url or "").path
        self._headers = {**HEADERS, **_authorization(url, token)}

    def send(
        self, method: str, path: str, seconds: float, body: Body | None = None, headers: Mapping[str, str] | None = None
    ) -> WorkerReply:
        """Send one request and return the worker's response, its body unread; the caller closes it.

        `seconds` is the timeout of the head. Raises DeadlinePassed after it, WorkerStarting if the worker may be in a
        cold start, and WorkerUnavailable if it cannot be reached or if it is not a render worker that responded.
        """
        if self.url is None:
            raise WorkerNotConfigured(NOT_CONFIGURED)
        try:
            with self._recent.awaiting():
                raw = self._pool_to(self.url).urlopen(
                    method,
                    self._base + path,
                    body=body,
                    headers={**self._headers, **_headers_of(body), **(headers or {})},
                    timeout=Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    preload_content=False,
                    decode_content=False,
                )
        except ReadTimeoutError:
            raise DeadlinePassed(f"The render worker did not answer within {seconds:.3g} seconds.") from None
        except (HTTPError, OSError, ValueError) as error:  # ValueError: an address without a host
            raise self._unreachable(error) from error
        reply = WorkerReply(raw)
        self._check_sender(reply)
        return reply

    def note(self, status: str) -> None:
        """Take note of the worker's state at a contact of now."""
        self._recent.note(reached=status != "unreachable")
        self.last_known = LastKnown(status, datetime.now(UTC).isoformat(timespec="seconds"))

    def close(self) -> None:
        """Close the sockets that are idle."""
        pool, self._pool = self._pool, None
        if pool:
            pool.close()

    def _pool_to(self, url: str) -> HTTPConnectionPool:
        """Return the pooled sockets. Raises LocationValueError if the URL has no host."""
        if not self._pool:
            # MAX_GENERATIONS bounds how many connections are open for generations; so many are kept for the next one.
            self._pool = guarded_pool(url, POOLED_CONNECTIONS)
        return self._pool

    def _unreachable(self, error: Exception) -> WorkerUnavailable:
        """Return the error of a failed connection, WorkerStarting if the worker may start.

        An unknown host may start too: a container's name cannot be resolved while it does not run.
        """
        if not is_aborted():
            self.note("unreachable")
        sentence = f"The render worker cannot be reached ({type(error).__name__})."
        if isinstance(error, ConnectTimeoutError):  # a NewConnectionError is one
            return WorkerStarting(sentence, sent=False)
        if isinstance(error, ProtocolError | ClosedPoolError | OSError):
            return WorkerStarting(sentence)
        return _unsent(sentence)

    def _check_sender(self, reply: WorkerReply) -> None:
        """Close the response and raise WorkerUnavailable unless it is from a render worker that accepts the token."""
        from_worker = reply.headers.get(SERVICE_HEADER) == SERVICE
        self.note("reachable" if from_worker else "unreachable")
        if from_worker and reply.status_code != HTTPStatus.UNAUTHORIZED:
            return
        reply.close()
        if from_worker:
            raise _unsent("The render worker did not accept this service's WORKER_TOKEN.")
        raise not_a_worker(reply)


def _unsent(sentence: str) -> WorkerUnavailable:
    error = WorkerUnavailable(sentence)
    error.unsent = True
    return error


def _authorization(url: str | None, token: str | None) -> dict[str, str]:
    """Return the header that has the credentials of the URL, or else the token; none if there is neither."""
    credentials = urlsplit(url or "").netloc.rpartition("@")[0]
    if credentials:
        return make_headers(basic_auth=unquote(credentials))
    return {"Authorization": f"Bearer {token}"} if token else {}


def _headers_of(body: Body | None) -> dict[str, str]:
    """Return the headers of a request with that body, whose own may take their place."""
    return {"Content-Type": "application/json", "Content-Length": str(len(body))} if body else {}
