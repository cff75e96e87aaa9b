"""The models and LoRAs of several render workers: each that keeps any is asked, side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from image_api.dispatch.pool.pooled_worker import PooledWorker
from image_api.dispatch.weights_union import union_of_loaded, union_of_loras, union_of_states
from image_api.dispatch.worker_client import WorkerClient
from image_api.dispatch.worker_weights import WorkerWeights
from image_api.errors import ApiError, EngineNotConfigured, InvalidParameter, WorkerUnavailable
from render_worker.contract import LoadedModel, LoadModelRequest, LoraList, LoraRequest, LoraState, ModelList

NONE_ANSWERS = "No render worker answers."

T = TypeVar("T")


class PooledWeights:
    """What the workers keep in memory that keep models themselves. Thread-safe."""

    def __init__(self, workers: tuple[PooledWorker, ...]) -> None:
        self._workers = workers

    def load_model(self, request: LoadModelRequest, client: str | None = None) -> LoadedModel:
        """Have each that keeps models itself load one, and return its state when all have, or at the timeout."""
        return union_of_loaded(self._ask(lambda it: it.load_model(request, client)))

    def loras(self, client: str | None = None) -> LoraList:
        """Return every LoRA that `lora_path` accepts with one of the workers."""
        return union_of_loras(self._ask(lambda it: it.loras(client)))

    def load_lora(self, request: LoraRequest, client: str | None = None) -> LoraState:
        """Have each that keeps models itself check a LoRA against one, and keep it with that."""
        return union_of_states(self._ask(lambda it: it.load_lora(request, client)))

    def unload_lora(self, request: LoraRequest, client: str | None = None) -> LoraState:
        """Have each that keeps models itself remove a LoRA from every model."""
        return union_of_states(self._ask(lambda it: it.unload_lora(request, client)))

    def _ask(self, request: Callable[[WorkerWeights], T]) -> Sequence[T]:
        """Return the replies of those that know what is asked for.

        One that is lost, that has no such engine, or that does not know the model or the LoRA, is left out if another
        replies. Raises the ApiError that says most if none does, and that of one which fails.
        """
        asked = [it.client for it in self._workers if not it.is_lost and may_keep_models(it.client)]
        outcomes: list[T | ApiError] = []
        with ThreadPoolExecutor(max(1, len(asked))) as threads:
            outcomes.extend(threads.map(lambda client: _outcome(request, client.weights), asked))
        replies = [it for it in outcomes if not isinstance(it, ApiError)]
        errors = sorted((it for it in outcomes if isinstance(it, ApiError)), key=_rank)
        if errors and (not replies or _rank(errors[0]) == 0):
            raise errors[0]
        if not replies:
            raise self._none_asked()
        return replies

    def _none_asked(self) -> ApiError:
        """Return the error if no worker was asked: of one that is lost it is not known what it has."""
        if any(it.is_lost and may_keep_models(it.client) for it in self._workers):
            return WorkerUnavailable(NONE_ANSWERS)
        return EngineNotConfigured("No render worker has an engine that keeps models itself.")


def may_keep_models(client: WorkerClient) -> bool:
    """Return whether a worker has an engine that keeps models itself, as far as its last word is known."""
    known = client.recent.last(ModelList)
    return known is None or any(model.loaded is not None for model in known.models)


def _outcome(request: Callable[[WorkerWeights], T], weights: WorkerWeights) -> T | ApiError:
    try:
        return request(weights)
    except ApiError as error:
        return error.with_traceback(None)


def _rank(error: ApiError) -> int:
    """Return the place of an error among those of several workers: one that failed says more than one that has not."""
    code = error.body().code
    if code == EngineNotConfigured.code:
        return 3
    if isinstance(error, WorkerUnavailable):
        return 2
    return 1 if code == InvalidParameter.code else 0
