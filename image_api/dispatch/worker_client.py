"""A client of one render worker: its health, models and stored pictures, and the requests of the direct dispatch."""

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel

from image_api.dispatch.coalesced_read import CoalescedRead
from image_api.dispatch.cold_start import ColdStart, run_probe
from image_api.dispatch.read_slots import ReadSlots
from image_api.dispatch.recent_contact import LastKnown, RecentContact
from image_api.dispatch.replies import parse_reply, read_body
from image_api.dispatch.validation import WORKER_PATH, parsed_recipe
from image_api.dispatch.worker_connection import (
    NOT_CONFIGURED,
    QUICK_SECONDS,
    READ_RETRY_SECONDS,
    Body,
    WorkerConnection,
)
from image_api.dispatch.worker_weights import WorkerWeights
from image_api.errors import ApiError, DeadlinePassed, WorkerNotConfigured
from image_api.outbound.abort import Abort
from image_api.outbound.reply import WorkerReply
from image_api.settings import Settings
from render_worker.contract import ModelList, Recipe, WorkerHealth
from render_worker.serving.deadline import Deadline

# Reads in flight at most: half of the connections that there are beside generations.
MAX_READS = 500
IMPROVING_SECONDS = 2.0  # for a read that only improves a response
CANCEL_SECONDS = 5.0
DELETION_SECONDS = 65.0  # the worker gives its storages 60
CANCEL_PAUSES = (0.0, 0.5)  # seconds before each attempt: a pooled connection may be closed by now

