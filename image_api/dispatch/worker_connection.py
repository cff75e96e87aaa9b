"""The connection to one render worker: its pooled sockets, and whether it is a render worker that replies."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.recent_contact import LastKnown, RecentContact
from image_api.dispatch.replies import not_a_worker
from image_api.errors import DeadlinePassed, WorkerNotConfigured, WorkerUnavailable
from image_api.outbound.abort import is_aborted
from image_api.outbound.guarded_http import GuardedAdapter, GuardedSession
from render_worker.contract import SERVICE, SERVICE_HEADER

CONNECT_SECONDS = 10.0
QUICK_SECONDS = 10.0  # for what the worker answers without any work
READ_RETRY_SECONDS = 10.0  # retry budget of a read during a cold start; a generation has its whole deadline
POOLED_CONNECTIONS = 64
NOT_CONFIGURED = "Worker service not configured."

Body = bytes | Iterable[bytes]
"""Of a request; an iterable has a length, and can be sent again."""


class WorkerConnection:
    """Sends requests to one address, and takes note in `recent` of what became of them. Thread-safe."""

    def __init__(self, url: str | None, token: str | None, recent: RecentContact) -> None:
        """Send to `url`, None if there is none, with the token, if there is one."""
        self.url = url
        self.last_known: LastKnown | None = None
        """The worker's state at the last contact; None before the first."""
        self._recent = recent
        self._session = _session(token)

    def send(
        self, method: str, path: str, seconds: float, body: Body | None = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Send one request and return the worker's response, its body unread; the caller closes it.

        `seconds` is the timeout of the head. Raises DeadlinePassed after it, WorkerStarting if the worker may be in a
        cold start, and WorkerUnavailable if it cannot be reached or if it is not a render worker that responded.
        """
        if self.url is None:
            raise WorkerNotConfigured(NOT_CONFIGURED)
        try:
            with self._recent.awaiting():
                reply = self._session.request(
                    method,
                    self.url + path,
                    data=body,
                    headers={"Content-Type": "application/json", **(headers or {})} if body else headers,
                    timeout=(min(CONNECT_SECONDS, seconds), seconds),
                    stream=True,
                    allow_redirects=False,
                )
        except requests.ReadTimeout:
            raise DeadlinePassed(f"The render worker did not answer within {seconds:.3g} seconds.") from None
        except (requests.RequestException, ValueError) as error:  # ValueError: an address without a host
            raise self._unreachable(error) from error
        self._check_sender(reply)
        return reply

    def note(self, status: str) -> None:
        """Take note of the worker's state at a contact of now."""
        self._recent.note(reached=status != "unreachable")
        self.last_known = LastKnown(status, datetime.now(UTC).isoformat(timespec="seconds"))

    def close(self) -> None:
        """Close the sockets that are idle."""
        self._session.close()

    def _unreachable(self, error: Exception) -> WorkerUnavailable:
        """Return the error of a failed connection, WorkerStarting if the worker may start.

        An unknown host may start too: a container's name cannot be resolved while it does not run.
        """
        if not is_aborted():
            self.note("unreachable")
        reason = getattr(error.args[0], "reason", None) if error.args else None
        sentence = f"The render worker cannot be reached ({type(reason or error).__name__})."
        lasting = isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError)
        if isinstance(error, requests.ConnectionError) and not lasting:
            return WorkerStarting(sentence, sent=not isinstance(reason, NewConnectionError | ConnectTimeoutError))
        return _unsent(sentence)

    def _check_sender(self, reply: requests.Response) -> None:
        """Close the response and raise WorkerUnavailable unless it is from a render worker that accepts the token."""
        from_worker = reply.headers.get(SERVICE_HEADER) == SERVICE
        self.note("reachable" if from_worker else "unreachable")
        if from_worker and reply.status_code != requests.codes.unauthorized:
            return
        reply.close()
        if from_worker:
            raise _unsent("The render worker did not accept this service's WORKER_TOKEN.")
        raise not_a_worker(reply)


def _unsent(sentence: str) -> WorkerUnavailable:
    error = WorkerUnavailable(sentence)
    error.unsent = True
    return error


def _session(token: str | None) -> GuardedSession:
    """Return a session whose requests carry the token, if there is one."""
    session = GuardedSession()
    session.headers["Accept"] = "application/json"  # a browser would get a platform's loading page sooner
    # MAX_GENERATIONS bounds how many connections are open for generations; so many are kept for the next request.
    pool = GuardedAdapter(pool_connections=1, pool_maxsize=POOLED_CONNECTIONS)
    session.mount("http://", pool)
    session.mount("https://", pool)
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    return session
