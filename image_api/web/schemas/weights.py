"""Models and LoRAs that a render worker keeps in memory: what is loaded or unloaded, and the state after it."""

from typing import Annotated, Literal, Self

from pydantic import Field

from image_api.web.parameter_names import NAMES
from image_api.web.schemas.response_model import ResponseModel
from render_worker.contract import (
    MODEL_PATTERN,
    Fields,
    LoadedModel,
    LoadModelRequest,
    Lora,
    LoraList,
    LoraRequest,
    LoraState,
)

OF_MODEL, OF_LORA = LoadModelRequest.model_fields, LoraRequest.model_fields
INSTEAD = {"model": f"{NAMES['model']} is its name here"}


class LoadModelBody(Fields):
    """The body of POST /v1/models/load."""

    other_names = INSTEAD

    model_id: str = Field(pattern=MODEL_PATTERN, description="the name of a model from /v1/models")
    """The model to load."""
    timeout_seconds: Annotated[float, OF_MODEL["timeout_seconds"]] = OF_MODEL["timeout_seconds"].default
    """How long the response waits for it, in seconds; it goes on being loaded after that."""

    def request(self) -> LoadModelRequest:
        """Return what the render worker is asked for."""
        return LoadModelRequest(model=self.model_id, timeout_seconds=self.timeout_seconds)


class LoadedModelState(ResponseModel):
    """The state of a model that was to be loaded."""

    success: Literal[True] = True
    model_id: str
    loaded: bool
    """`false` with a 202: it is still being loaded."""
    seconds: float
    """For which it was loaded, or waited for; 0 if it was loaded already."""
    size_bytes: int | None = None
    """What its weights take on disk."""
    unloaded: list[str]
    """The models that had to leave the memory for it."""
    request_id: str

    @classmethod
    def of(cls, state: LoadedModel, request_id: str) -> Self:
        """Return the state as the render worker told it."""
        return cls(model_id=state.model, request_id=request_id, **state.model_dump(exclude={"model"}))


class LoraBody(Fields):
    """The body of POST /v1/loras/load and /v1/loras/unload."""

    other_names = INSTEAD

    lora_path: Annotated[str, OF_LORA["lora_path"]]
    model_id: str | None = Field(
        None, pattern=MODEL_PATTERN, description="the name of a model from /v1/models, or left out"
    )
    """The model that it is checked against and added to; if left out, the default model. Unloading is from all."""

    def request(self) -> LoraRequest:
        """Return what the render worker is asked for."""
        return LoraRequest.parse([("lora_path", self.lora_path), ("model", self.model_id)])


class LoraLoaded(ResponseModel):
    """The state of a LoRA that was to be loaded or unloaded."""

    success: Literal[True] = True
    lora_path: str
    loaded: bool
    model_id: str | None = None
    """The model that it was added to; left out if it was unloaded."""
    request_id: str

    @classmethod
    def of(cls, state: LoraState, request_id: str) -> Self:
        """Return the state as the render worker told it."""
        return cls(lora_path=state.lora_path, loaded=state.loaded, model_id=state.model, request_id=request_id)


class Loras(ResponseModel):
    """Every LoRA that `lora_path` accepts."""

    success: Literal[True] = True
    loras: list[Lora]

    @classmethod
    def of(cls, known: LoraList) -> Self:
        """Return those that the render worker has."""
        return cls(loras=known.loras)
