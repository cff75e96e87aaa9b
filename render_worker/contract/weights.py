"""Weights that a render worker keeps itself: loading a model, and the LoRAs that can be added to one."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from render_worker.contract.fields import Fields
from render_worker.contract.recipe import LORA_PATTERN, MODEL_PATTERN, below_its_folder

MAX_LOAD_SECONDS = 3600
KEEPING_ENGINE = "diffusers"
"""The engine that keeps weights itself, and the name of its default model."""
KEEPING_ENGINE_NAMES = frozenset(
    {
        *(KEEPING_ENGINE, "sd-xl-base", "sd-2-1", "sd-1-5", "stabilityai/stable-diffusion-xl-base-1.0"),
        *("stabilityai/stable-diffusion-2-1", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
    }
)
"""Names that are known to be of its models, also if it is not enabled."""
ENABLE_KEEPING_ENGINE = "Add diffusers to ENGINES in the render worker's environment; its guide says what that needs."
"""The hint of an error of either tier that it is not enabled."""

_Seconds = Annotated[
    float,
    Field(gt=0, le=MAX_LOAD_SECONDS, allow_inf_nan=False, description="a number of seconds above 0, 3,600 at most"),
]


class LoadModelRequest(Fields):
    """Which model is loaded: the body of `POST /models/load`."""

    model: str = Field(pattern=MODEL_PATTERN, description="the name of a model from /models")
    timeout_seconds: _Seconds = 300.0
    """How long the response waits for it; it goes on being loaded after that."""


class LoadedModel(BaseModel):
    """The state of a model that was to be loaded."""

    success: Literal[True] = True
    model: str
    loaded: bool
    """False if it is still being loaded."""
    seconds: float
    """For which it was loaded, or waited for; 0 if it was loaded already."""
    size_bytes: int | None = None
    """What its weights take on disk; None if that is not known yet."""
    unloaded: list[str] = []
    """The models that had to leave the memory for it."""


class LoraRequest(Fields):
    """Which LoRA is loaded or unloaded: the body of `POST /loras/load` and `POST /loras/unload`."""

    lora_path: Annotated[str, AfterValidator(below_its_folder)] = Field(
        pattern=LORA_PATTERN, description="the name of a LoRA from /v1/loras/list"
    )
    model: str | None = Field(
        None, pattern=MODEL_PATTERN, description="the name of a model from /models, or left out for the default model"
    )
    """The model that it is checked against and added to."""


class Lora(BaseModel):
    """A LoRA that `lora_path` accepts."""

    lora_path: str
    size_bytes: int | None = None
    """None if it is not downloaded yet."""
    loaded: bool
    """Whether it is in memory with one of the loaded models."""
    fits: list[str] = []
    """The loaded models that it fits."""
    problem: str | None = None
    """Why the file is no LoRA that can be used; None if it is one."""


class LoraList(BaseModel):
    """Every LoRA that `lora_path` accepts."""

    loras: list[Lora]


class LoraState(BaseModel):
    """The state of a LoRA that was to be loaded or unloaded."""

    success: Literal[True] = True
    lora_path: str
    loaded: bool
    model: str | None = None
    """The model that it was added to; None if it was unloaded, which is from every model."""