log = logging.getLogger(__name__)

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class WorkerClient:
    """One render worker of PERCHANCE_WORKER_URL. Thread-safe; connections are pooled."""

    def __init__(self, settings: Settings, number: int = 1) -> None:
        """Ask the worker with that number in the setting, from 1 on."""
        self.number = number
        self.name = f"render worker {number}" if len(settings.worker_urls) > 1 else "render worker"
        """What the log calls it."""
        url = settings.worker_urls[number - 1] if settings.worker_urls else None
        token = settings.worker_token
        self.has_token = token is not None
        """Whether requests carry a WORKER_TOKEN."""
        self.recent = RecentContact(settings.worker_wake_seconds)
        self._connection = WorkerConnection(url, token.get_secret_value() if token else None, self.recent)
        self.cold_start = ColdStart(settings.worker_wake_seconds, self._probe, self.name, lambda: self.recent.is_down)
        self._reads = ReadSlots(min(MAX_READS, settings.max_generations))
        self._models = CoalescedRead(self._read_models)
        self._names = CoalescedRead(lambda: self._get("/models", ModelList, IMPROVING_SECONDS))
        self._last_names: frozenset[str] = frozenset()
        self._accepted_health = CoalescedRead(self._read_accepted_health)
        self._observed = CoalescedRead(self._observe)
        self.weights = WorkerWeights(self._connection, self.cold_start, self._reads, self._models.expire)
        """What it keeps in memory."""

    @property
    def configured(self) -> bool:
        """Return whether there is an address to send requests to."""
        return self._connection.url is not None

    @property
    def each(self) -> "tuple[WorkerClient, ...]":
        """Return the client of each render worker: this one alone."""
        return (self,)

    @property
    def identity(self) -> str:
        """Return by what this worker is known after a restart, and to other processes: a hash of its address."""
        return hashlib.sha256((self._connection.url or "").encode()).hexdigest()[:16]

    @property
    def is_awake(self) -> bool:
        """Return whether the worker surely does not sleep."""
        return self.recent.is_awake

    @property
    def last_known(self) -> LastKnown | None:
        """Return its state at the last contact; None before the first."""
        return self._connection.last_known

    @property
    def expected_wake_seconds(self) -> int:
        """Return in how many seconds the worker is likely to be up."""
        return self.cold_start.expected_seconds

    def models(self, client: str | None = None) -> ModelList:
        """Return the names that `model` accepts, as the worker gave them a few seconds ago at most."""
        with self._reads.slot(client) as abort:
            return self._models.get(abort)

    def model_names(self, client: str | None = None) -> frozenset[str]:
        """Return the names that `model` accepts; those last known, or none, if the worker does not answer at once."""
        with contextlib.suppress(ApiError), self._reads.slot(client) as abort:
            self._last_names = frozenset(it.name for it in self._names.get(abort).models)
        return self._last_names

    @property
    def known_models(self) -> ModelList | None:
        """Return the models by the worker's last word, however old; None if there was none."""
        return self.recent.last(ModelList)

    def look(self, seconds: float) -> WorkerHealth:
        """Return the worker's health of now, without a sign to `recent` that it has work which keeps it awake.

        Raises DeadlinePassed if it does not answer within `seconds`, and WorkerUnavailable as `send`.
        """
        with self.recent.observing():
            health = self._get("/health", WorkerHealth, seconds)
            self._connection.note(health.status)
        return health

    def mark_lost(self) -> None:
        """Take note that the worker answers no more."""
        self._connection.note("unreachable")

    def health(self) -> WorkerHealth:
        """Return the worker's health of now, without a retry: a cold start is a state to report."""
        return self._probe(QUICK_SECONDS)

    def accepted_health(self, client: str | None = None) -> WorkerHealth:
        """Return the worker's health of the last few seconds. Raises WorkerUnavailable if it refuses the token."""
        with self._reads.slot(client) as abort:
            return self._accepted_health.get(abort)

    def wake(self, seconds: float, client: str | None = None) -> WorkerHealth | None:
        """Start the worker in the background. Return its health, None if it is not up within `seconds`."""
        if not self.configured:
            raise WorkerNotConfigured(NOT_CONFIGURED)
        with self._reads.slot(client) as abort:
            return self.cold_start.begin(seconds, abort)

    def image(
        self, name: str, method: str, headers: Mapping[str, str], client: str | None = None, *, wake: bool = True
    ) -> WorkerReply:
        """Return the response with a stored picture, its body unread; the caller closes it.

        Without `wake` there is one attempt, a short one of a HEAD, which neither begins nor awaits a cold start.
        """
        seconds = QUICK_SECONDS if wake or method != "HEAD" else IMPROVING_SECONDS

        def attempt() -> WorkerReply:
            return self.send(method, f"/images/{name}", seconds, headers=headers)

        return self._read(attempt, client, wake=wake)

    def delete_image(self, name: str, client: str | None = None) -> WorkerReply:
        """Have the worker delete a stored picture, and return its response, its body unread; the caller closes it."""
        return self._read(lambda: self.send("DELETE", f"/images/{name}", DELETION_SECONDS), client, wake=True)

    def kept_recipe(self, address: str, client: str | None = None, *, wake: bool = True) -> Recipe | None:
        """Return the recipe that the worker keeps of its picture at an address; None if it, or an older one, does not.

        Raises an ApiError if the worker cannot be reached. `wake` is as in `image`.
        """
        stored = WORKER_PATH.fullmatch(address)
        return self._read(lambda: self._read_recipe(stored[1]), client, wake=wake) if stored else None

    def observe(self, client: str | None = None) -> None:
        """Read the health and the models for `recent`, unless that has them, if the worker is surely awake.

        A worker that is only observed may fall asleep: this is no request of a client's that keeps it awake.
        """
        if self.recent.is_awake and not (self.recent.reply(WorkerHealth) and self.recent.reply(ModelList)):
            with contextlib.suppress(ApiError), self._reads.slot(client) as abort:
                self._observed.get(abort)

    def has_request(self, request_id: str) -> bool:
        """Return whether the worker says that it has a request; False if it does not say so at once."""
        with (
            contextlib.suppress(ApiError),
            self.send("GET", f"/requests/{request_id}/known", IMPROVING_SECONDS) as reply,
        ):
            return bool(reply.status_code == HTTPStatus.NO_CONTENT)
        return False

    def cancel(self, request_id: str) -> None:
        """Have the worker cancel a request; one that cannot be reached is asked once more."""
        for pause in CANCEL_PAUSES:
            time.sleep(pause)
            try:
                self.send("DELETE", f"/requests/{request_id}", CANCEL_SECONDS).close()
                return
            except DeadlinePassed as error:  # it has the request, for when it goes on
                problem: ApiError = error
                break
            except ApiError as error:
                problem = error
        log.warning("%s: the %s was not told of its cancellation: %s", request_id, self.name, problem)

    def stop(self) -> None:
        """End every wait for a cold start, and close the connections that are idle."""
        self.cold_start.stop()
        self._connection.close()

    def send(
        self,
        method: str,
        path: str,
        seconds: float,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> WorkerReply:
        """Send one request and return the worker's response, its body unread, as WorkerConnection does."""
        return self._connection.send(method, path, seconds, body, headers)

    def _read(self, attempt: Callable[[], T], client: str | None, *, wake: bool) -> T:
        with self._reads.slot(client) as abort:
            if wake:
                return self._retry(attempt, abort)
            with abort.over_connections():
                return run_probe(attempt)

    def _retry(self, attempt: Callable[[], T], abort: Abort) -> T:
        return self.cold_start.retry(lambda: run_probe(attempt), Deadline.after(READ_RETRY_SECONDS), abort=abort)

    def _read_models(self) -> ModelList:
        return self._retry(lambda: self._get("/models", ModelList, QUICK_SECONDS), Abort())

    def _read_recipe(self, name: str) -> Recipe | None:
        deadline = Deadline.after(QUICK_SECONDS)
        with self.send("GET", f"/recipes/{name}", QUICK_SECONDS) as reply:
            return parsed_recipe(read_body(reply, deadline)) if reply.status_code == HTTPStatus.OK else None

    def _read_accepted_health(self) -> WorkerHealth:
        self._get("/models", ModelList, QUICK_SECONDS)  # requires the token, which /health does not
        return self.health()

    def _observe(self) -> None:
        with self.recent.observing():
            for path, model in (("/models", ModelList), ("/health", WorkerHealth)):
                run_probe(lambda path=path, model=model: self._get(path, model, IMPROVING_SECONDS))  # type: ignore[misc]

    def _probe(self, seconds: float) -> WorkerHealth:
        health = run_probe(lambda: self._get("/health", WorkerHealth, seconds))
        self._connection.note(health.status)
        return health

    def _get(self, path: str, model: type[M], seconds: float) -> M:
        deadline = Deadline.after(seconds)
        with self.send("GET", path, seconds) as reply:
            text = read_body(reply, deadline)
        parsed = parse_reply(reply, text, path, model)
        self.recent.keep(parsed)
        return parsed
