"""Settings of the engine `comfyui`."""

from pathlib import Path

from pydantic import Field

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Secret, Url


class ComfyUISettings(EngineSettings):
    """Settings of a ComfyUI server and of its workflows."""

    title = "Engine `comfyui`"
    concurrency_setting = "comfyui_concurrency"

    comfyui_url: Url | None = Field(None, repr=False, description="Address of the server, like http://127.0.0.1:8188.")
    comfyui_token: Secret | None = Field(
        None, description="Bearer token for a proxy before the server, which has no accounts of its own."
    )
    comfyui_checkpoint: str | None = Field(
        None, max_length=200, description="Checkpoint by its file's name there; unset means the first of its list."
    )
    comfyui_workflow: Path | None = Field(
        None, description="File of a workflow in API format with placeholders; unset means one for checkpoints."
    )
    comfyui_edit_workflow: Path | None = Field(
        None, description="The same for requests with an image; with COMFYUI_WORKFLOW alone there are none."
    )
    comfyui_steps: int = Field(
        25, ge=1, le=150, description="Sampling steps if a request names none, as {{steps}} in a workflow."
    )
    comfyui_sampler: str = Field("euler", min_length=1, max_length=100, description="Sampler, as {{sampler}}.")
    comfyui_scheduler: str = Field("normal", min_length=1, max_length=100, description="Scheduler, as {{scheduler}}.")
    comfyui_concurrency: int = Field(
        1, ge=1, le=64, description="Pictures at a time; a server makes one after the other."
    )
    comfyui_seconds: float = Field(30, gt=0, le=600, description="Limit of one HTTP request to it, in seconds.")
    comfyui_poll_seconds: float = Field(
        1, ge=0.05, le=60, description="Pause between two looks at a picture's progress while it says nothing."
    )
