"""The interface of engines that keep weights themselves: models are loaded, and LoRAs added to them, by request."""

from abc import abstractmethod

from render_worker.contract import (
    ENABLE_KEEPING_ENGINE,
    LoadedModel,
    LoadModelRequest,
    LoraList,
    LoraRequest,
    LoraState,
)
from render_worker.engines.base import Engine
from render_worker.errors import EngineNotConfigured, InvalidParameter


class EngineNotEnabled(EngineNotConfigured):
    """Raised if a request needs an engine that keeps weights itself, and none is enabled."""

    status = 503
    hint = ENABLE_KEEPING_ENGINE


class ModelNotEnabled(InvalidParameter):
    """Raised if a request names a model that is known to be of such an engine, and none is enabled."""

    hint = ENABLE_KEEPING_ENGINE


class LoadingEngine(Engine):
    """An engine whose models and LoRAs are loaded by request. All of it runs on the runtime's loop."""

    @abstractmethod
    async def load_model(self, request: LoadModelRequest) -> LoadedModel:
        """Load a model beside those in use, and return its state, at the latest after the request's timeout.

        A model for which there is no room takes the place of the one that was used longest ago. Requests in flight are
        not disturbed. Raises InvalidParameter if there is no model of that name, an EngineError if it cannot be loaded.
        """

    @abstractmethod
    async def loras(self) -> LoraList:
        """Return every LoRA that `lora_path` accepts."""

    @abstractmethod
    async def load_lora(self, request: LoraRequest) -> LoraState:
        """Check a LoRA against a model, and keep it in memory with that, which is loaded first.

        Raises InvalidParameter if there is none of that name or if it does not fit.
        """

    @abstractmethod
    async def unload_lora(self, request: LoraRequest) -> LoraState:
        """Remove a LoRA from every model. Raises InvalidParameter if there is none of that name."""
