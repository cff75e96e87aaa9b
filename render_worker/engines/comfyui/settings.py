"""Settings of the engine `comfyui`."""

from pydantic import Field

from render_worker.engines.settings import EngineSettings
from render_worker.setting_types import Url


class ComfyUISettings(EngineSettings):
    """Settings of ComfyUI."""

    title = "Engine `comfyui`"

    comfyui_url: Url | None = Field(None, description="Address of the server.")
