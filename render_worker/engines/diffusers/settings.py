"""Settings of the engine `diffusers`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Listed

ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$")]
"""A name of the registry, a repository of the Hub, or a folder below MODEL_CACHE_DIR."""


class DiffusersSettings(EngineSettings):
    """Settings of the models, the LoRAs and the device."""

    title = "Engine `diffusers`"
    concurrency_setting = "diffusers_concurrency"

    default_model_id: ModelName = Field(
        "sd-xl-base",
        description="Model of requests that name the engine, by its name in /models or at the Hub, such as"
        " stabilityai/stable-diffusion-xl-base-1.0.",
    )
    model_cache_dir: Path = Field(
        Path(".data/models"), description="Folder of models; each folder in it with a model_index.json is one."
    )
    diffusers_models: Listed[ModelName] = Field(
        (), description="Further models that may be loaded from the Hub, by their repositories, separated by commas."
    )
    lora_dir: Path = Field(Path(".data/loras"), description="Folder of LoRAs, each a .safetensors file in it.")
    diffusers_loras: Listed[ModelName] = Field(
        (), description="LoRAs that may be loaded from the Hub, by their repositories, separated by commas."
    )
    diffusers_lora_limit: int = Field(
        8, ge=1, le=1000, description="LoRAs in memory with each model; the one that was used longest ago leaves first."
    )
    hf_home: Path | None = Field(None, description="Folder of what is downloaded from the Hub; unset means its own.")
    torch_home: Path | None = Field(None, description="PyTorch's folder of downloads; unset means its own.")
    cuda_visible_devices: str | None = Field(None, description="GPUs that PyTorch may use, by number.")
    torch_threads: int | None = Field(
        None,
        ge=1,
        le=256,
        description="CPU threads of PyTorch; unset means one on a GPU, else as many as cores. With another number the"
        " same seed gives a slightly different picture.",
    )
    diffusers_precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="Numbers of the weights: auto takes bf16 or fp16 on a GPU, and fp32 on a CPU.",
    )
    diffusers_memory_mb: int | None = Field(
        None,
        ge=1,
        description="Memory for models, in MiB; unset means 90 % of the GPU's, or half of the machine's on a CPU.",
    )
    diffusers_steps: int = Field(25, ge=1, le=100, description="Denoising steps if a request names none.")
    diffusers_batch: int = Field(4, ge=1, le=16, description="Pictures that may be made at a time; 1 means no batches.")
    diffusers_batch_pixels: int = Field(
        768 * 768, ge=0, description="Largest picture, in pixels, that is made in a batch: larger ones gain nothing."
    )
    diffusers_concurrency: int = Field(
        8,
        ge=1,
        le=64,
        description="Requests at a time, which wait for the one thread that makes pictures.",
    )
    diffusers_seconds: float = Field(600, gt=0, description="Limit of a picture, its model's loading included.")
    safety_checker: bool = Field(
        False,
        description="Whether pictures are checked by the model's own safety checker, if it has one, and flagged ones "
        "are black. NSFW=flag and refuse have it check, too, and leave them as they are.",
    )
    log_dir: Path | None = Field(
        None, description="Folder of generations.jsonl, with a JSON line for each picture; unset means the log alone."
    )
    log_prompts: bool = Field(False, description="Whether these lines have the prompt.")

    @property
    def checks_pictures(self) -> bool:
        """Return whether the model's own safety checker is loaded."""
        return self.safety_checker or self.nsfw != "allow"
