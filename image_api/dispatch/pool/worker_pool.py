"""Several render workers as one: what each knows together, and what one of them can do by whichever is fit for it."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from image_api.dispatch.model_union import union
from image_api.dispatch.pool.load_balancer import LoadBalancer
from image_api.dispatch.pool.picture_search import Locations, PictureSearch
from image_api.dispatch.pool.pooled_weights import PooledWeights
from image_api.dispatch.pool.pooled_worker import PooledWorker
from image_api.dispatch.recent_contact import LastKnown, best_of
from image_api.dispatch.validation import WORKER_PATH
from image_api.dispatch.worker_client import WorkerClient
from image_api.dispatch.worker_connection import READ_RETRY_SECONDS
from image_api.errors import ApiError, DeadlinePassed, WorkerUnavailable
from image_api.outbound.reply import WorkerReply
from image_api.settings import Settings
from render_worker.contract import ModelList, Recipe, WorkerHealth
from render_worker.serving.deadline import Deadline

HELD_SECONDS = 1.0  # in which a worker that is up answers, before the next one is tried as well


class WorkerPool:
    """The render workers of PERCHANCE_WORKER_URL. Thread-safe."""

    configured = True

    def __init__(self, settings: Settings, locations: Locations) -> None:
        """Look up and remember in `locations` which worker has a picture."""
        self._stopped: Future[None] = Future()
        clients = (WorkerClient(settings, number) for number, _ in enumerate(settings.worker_urls, 1))
        self.workers = tuple(PooledWorker(client, self._stopped) for client in clients)
        self.balancer = LoadBalancer(self.workers, settings.worker_wake_seconds)
        self._locations = locations
        self._search = PictureSearch(self.workers, locations)
        self.weights = PooledWeights(self.workers)

    @property
    def each(self) -> tuple[WorkerClient, ...]:
        """Return the client of each worker, in the order of the setting."""
        return tuple(worker.client for worker in self.workers)

    @property
    def is_awake(self) -> bool:
        """Return whether one surely does not sleep."""
        return any(client.is_awake for client in self.each)

    @property
    def last_known(self) -> LastKnown | None:
        """Return the best of the workers' states at their last contact; None before the first."""
        return best_of(known for it in self.each if (known := it.last_known))

    @property
    def expected_wake_seconds(self) -> int:
        """Return in how many seconds one is likely to be up."""
        return self.balancer.expected_seconds

    def models(self, client: str | None = None) -> ModelList:
        """Return the models of all workers; of one that sleeps the last known.

        One that was never heard of is asked once; if none is up one is woken. Raises an ApiError if none answers.
        """
        if not self.is_awake:
            self._wake_for_models(client)
        for worker in self.workers:
            heard_of = worker.is_lost or worker.client.recent.last(ModelList)
            if worker.is_up or not heard_of:
                worker.client.model_names(client)
        if not any(worker.known_models for worker in self.workers):
            self._wake_for_models(client)
        return union([known for worker in self.workers if (known := worker.known_models)])

    def model_names(self, client: str | None = None) -> frozenset[str]:
        """Return the names that `model` accepts; those last known, or none, if no worker answers at once."""
        return frozenset().union(
            *(client_.model_names(client) for client_ in self.each if client_.is_awake or not self.is_awake)
        )

    @property
    def known_models(self) -> ModelList | None:
        """Return the models by the workers' last words, however old; None if there was none."""
        return union(told) if (told := [known for it in self.each if (known := it.known_models)]) else None

    def accepted_health(self, client: str | None = None) -> WorkerHealth:
        """Return the best health of the last few seconds. Raises WorkerUnavailable if none accepts the token."""
        found: list[WorkerHealth] = []
        errors: list[ApiError] = []
        for worker in self._by_state():
            if any(health.ready for health in found):
                break
            try:
                found.append(worker.client.accepted_health(client))
            except ApiError as error:
                errors.append(error)
                if error.body().code == DeadlinePassed.code:
                    worker.client.mark_lost()  # it holds connections: the others are asked before it now
        if not found:
            raise errors[0]
        return next((health for health in found if health.ready), found[0])

    def wake(self, seconds: float, client: str | None = None) -> WorkerHealth | None:
        """Start a worker in the background. Return its health, None if none is up within `seconds`.

        The next is started as well if one does not answer the first probe. Raises WorkerUnavailable if all failed.
        """
        deadline = Deadline.after(seconds)
        problem: WorkerUnavailable | None = None
        for worker in self._by_state():
            try:
                if health := worker.client.wake(deadline.at_most(HELD_SECONDS), client):
                    return health
            except WorkerUnavailable as error:
                problem = error
                continue
            if not worker.is_lost:
                return None
        if problem and not any(it.cold_start.in_progress for it in self.each):
            raise problem
        return None

    def image(
        self, name: str, method: str, headers: Mapping[str, str], client: str | None = None, *, wake: bool = True
    ) -> WorkerReply:
        """Return the response with a stored picture, its body unread; the caller closes it."""
        return self._search.image(name, method, headers, client, wake=wake)

    def kept_recipe(self, address: str, client: str | None = None, *, wake: bool = True) -> Recipe | None:
        """Return the recipe that a worker keeps of its picture at an address; None if none does."""
        stored = WORKER_PATH.fullmatch(address)
        return self._search.recipe(stored[1], address, client, wake=wake) if stored else None

    def note_location(self, address: str, worker: PooledWorker) -> None:
        """Remember the worker that has the picture at an address, unless a storage outside has it."""
        if stored := WORKER_PATH.fullmatch(address):
            self._locations.put(stored[1], worker.client.identity)

    def holder_of(self, request_id: str) -> PooledWorker | None:
        """Return the worker that has a request in flight or its result; None if none says so at once."""
        asked = [worker for worker in self.workers if not worker.has_failed]
        with ThreadPoolExecutor(max(1, len(asked))) as threads:
            found = threads.map(lambda worker: worker.client.has_request(request_id), asked)
            return next((worker for worker, has in zip(asked, found, strict=True) if has), None)

    def observe(self, client: str | None = None) -> None:
        """Read the health and the models of those that are surely awake, unless they are known."""
        for each in self.each:
            each.observe(client)

    def stop(self) -> None:
        """End every wait for a worker, and close the connections that are idle."""
        if not self._stopped.done():
            self._stopped.set_result(None)
        for client in self.each:
            client.stop()

    def _by_state(self) -> Iterator[PooledWorker]:
        """Yield those that are up first, and last those that are lost."""
        return iter(sorted(self.workers, key=lambda it: (not it.is_up, it.is_lost)))

    def _wake_for_models(self, client: str | None) -> None:
        """Read the models of the first worker that answers. Raises an ApiError if none does."""
        errors: list[ApiError] = []
        deadline = Deadline.after(READ_RETRY_SECONDS)
        for worker in self._by_state():
            if errors and deadline.expired:
                break
            try:
                worker.client.models(client)
            except ApiError as error:
                errors.append(error)
            else:
                return
        raise errors[0]
