"""What the views need of the render workers, whether there is one or several."""

from collections.abc import Mapping
from typing import Protocol

from image_api.dispatch.recent_contact import LastKnown
from image_api.dispatch.worker_client import WorkerClient
from image_api.outbound.reply import WorkerReply
from render_worker.contract import (
    LoadedModel,
    LoadModelRequest,
    LoraList,
    LoraRequest,
    LoraState,
    ModelList,
    Recipe,
    WorkerHealth,
)


class Weights(Protocol):
    """The models and LoRAs that render workers keep in memory. All methods are as WorkerWeights describes them."""

    def load_model(self, request: LoadModelRequest, client: str | None = None) -> LoadedModel:
        """Have each that keeps models itself load one, and return its state when all have, or at the timeout."""

    def loras(self, client: str | None = None) -> LoraList:
        """Return every LoRA that `lora_path` accepts."""

    def load_lora(self, request: LoraRequest, client: str | None = None) -> LoraState:
        """Have each that keeps models itself check a LoRA against one, and keep it with that."""

    def unload_lora(self, request: LoraRequest, client: str | None = None) -> LoraState:
        """Have each that keeps models itself remove a LoRA from every model."""


class RenderWorkers(Protocol):
    """The render workers of PERCHANCE_WORKER_URL, asked as one. Thread-safe.

    A WorkerClient is the only one, a WorkerPool are several. All methods are as WorkerClient describes them.
    """

    @property
    def each(self) -> tuple[WorkerClient, ...]:
        """Return the client of each, in the order of the setting."""

    @property
    def configured(self) -> bool:
        """Return whether there is an address to send requests to."""

    @property
    def is_awake(self) -> bool:
        """Return whether one surely does not sleep."""

    @property
    def last_known(self) -> LastKnown | None:
        """Return the best of their states, each at its last contact; None before the first."""

    @property
    def expected_wake_seconds(self) -> int:
        """Return in how many seconds one is likely to be up."""

    def models(self, client: str | None = None) -> ModelList:
        """Return the names that `model` accepts, as the workers gave them a few seconds ago at most."""

    def model_names(self, client: str | None = None) -> frozenset[str]:
        """Return the names that `model` accepts; those last known, or none, if no worker answers at once."""

    @property
    def known_models(self) -> ModelList | None:
        """Return the models as they were last told of, however long ago; None if they never were. It asks none."""

    def accepted_health(self, client: str | None = None) -> WorkerHealth:
        """Return the best health of the last few seconds. Raises WorkerUnavailable if none accepts the token."""

    def wake(self, seconds: float, client: str | None = None) -> WorkerHealth | None:
        """Start one in the background. Return its health, None if it is not up within `seconds`."""

    def image(
        self, name: str, method: str, headers: Mapping[str, str], client: str | None = None, *, wake: bool = True
    ) -> WorkerReply:
        """Return the response with a stored picture, its body unread; the caller closes it."""

    def kept_recipe(self, address: str, client: str | None = None, *, wake: bool = True) -> Recipe | None:
        """Return the recipe that a worker keeps of its picture at an address; None if none does."""

    @property
    def weights(self) -> Weights:
        """Return what they keep in memory. Raises EngineNotConfigured if none of them ever keeps anything."""

    def observe(self, client: str | None = None) -> None:
        """Read the health and the models of those that are surely awake, unless they are known."""
